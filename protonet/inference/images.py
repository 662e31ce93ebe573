"""Images through a net with its weights: the values of one blob, for classes or features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from protonet.api import NetSource, graph_of, module_of
from protonet.arrays import Array
from protonet.data.classification import Preparation
from protonet.data.progress import tracked
from protonet.device import device_kind
from protonet.diagnostics import NetError, did_you_mean
from protonet.layers.base import show
from protonet.selection import Selection
from protonet.shape import Shape


@dataclass(frozen=True)
class ImageNet:
    """A net that takes images: its one input, (n, c, h, w), and the blob that is looked at.

    ``blob`` is None for the net's output.
    """

    source: NetSource
    selection: Selection
    input: str
    shape: Shape
    blob: str | None


def image_net(source: NetSource, selection: Selection, blob: str | None = None) -> ImageNet:
    """A net that takes images. NetError where it has not one input of images, or no such blob."""
    made = graph_of(source, selection)
    inputs = {value.blob: value.shape for value in made.inputs}
    if blob and blob not in made.blobs:
        raise NetError(f"the net has no blob {blob!r}", None, did_you_mean(blob, made.blobs))
    listed = ", ".join(f"{name} ({show(shape)})" for name, shape in inputs.items()) or "none"
    if len(inputs) != 1:
        what = f"{source} has the inputs {listed}; images go to a net that has one"
        raise NetError(what, None, "use the deploy.prototxt, which has no labels")
    ((name, shape),) = inputs.items()
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise NetError(f"the input {listed} is not (n, c, h, w) of 1 or 3 channels")
    return ImageNet(source, selection, name, shape, blob)


def blob_of_images(
    net: ImageNet,
    paths: Sequence[Path],
    prepare: Preparation,
    weights: str,
    *,
    batch: int = 16,
    device: str = "auto",
) -> tuple[Array, str]:
    """The blob of every image, (images, ...), over its ten crops their mean; and its name.

    ``batch`` is how many inputs the net takes at a time.
    """
    each = max(1, batch // prepare.views)
    size = min(each, len(paths)) * prepare.views
    shape = (size, prepare.channels, prepare.height, prepare.width)
    run, blob = _runner(net, shape, weights, device)
    found: list[Array] = []
    for inputs in _batches(paths, prepare, each):
        rows = run(inputs)
        found.append(rows.reshape(-1, prepare.views, *rows.shape[1:]).mean(1))
    return np.concatenate(found), blob


def _batches(paths: Sequence[Path], prepare: Preparation, each: int) -> Iterator[Array]:
    starts = range(0, len(paths), each)
    for start in tracked(starts, "batches", len(starts)) if len(starts) > 1 else starts:
        yield np.concatenate([prepare(path) for path in paths[start : start + each]])


def _runner(
    net: ImageNet, shape: Shape, weights: str, device: str
) -> tuple[Callable[[Array], Array], str]:
    """A function from a batch to the blob's rows, and the blob's name."""
    import torch

    sized = {**net.selection.shapes, net.input: shape}
    selection = replace(net.selection, shapes=sized)
    made = graph_of(net.source, selection)
    outputs = [value.blob for value in made.outputs if not value.producer.layer.is_data]
    if not net.blob and len(outputs) != 1:
        raise NetError(f"the net has the outputs {', '.join(outputs)}", None, "choose by --blob")
    blob = net.blob or outputs[0]
    if made.blobs[blob].shape[:1] != shape[:1]:
        raise NetError(f"the blob {blob!r} has not one row for each image of a batch")
    where = device_kind(device)
    module = module_of(net.source, replace(selection, outputs=(blob,)), weights).to(where)

    def run(inputs: Array) -> Array:
        # A net may hold its batch size in a Reshape; the last batch is filled up.
        lacking = np.zeros((shape[0] - len(inputs), *shape[1:]), np.float32)
        whole = torch.from_numpy(np.concatenate([inputs, lacking])).to(where)
        with torch.no_grad():
            rows: Array = module(whole)[blob].cpu().numpy()
        return rows[: len(inputs)]

    return run, blob
