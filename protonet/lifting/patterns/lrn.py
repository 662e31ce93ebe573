"""LRN, across channels and within one: told from the single steps that torch takes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from protonet.lifting.draft import Fields
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, fuses
from protonet.lifting.trace import named
from protonet.lifting.values import Constant, Held, NewBlob, View
from protonet.shape import count

_MOVES = ("view", "reshape", "squeeze", "unsqueeze", "alias", "clone")
_PADS = ("pad", "constant_pad_nd")
_Energy = tuple[Any, int, float, bool]  # its source, the size of its window, alpha, across


@fuses("div")
def by_quotient(operator: Operator) -> Held | None:
    """F.local_response_norm: x by a power of k and the mean of squares nearby."""
    args: Any = operator.node.args
    x, below = args[:2]
    if not named(below, "pow"):
        return None
    base, beta = below.args
    return _layer(operator, x, base, beta)


@fuses("mul")
def by_product(operator: Operator) -> Held | None:
    """X times a negative power of k and the sum of squares nearby, as protonet writes it."""
    args: Any = operator.node.args
    x, factor = args[:2]
    if named(factor, "pow"):
        base, beta = factor.args
        return _layer(operator, x, base, -beta) if isinstance(beta, float) else None
    if not named(factor, "mul"):
        return None
    root, fourth = factor.args  # to the power of -1/2, and of -1/4
    if not named(root, "rsqrt") or not named(fourth, "sqrt") or fourth.args[0] is not root:
        return None
    return _layer(operator, x, root.args[0], 0.75)


def _layer(operator: Operator, x: Any, base: Any, beta: Any) -> Held | None:
    """The layer where ``base`` is a constant and the energy of x; None where it is another."""
    held = operator.held.get(x)
    shape = held.shape if isinstance(held, NewBlob | View) else ()
    if not named(base, "add") or not isinstance(beta, int | float) or len(shape) not in (3, 4):
        return None
    energy, k = base.args[:2]
    found = _pooled(energy) or _added(energy) or _convolved(operator, energy)
    if found is None or not isinstance(k, int | float) or base.kwargs:
        return None
    source, size, alpha, across = found
    if source is not x or size % 2 != 1 or (k != 1 and not across):
        return None
    fields: Fields = {} if size == 5 else {"local_size": size}
    fields |= {} if alpha == 1 else {"alpha": alpha}
    fields |= {} if beta == 0.75 else {"beta": beta}
    fields |= {} if k == 1 else {"k": k}
    fields |= {} if across else {"norm_region": "WITHIN_CHANNEL"}
    assert isinstance(held, NewBlob | View)
    four = (*shape[:2], count(shape, 2), 1) if len(shape) == 3 else shape
    if four != shape and not across:
        return None
    given = operator.reshape(held, four, "image") if four != shape else held
    return operator.reshape(operator.layer("LRN", given, **fields), shape)


def _pooled(energy: Any) -> _Energy | None:
    """Alpha times the mean over channels that a pooling takes, zeros around them."""
    if not named(energy, "mul"):
        return None
    pool, alpha = energy.args
    pool = _through(pool)
    if not named(pool, "avg_pool2d", "avg_pool3d") or not isinstance(alpha, int | float):
        return None
    padded, kernel = pool.args[0], pool.args[1]
    if not named(padded, *_PADS) or not isinstance(kernel, list | tuple):
        return None
    size = int(kernel[0])
    stays = all(step == 1 for step in (*kernel[1:], *(pool.args[2] if len(pool.args) > 2 else ())))
    around = [0] * (2 * len(kernel) - 2) + [size // 2, (size - 1) // 2]
    if not stays or len(pool.args) > 3 or list(padded.args[1]) != around:
        return None
    return _squared(_through(padded.args[0]), size, float(alpha), True)


def _added(energy: Any) -> _Energy | None:
    """Alpha by the size times the sum of a padded square's parts, each one channel further."""
    if not named(energy, "mul"):
        return None
    parts, factor = energy.args
    starts: list[int] = []
    homes: set[Any] = set()
    waiting = [_through(parts)]
    while waiting:
        each = waiting.pop()
        if named(each, "add") and not each.kwargs:
            waiting += map(_through, each.args)
        elif named(each, "slice") and each.args[1] == 1:
            starts.append(int(each.args[2]))
            homes.add(each.args[0])
        elif named(each, *_PADS):
            starts.append(0)
            homes.add(each)
        else:
            return None
    (padded, *others), size = homes, len(starts)
    if others or not named(padded, *_PADS) or sorted(starts) != list(range(size)):
        return None
    if list(padded.args[1]) != [0, 0, 0, 0, size // 2, size // 2]:
        return None
    if not isinstance(factor, int | float):
        return None
    return _squared(padded.args[0], size, float(factor) * size, True)


def _convolved(operator: Operator, energy: Any) -> _Energy | None:
    """The sum over a square of each channel alone, times alpha by its size: one number a weight."""
    if not named(energy, "conv2d", "convolution"):
        return None
    source, weight = energy.args[:2]
    held = operator.held.get(weight)
    if not isinstance(held, Constant) or held.tensor.dim() != 4:
        return None
    channels, one, size, wide = held.shape
    number = held.tensor.flatten()[0]
    rest = [each for each in energy.args[2:] if isinstance(each, list | tuple)]
    plain = rest[:3] == [[1, 1], [size // 2] * 2, [1, 1]] and energy.args[-1] == channels
    if one != 1 or size != wide or not plain or not bool((held.tensor == number).all()):
        return None
    if len(energy.args) > 2 and energy.args[2] is not None:
        return None
    return _squared(source, size, float(number) * size**2, False)


def _squared(node: Any, size: int, alpha: float, across: bool) -> _Energy | None:
    """What a square is of."""
    if named(node, "square") or (named(node, "pow") and node.args[1] == 2):
        return node.args[0], size, alpha, across
    if named(node, "mul") and node.args[0] is node.args[1]:
        return node.args[0], size, alpha, across
    return None


def _through(node: Any) -> Any:
    """The node behind others that only say its shape anew."""
    while named(node, *_MOVES):
        node = node.args[0]
    return node


class _Within(nn.Module):
    """The squares of 3x3 places of a channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        window = x.new_full((6, 1, 3, 3), 0.5 / 9)
        return x * (1 + F.conv2d(x.square(), window, padding=1, groups=6)) ** -0.5


class _Added(nn.Module):
    """The squares of three channels, added."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        square = F.pad(x.square(), [0, 0, 0, 0, 1, 1])
        energy = square[:, :6] + square[:, 1:7] + square[:, 2:8]
        return x * (2 + 0.1 / 3 * energy) ** -0.75


_IMAGE = ((2, 6, 3, 4),)
examples = (
    LiftExample(lambda: nn.LocalResponseNorm(5), _IMAGE, ("LRN",)),
    LiftExample(lambda: nn.LocalResponseNorm(3, 0.1, 0.5, 2.0), _IMAGE, ("LRN",)),
    LiftExample(lambda: nn.LocalResponseNorm(3, 0.1), ((2, 6, 4),), ("Reshape", "LRN", "Reshape")),
    LiftExample(_Added, _IMAGE, ("LRN",)),
    LiftExample(_Within, _IMAGE, ("LRN",)),
)
