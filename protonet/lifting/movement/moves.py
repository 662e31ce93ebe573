"""Which of torch's operators move elements, and what of their arguments moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.fx import Node

from protonet.lifting.trace import name_of
from protonet.lifting.values import Constant, Held

_SHAPES = """view reshape _unsafe_view _reshape_alias flatten unflatten ravel permute transpose t
squeeze unsqueeze movedim moveaxis swapaxes swapdims numpy_T expand expand_as broadcast_to view_as
reshape_as atleast_1d atleast_2d atleast_3d"""
_PARTS = """slice select narrow split split_with_sizes chunk unbind tensor_split unsafe_split
unsafe_chunk unsafe_split_with_sizes hsplit vsplit dsplit diagonal unfold"""
_ORDERS = """flip fliplr flipud roll rot90 pixel_shuffle pixel_unshuffle channel_shuffle
native_channel_shuffle index index_select take gather repeat tile repeat_interleave
upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
_upsample_nearest_exact2d _upsample_nearest_exact3d reflection_pad1d reflection_pad2d
reflection_pad3d replication_pad1d replication_pad2d replication_pad3d _pad_circular"""
_JOINS = "cat concat concatenate stack hstack vstack dstack column_stack"

IDENTITIES = frozenset(
    "clone contiguous alias detach lift_fresh lift_fresh_copy dropout feature_dropout "  # noqa: SIM905
    "alpha_dropout feature_alpha_dropout _to_copy to type_as positive identity real conj "
    "resolve_conj resolve_neg".split()
)
# The arguments whose elements an operator gives, where it is not the first alone.
SOURCES: dict[str, tuple[int, ...]] = {
    "slice_scatter": (0, 1),
    "select_scatter": (0, 1),
    "diagonal_scatter": (0, 1),
    "copy": (1,),
    "index_put": (0, 2),
    "index_copy": (0, 3),
    "where": (1, 2),
}
# Those whose second tensor, or the first of copy, tells a shape and nothing else.
LIKES = frozenset(("expand_as", "view_as", "reshape_as", "copy"))
# Those that bring in zeros: what they are given is counted from 1, so that 0 is none of it.
ZEROING = frozenset(
    ("constant_pad_nd", "pad", "masked_fill", "index_fill", "tril", "triu", "diag_embed")
)


def is_copy(node: Node, given: Sequence[object]) -> bool:
    """Whether an operator that may leave its elements alone does: drops none, rounds none."""
    name = name_of(node)
    if "dropout" in name:
        return not given[2]
    if name in ("_to_copy", "to", "type_as", "copy"):
        source = node.args[1 if name == "copy" else 0]
        assert isinstance(source, Node)
        right, left = node.meta["val"].dtype, source.meta["val"].dtype
        is_single = right in (torch.float32, torch.float64)
        return is_single or torch.promote_types(left, right) == right
    return True


def _always(given: Sequence[object]) -> bool:  # noqa: ARG001
    return True


def _is_view(given: Sequence[object]) -> bool:
    return not isinstance(given[1], torch.dtype)


def _pads(given: Sequence[object]) -> bool:
    """A pad of zeros, or of elements."""
    _, _, *how = given
    if how and isinstance(how[0], str) and how[0] != "constant":
        return True
    return all(value == "constant" or _is_zero(value) for value in how)


def _is_zero(value: object) -> bool:
    if isinstance(value, Constant):
        return not bool(value.tensor.any())
    return not isinstance(value, Held) and not value


def _fills(given: Sequence[object]) -> bool:
    return _is_zero(given[-1])


def _puts(given: Sequence[object]) -> bool:
    return len(given) < 4 or not given[3]


MOVES: dict[str, Callable[[Sequence[object]], bool]] = {
    **dict.fromkeys(f"{_SHAPES} {_PARTS} {_ORDERS} {_JOINS}".split(), _always),
    **dict.fromkeys(SOURCES, _always),
    **dict.fromkeys(("tril", "triu", "diag_embed"), _always),
    **dict.fromkeys(("masked_fill", "index_fill"), _fills),
    **dict.fromkeys(("constant_pad_nd", "pad"), _pads),
    "view": _is_view,
    "index_put": _puts,
}
