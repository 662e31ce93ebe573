"""scaled_dot_product_attention: two products with a Softmax between them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from protonet.lifting.framing import moved_to, seen, turned
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.patterns.matmul import product
from protonet.lifting.values import Constant, Held, NewBlob
from protonet.shape import Shape, count

_NEVER = -1e30  # so far below any score that its exponential is 0, and a number all the same


@lifts("scaled_dot_product_attention")
def attention(
    operator: Operator,
    query: Held,
    key: Held,
    value: Held,
    mask: Held | None = None,
    dropout: float = 0.0,  # noqa: ARG001  which is for training
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Held:
    """The softmax of the products of queries and keys, times the values."""
    if enable_gqa and key.shape[-3] != query.shape[-3]:
        operator.refuse("several queries share a key", "repeat the keys and values before")
    batch = operator.shape[:-2]
    (rows, width), columns = query.shape[-2:], key.shape[-2]
    q, k, v = (_batched(operator, each, batch) for each in (query, key, value))
    factor = 1 / math.sqrt(width) if scale is None else scale
    scores = operator.blob(product(operator, q, turned(operator, k, 0, 2, 1), factor))
    if is_causal:
        allowed = torch.ones(rows, columns, dtype=torch.bool).tril()
        mask = Constant(allowed)
    if mask is not None:
        scores = _masked(operator, scores, mask, (*batch, rows, columns))
    weights = operator.layer("Softmax", scores, part="softmax", axis=2)
    return seen(operator, product(operator, weights, v), operator.shape)


@lifts("_scaled_dot_product_flash_attention_for_cpu")
def flash_attention(
    operator: Operator,
    query: Held,
    key: Held,
    value: Held,
    dropout: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Held | None = None,
    scale: float | None = None,
) -> tuple[Held | None, ...]:
    """The same by torch's name for its way on a CPU, whose second value is for training."""
    given = (query, key, value, attn_mask, dropout, is_causal)
    return attention(operator, *given, scale=scale), None


def _batched(operator: Operator, x: Held, batch: Shape) -> Held:
    matrix = x.shape[-2:]
    if x.shape[:-2] != batch:
        order = torch.arange(count(x.shape)).reshape(x.shape)
        x = moved_to(operator, x, order.expand(*batch, *matrix))
    return seen(operator, x, (count(batch), *matrix))


def _masked(operator: Operator, scores: NewBlob, mask: Held, shape: Shape) -> NewBlob:
    """The scores and what a mask adds to them."""
    if not isinstance(mask, Constant):
        if mask.shape != shape:
            operator.refuse("its mask is computed by the net, and not of the scores' shape")
        return operator.layer("Eltwise", scores, seen(operator, mask, scores.shape), part="mask")
    added = mask.tensor
    if added.dtype == torch.bool:
        added = torch.zeros(added.shape).masked_fill(~added, _NEVER)
    added = added.clamp(min=_NEVER).expand(shape).reshape(scores.shape)
    if bool((added <= _NEVER).all(-1).any()):
        operator.refuse("its mask leaves a query without a key", "torch gives no number there")
    if torch.equal(added, added[:1].expand_as(added)):
        blobs = [added[0]]
        return operator.layer("Bias", scores, part="mask", blobs=blobs, axis=1, num_axes=2)
    return operator.layer("Bias", scores, part="mask", blobs=[added], axis=0, num_axes=3)


class _Attention(nn.Module):
    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)


_SCORES = ("Reshape", "Tile", "Reshape", "Tile", "Eltwise", "Reduction", "Bias", "Softmax")
_VALUES = ("Reshape", "Tile", "Scale", "Reshape", "Convolution", "Reshape")
examples = (LiftExample(_Attention, ((1, 2, 3, 4),) * 3, _SCORES + _VALUES),)
