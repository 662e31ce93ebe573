"""Caffe's fillers: the distributions that parameters start from."""

from __future__ import annotations

import math

from protonet.layers.base import LayerError, Shape, count
from protonet.layers.blob import Blob, BlobLayout
from protonet.layers.gabor import alexnet_waves, cifar_waves, gabor_, googlenet_waves
from protonet.program import Builder, Expr, nn, single, torch
from protonet.schema.filler import filler_problem
from protonet.schema.pool import Message

_FAN_IN, _FAN_OUT = 0, 1


def check(filler: Message, shape: Shape, *field: str | int) -> None:
    """LayerError where Caffe would refuse a FillerParameter, for a blob of that shape."""
    problem = filler_problem(filler, shape)
    if problem:
        what, where, hint = problem
        raise LayerError(what, *field, where, hint=hint)


def fill(b: Builder, parameter: Expr, blob: Blob) -> Expr:
    """The statement that fills the parameter of a blob. Source: Caffe's filler.hpp."""
    filler = blob.filler
    kind = filler.type
    if kind == "constant":
        value = single(filler.value)
        plain = {0.0: nn.init.zeros_, 1.0: nn.init.ones_}.get(value)
        return b.call(plain, parameter) if plain else b.call(nn.init.constant_, parameter, value)
    if kind == "uniform":
        low, high = single(filler.min), single(filler.max)
        return b.call(nn.init.uniform_, parameter, low, high)
    if kind == "gaussian":
        return _gaussian(b, parameter, blob)
    if kind in ("xavier", "msra"):
        return _scaled(b, parameter, blob)
    if kind == "file":  # ALISCIFP's
        turned = parameter.t() if blob.layout is BlobLayout.TRANSPOSED else parameter
        numbers = [single(value) for value in filler.file_numbers[: count(blob.shape)]]
        return b.call(numbers_, turned, numbers)
    return _by_helper(b, parameter, blob)


def _by_helper(b: Builder, parameter: Expr, blob: Blob) -> Expr:
    """What torch has not: Caffe's own, FlowNet2's, Intel's and happynear's."""
    turned = parameter.t() if blob.layout is BlobLayout.TRANSPOSED else parameter
    if blob.filler.type in ("bilinear", "bilinear_upsampling"):
        return b.call(bilinear_, parameter)
    if blob.filler.type == "positive_unitball":
        return b.call(positive_unitball_, turned)
    if blob.filler.type == "gaussian_unitball":
        return b.call(gaussian_unitball_, turned)
    if blob.filler.type == "identity":
        return b.call(nn.init.eye_ if len(blob.shape) == 2 else nn.init.dirac_, parameter)
    if blob.filler.type == "diagonal":
        return b.call(diagonal_, turned, [single(value) for value in blob.filler.diag_val])
    made = {(32, 5): cifar_waves, (96, 11): alexnet_waves}
    size = (blob.shape[0], blob.shape[2])
    width = [1.0] if size == (64, 3) else []
    waves = b.call(made.get(size, googlenet_waves), *width)
    return b.call(gabor_, parameter, waves)


def _gaussian(b: Builder, parameter: Expr, blob: Blob) -> Expr:
    filler, shape = blob.filler, blob.shape
    mean, std = single(filler.mean), single(filler.std)
    if filler.sparse >= 0:
        share = min(1.0, filler.sparse / max(1, shape[0] if shape else 1))
        return b.call(sparse_normal_, parameter, mean, std, share)
    return b.call(nn.init.normal_, parameter, mean=mean, std=std)


def _scaled(b: Builder, parameter: Expr, blob: Blob) -> Expr:
    """Xavier is uniform on ±sqrt(3 / n), msra normal with std sqrt(2 / n), n by variance_norm."""
    filler, shape = blob.filler, blob.shape
    norm, xavier = filler.variance_norm, filler.type == "xavier"
    scale = 1.0 if xavier else float(filler.scale)  # Intel's, of msra
    plain = blob.layout is BlobLayout.PLAIN and scale == 1
    if norm in (_FAN_IN, _FAN_OUT) and len(shape) >= 2 and plain:
        function = nn.init.kaiming_uniform_ if xavier else nn.init.kaiming_normal_
        mode = "fan_in" if norm == _FAN_IN else "fan_out"
        nonlinearity = "linear" if xavier else "relu"
        return b.call(function, parameter, mode=mode, nonlinearity=nonlinearity)
    first, second = (*shape, 1, 1)[:2]
    fan_in, fan_out = count(shape) / first, count(shape) / second
    n = {_FAN_IN: fan_in, _FAN_OUT: fan_out}.get(norm, (fan_in + fan_out) / 2)
    if xavier:
        bound = single(math.sqrt(3 / n))
        return b.call(nn.init.uniform_, parameter, -bound, bound)
    return b.call(nn.init.normal_, parameter, std=single(scale * math.sqrt(2 / n)))


def bilinear_(weight: torch.Tensor) -> torch.Tensor:
    """Fill with the weights of bilinear interpolation, for a learned upsampling."""
    size = weight.shape[-1]
    factor = math.ceil(size / 2)
    ramp = 1 - (torch.arange(size) / factor - (size - 1) / (2 * factor)).abs()
    with torch.no_grad():
        return weight.copy_(ramp[:, None] * ramp)


def diagonal_(weight: torch.Tensor, values: list[float]) -> torch.Tensor:
    """Fill with zeros, and the filters of the diagonal with a value each, 1 where none is left."""
    with torch.no_grad():
        weight.zero_()
        for n in range(min(weight.shape[:2])):
            share = weight[n, n].numel()
            weight[n, n] = (values[n] if n < len(values) else 1.0) / share
    return weight


def numbers_(weight: torch.Tensor, numbers: list[float]) -> torch.Tensor:
    """Fill with these numbers, in order."""
    with torch.no_grad():
        return weight.copy_(weight.new_tensor(numbers).view(weight.shape))


def positive_unitball_(weight: torch.Tensor) -> torch.Tensor:
    """Fill with positive numbers that add up to one over all but the first axis."""
    with torch.no_grad():
        rows = weight.uniform_(0, 1).view(weight.shape[0], -1)
        rows.div_(rows.sum(1, keepdim=True))
    return weight


def gaussian_unitball_(weight: torch.Tensor) -> torch.Tensor:
    """Fill with directions at random: normal numbers, of length one over all but the first axis."""
    with torch.no_grad():
        rows = weight.normal_().view(weight.shape[0], -1)
        rows.div_((rows.square().sum(1, keepdim=True) + 1e-12).sqrt())
    return weight


def sparse_normal_(
    weight: torch.Tensor,
    mean: float,
    std: float,
    share: float,
) -> torch.Tensor:
    """Fill a share of the elements from a normal distribution, the rest with zero."""
    with torch.no_grad():
        return weight.normal_(mean, std).mul_(torch.rand_like(weight) < share)
