"""Zero mean and unit variance: BatchNorm by the statistics of what it is given, then Scale."""

from __future__ import annotations

import torch

from protonet.lifting.draft import Fields
from protonet.lifting.operator import Operator
from protonet.lifting.values import Constant, Held, NewBlob
from protonet.shape import count

_EPS = 1e-5  # what Caffe has where nothing is stated


def by_statistics(
    operator: Operator, x: Held, mean: torch.Tensor, variance: torch.Tensor, eps: float
) -> NewBlob:
    """BatchNorm with fixed statistics, whose factor is 1."""
    blobs = [mean, variance, torch.ones(1)]
    return operator.layer("BatchNorm", x, blobs=blobs, **_stated(eps))


def by_own(operator: Operator, x: Held, eps: float) -> NewBlob:
    """BatchNorm by the statistics of each channel over the batch and all places."""
    rows = x.shape[1]
    blobs = [torch.zeros(rows), torch.zeros(rows), torch.zeros(1)]
    own: Fields = {"use_global_stats": False, **_stated(eps)}
    return operator.layer("BatchNorm", x, blobs=blobs, **own)


def by_rows(operator: Operator, x: Held, size: int, eps: float) -> NewBlob:
    """BatchNorm by the statistics of every ``size`` elements that lie together.

    Exact, where MVN adds eps to the deviation instead of the variance.
    """
    shape = x.shape
    if shape[:1] == (1,) and len(shape) > 2 and count(shape, 2) == size:
        return by_own(operator, x, eps)
    rows = operator.layer("Reshape", x, part="rows", shape={"dim": [1, -1, size]})
    return operator.reshape(by_own(operator, rows, eps), shape, "shape")


def scaled(
    operator: Operator, x: Held, weight: Held | None, bias: Held | None, axis: int = 1
) -> NewBlob:
    """Scale by learned numbers of the axes from ``axis`` on; x itself where there are none."""
    if weight is None and bias is None:
        return operator.blob(x)
    if not isinstance(weight, Constant | None) or not isinstance(bias, Constant | None):
        operator.refuse("its weights are computed by the net", "Caffe's weights are fixed")
    numbers = [each.tensor for each in (weight, bias) if each is not None]
    axes = numbers[0].dim()
    where: Fields = {
        "axis": None if axis == 1 else axis,
        "num_axes": None if axes == 1 else axes,
    }
    if weight is None:
        return operator.layer("Bias", x, part="bias", blobs=numbers, **where)
    biased = True if bias is not None else None
    return operator.layer("Scale", x, part="scale", blobs=numbers, bias_term=biased, **where)


def _stated(eps: float) -> Fields:
    return {} if eps == _EPS else {"eps": eps}
