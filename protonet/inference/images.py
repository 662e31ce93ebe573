"""Images through a net with its weights: the values of one blob, image by image."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from protonet.api import graph_of, module_of
from protonet.arrays import Array
from protonet.data.classification import opened, prepared
from protonet.data.image_decode import Image
from protonet.data.progress import tracked
from protonet.device import device_kind
from protonet.diagnostics import NetError, proposed
from protonet.graph import Graph, Value
from protonet.inference.kinds import Meaning, chosen_blob, meaning
from protonet.inference.regions import RegionBlobs, region_blobs, region_rows
from protonet.layers.base import show
from protonet.preparation import Preparation
from protonet.schema.load import Readable
from protonet.selection import Selection
from protonet.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor, nn


ForwardPass = Callable[..., "dict[str, Tensor]"]  # takes the inputs in their order
Maker = Callable[[Readable, Selection, str], ForwardPass | None]  # of a net with weights


@dataclass(frozen=True, eq=False)
class ImageNet:
    """A net that takes images: the input that does, (n, c, h, w), and the blob looked at.

    ``blob`` is None where none was chosen and the net has several outputs; ``regions`` are those
    that say where things are together.
    """

    source: Readable
    selection: Selection
    graph: Graph
    input: str
    shape: Shape
    blob: str | None
    regions: RegionBlobs | None = None

    @property
    def blobs(self) -> tuple[str, ...]:
        """The blob, or every output where none was chosen, with what these speak of."""
        if self.blob is not None:
            return (self.blob,)
        if self.regions is not None:
            return self.regions.rois, self.regions.scores, self.regions.deltas
        return tuple(v.blob for v in self.graph.outputs if not v.producer.layer.is_data)

    @cached_property
    def plain(self) -> Preparation:
        """What is done to an image where nothing more is known: it is brought to the size."""
        _, channels, height, width = self.shape
        return Preparation(channels, height, width)

    def meaning(self, counts: Collection[int] = ()) -> Meaning:
        """What the blob is; ``counts`` are how many classes the caller has names for."""
        if self.regions is not None:
            return Meaning("boxes", self.graph.blobs[self.regions.scores].shape[1], True)
        return meaning(self.graph, self.blob, counts) if self.blob else Meaning("values")


def image_net(
    source: Readable, selection: Selection, blob: str | None = None, made: Graph | None = None
) -> ImageNet:
    """A net that takes images; ``made`` is its graph, where there is one.

    NetError where it has not one input of images, or no such blob.
    """
    made = made or graph_of(source, selection)
    if blob and blob not in made.blobs:
        raise NetError(
            f"the net has no blob {blob!r}", None, proposed(blob, made.blobs, "its blobs")
        )
    looked_at = blob or chosen_blob(made)
    regions = None if looked_at else region_blobs(made)
    outputs = [made.blobs[looked_at]] if looked_at else made.outputs
    sizes = regions.sizes if regions else None
    above = _above(outputs)
    needed = [value for value in made.inputs if value in above and value.blob != sizes]
    listed = ", ".join(f"{v.blob} ({show(v.shape)})" for v in needed) or "none"
    if len(needed) != 1:
        named = source if isinstance(source, str | os.PathLike) else "the net"
        what = f"{named} has the inputs {listed}; images go to a net that has one"
        raise NetError(what, None, "use the deploy.prototxt, which has no labels")
    (taking,) = needed
    if len(taking.shape) != 4 or taking.shape[1] not in (1, 3):
        raise NetError(f"the input {listed} is not (n, c, h, w) of 1 or 3 channels")
    return ImageNet(source, selection, made, taking.blob, taking.shape, looked_at, regions)


def _above(values: Sequence[Value]) -> set[Value]:
    """Some values, and all that they depend on."""
    seen: set[Value] = set()
    left = list(values)
    while left:
        value = left.pop()
        if value not in seen:
            seen.add(value)
            left += value.producer.inputs
    return seen


@dataclass(frozen=True)
class SeenImage:
    """An image file as it was read, as the net takes it, and the blobs that the net gave for it.

    ``image`` is None, and ``wrong`` says why, where it could not be read.
    """

    path: Path
    image: Image | None
    inputs: Array | None
    blobs: dict[str, Array] = field(default_factory=dict)
    wrong: str = ""


class Ready(Protocol):
    """What gives the form in which a net runs so many times on a device."""

    def __call__(self, net: nn.Module, /, *, passes: int, device: str) -> nn.Module:
        """A net with the same numbers."""
        ...


def _as_it_is(net: nn.Module, /, *, passes: int, device: str) -> nn.Module:  # noqa: ARG001 (Ready)
    return net


def seen_images(
    net: ImageNet,
    paths: Sequence[Path],
    preparation: Preparation,
    weights: str,
    *,
    ten_crop: bool = False,
    batch: int = 16,
    device: str = "auto",
    ready: Ready = _as_it_is,
    lenient: bool = False,
    has_bar: bool = False,
    engine: Maker | None = None,
) -> Iterator[SeenImage]:
    """Every image with its blobs, over its ten crops their mean.

    ``batch`` is how many inputs the net takes at a time; boxes are asked for one image at a time.
    ``ready`` makes the net fast for so many batches on a device; ``engine`` makes what computes in
    its place on the CPU, or None.
    NetError at a file that is no image, unless ``lenient``: then it is given without blobs.
    """
    views = 10 if ten_crop else 1
    each = 1 if net.meaning().kind == "boxes" else max(1, batch // views)
    read = partial(_read, preparation=preparation, ten_crop=ten_crop, lenient=lenient)
    first = [read(path) for path in paths[:each]]  # what fails does so before weights are read
    shape = (min(each, len(paths)) * views, *net.shape[1:])
    ready = partial(ready, passes=len(paths) // each)
    run = _runner(net, shape, weights, device, ready, engine)

    def found() -> Iterator[SeenImage]:
        for start in range(0, len(paths), each):
            part = first if start == 0 else [read(path) for path in paths[start : start + each]]
            inputs = [one.inputs for one in part if one.inputs is not None]
            rows = iter(run(np.concatenate(inputs), views) if inputs else [])
            for one in part:
                yield one if one.inputs is None else replace(one, inputs=None, blobs=next(rows))

    yield from tracked(found(), "images", len(paths)) if has_bar else found()


def _read(path: Path, preparation: Preparation, ten_crop: bool, lenient: bool) -> SeenImage:
    try:
        image = opened(path, preparation)
        return SeenImage(path, image, prepared(image, preparation, ten_crop))
    except ValueError as error:
        wrong = f"{path} can't be brought to the net's size: {error}"
    except NetError as error:
        wrong = error.message
    if not lenient:
        raise NetError(wrong)
    return SeenImage(path, None, None, wrong=wrong)


_Run = Callable[[Array, int], list[dict[str, Array]]]


def _runner(
    net: ImageNet,
    shape: Shape,
    weights: str,
    device: str,
    ready: Callable[..., nn.Module],
    engine: Maker | None,
) -> _Run:
    """A function from a batch, of so many views an image, to the blobs of each image."""
    import torch

    sized = {**net.selection.shapes, net.input: shape}
    selection = replace(net.selection, shapes=sized)
    made = graph_of(net.source, selection)
    grows = net.meaning().kind == "boxes"
    for blob in net.blobs:
        if made.blobs[blob].shape[:1] != shape[:1] and not grows:
            raise NetError(f"the blob {blob!r} has not one row for each image of a batch")
    selection = replace(selection, outputs=net.blobs)
    call = engine(net.source, selection, weights) if engine else None
    where = "cpu" if call else device_kind(device)
    if call is None:
        call = ready(module_of(net.source, selection, weights).to(where), device=where)
    others = _others(net, made, shape)

    def run(inputs: Array, views: int) -> list[dict[str, Array]]:
        # A net may hold its batch size in a Reshape; the last batch is filled up.
        lacking = np.zeros((shape[0] - len(inputs), *shape[1:]), np.float32)
        whole = torch.from_numpy(np.concatenate([inputs, lacking])).to(where)
        with torch.no_grad():
            blobs = call(*(whole if one is None else one.to(where) for one in others))
        rows: dict[str, Array] = {blob: blobs[blob].cpu().numpy() for blob in net.blobs}
        if net.regions is not None:
            rois, scores, deltas = rows.values()
            rows = {"boxes": region_rows(rois, scores, deltas, shape[2], shape[3])}
        if grows:
            return [rows]
        return _by_image(rows, len(inputs), views)

    return run


def _others(net: ImageNet, made: Graph, shape: Shape) -> list[Tensor | None]:
    """What the other inputs are given; None for that of the images."""
    import torch

    others = [None if v.blob == net.input else torch.zeros(v.shape) for v in made.inputs]
    if net.regions is not None:  # height, width and scale, of an image that is itself the original
        at = [v.blob for v in made.inputs].index(net.regions.sizes)
        others[at] = torch.tensor([[shape[2], shape[3], 1.0]])
    return others


def _by_image(rows: dict[str, Array], count: int, views: int) -> list[dict[str, Array]]:
    """The blobs of a batch as those of its images, each the mean over its views."""
    means = {
        blob: all_of[:count].reshape(-1, views, *all_of.shape[1:]).mean(1)
        for blob, all_of in rows.items()
    }
    return [{blob: own[i] for blob, own in means.items()} for i in range(count // views)]
