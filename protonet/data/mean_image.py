"""The mean of a database's images, and the principal components of their colours."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protonet.data.cores import available_cores
from protonet.data.datum import datum_within, pixels
from protonet.data.image_decode import Image
from protonet.data.ordered import in_order
from protonet.data.records import Reader, Record
from protonet.diagnostics import NetError
from protonet.files import write_whole
from protonet.schema.pool import message

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Components:
    """The standard deviation of the colours along each component, and the components, a row each.

    In units of the pixels; the largest comes first, and its largest part is positive.
    """

    deviation: Numbers
    component: Numbers


@dataclass(frozen=True)
class Mean:
    """The mean image (channels, height, width) of so many, each channel's mean, and components."""

    image: NDArray[np.float32]
    count: int
    components: Components | None

    @property
    def channels(self) -> list[float]:
        """The mean of each channel, for mean_value."""
        return [float(value) for value in self.image.mean((1, 2), dtype=np.float64)]


def all_records(reader: Reader) -> Iterator[Record]:
    """Each record of a database once, from where the reader stands to the last."""
    while True:
        yield from reader.take(1)
        if reader.number == 0:
            return


def images_of(records: Iterable[Record], path: Path) -> Iterator[tuple[Record, Image]]:
    """Each record and its image. NetError, with number and key, where one has none."""

    def image(record: Record) -> tuple[Record, Image]:
        try:
            return record, pixels(datum_within(record.value), None)
        except ValueError as error:
            raise broken(path, record, error) from None

    return in_order(image, records, available_cores())


def broken(path: Path, record: Record, error: Exception) -> NetError:
    """The error of a record that can't be taken."""
    return NetError(f"{record} of {os.fspath(path)} can't be taken: {error}")


def mean_of(images: Iterable[tuple[Record, Image]], path: Path, pca: bool) -> Mean:
    """The mean of images that all have one size, and with ``pca`` their colours' components.

    The sum is in single precision, image by image, as Caffe's. NetError where sizes differ, or
    where ``pca`` meets other than 3 channels. Source: compute_image_mean.
    """
    total: NDArray[np.float32] | None = None
    colors = _Colors() if pca else None
    count = 0
    for record, image in images:
        if total is None:
            total = np.zeros(image.shape, np.float32)
        if image.shape != total.shape:
            what = f"it is {image.shape}, and the first image is {total.shape}"
            raise broken(path, record, ValueError(what))
        total += image
        if colors is not None:
            _refuse_gray(image, path)
            colors.add(image)
        count += 1
    assert total is not None
    mean = total / np.float32(count)
    return Mean(mean, count, colors.components() if colors is not None else None)


def _refuse_gray(image: Image, path: Path) -> None:
    if image.shape[0] != 3:
        what = f"{os.fspath(path)} has images of {image.shape[0]} channels"
        raise NetError(what, None, "--pca is for images of colour")


class _Colors:
    """The sums from which the covariance of the colours of all pixels follows."""

    def __init__(self) -> None:
        self._pixels = 0
        self._sum: Numbers = np.zeros(3)
        self._products: Numbers = np.zeros((3, 3))

    def add(self, image: Image) -> None:
        values = image.reshape(3, -1).astype(np.float64)
        self._pixels += values.shape[1]
        self._sum += values.sum(1)
        self._products += values @ values.T

    def components(self) -> Components:
        mean = self._sum / self._pixels
        covariance = self._products / self._pixels - np.outer(mean, mean)
        values, vectors = np.linalg.eigh(covariance)
        rows = vectors.T[::-1]
        largest = np.abs(rows).argmax(1)
        rows = rows * np.sign(rows[np.arange(3), largest])[:, None]
        return Components(np.sqrt(np.maximum(values[::-1], 0)), rows)


def write_mean(path: Path, mean: NDArray[np.float32]) -> None:
    """Write a mean image as Caffe does: a BlobProto of 1 by its three axes, in the old fields."""
    blob = message("BlobProto")
    blob.num, (blob.channels, blob.height, blob.width) = 1, mean.shape
    blob.data.extend(mean.reshape(-1).tolist())
    write_whole(path, blob.SerializeToString())
