"""Pooling as one MaxPool, AveragePool or their like over all, with pads instead of rounding up.

Runtimes disagree on what rounding up means at the far border, and on what an average divides by
there; with the pads written out there is nothing to disagree on.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from protonet.exporting.layers import Said, Site, says
from protonet.exporting.operators import operator
from protonet.graph import Node
from protonet.layers.contrib.pooling3d import Pooling3D
from protonet.layers.extent import Extent
from protonet.layers.pooling import Pooling

_MAX, _AVE = 0, 1


def _is_plain(node: Node) -> bool:
    """Whether it is a maximum without its places, or an average."""
    return len(node.outputs) == 1 and node.layer.p.pool in (_MAX, _AVE)


@says("Pooling", "Pooling3D", when=_is_plain)
def pooling(site: Site, x: Tensor) -> Said:
    """Caffe's windows; the layer's own statements where height and width are free."""
    layer, largest = site.node.layer, site.node.layer.p.pool == _MAX
    if getattr(layer.p, "global_pooling", False):
        shape = (*x.shape[:2], *[1] * (x.dim() - 2))
        return operator("GlobalMaxPool" if largest else "GlobalAveragePool", (x,), shape)
    if not all(isinstance(n, int) for n in x.shape[2:]):
        return site.own(x)
    extent = _extent(site.node)
    made = site.node.outputs[0].shape[2:]
    axes = zip(made, x.shape[2:], extent.kernel, extent.stride, extent.pad, strict=True)
    behind = [max(0, (out - 1) * s + k - p - n) for out, n, k, s, p in axes]
    window = {"kernel_shape": list(extent.kernel), "strides": list(extent.stride)}
    if largest:
        pads = [*extent.pad, *behind]
        return operator("MaxPool", (x,), (*x.shape[:2], *made), **window, pads=pads)
    return _average(x, extent, made, behind, window)


def _average(
    x: Tensor,
    extent: Extent,
    made: tuple[int, ...],
    behind: list[int],
    window: dict[str, list[int]],
) -> Tensor:
    """Caffe divides by a window's part inside the padding, which ends as far behind as before."""
    front, shape = list(extent.pad), (*x.shape[:2], *made)
    if all(end <= pad for end, pad in zip(behind, front, strict=True)):
        pads = [*front, *behind]
        return operator("AveragePool", (x,), shape, **window, pads=pads, count_include_pad=1)
    if any(front):
        x = F.pad(x, [pad for axis in reversed(front) for pad in (axis, axis)])
        behind = [max(0, end - pad) for end, pad in zip(behind, front, strict=True)]
    pads = [*[0] * len(front), *behind]
    return operator("AveragePool", (x,), shape, **window, pads=pads, count_include_pad=0)


def _extent(node: Node) -> Extent:
    layer = node.layer
    if isinstance(layer, Pooling):
        return layer.extent(node.inputs[0].shape)
    assert isinstance(layer, Pooling3D)
    return layer.extent()
