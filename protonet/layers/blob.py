"""Blob: what a layer says of one of its parameter blobs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from protonet.schema.pool import Message
from protonet.shape import Shape


class BlobLayout(Enum):
    """How torch holds the numbers of one of Caffe's blobs."""

    PLAIN = "plain"  # in Caffe's order
    TRANSPOSED = "transposed"  # the two axes the other way round
    DIVIDED = "divided"  # a statistic over its layer's divisor
    DIVISOR = "divisor"  # not at all: the statistics are divided already
    RESIZED = "resized"  # a mean image: of one of another size the channels' means


@dataclass(frozen=True)
class Blob:
    """One parameter blob of a layer.

    ``name`` is its attribute in the layer's module, ``shape`` Caffe's, ``filler`` the
    FillerParameter that it starts from, None where the module fills it itself. A statistic is
    what no gradient reaches. ``held`` is torch's shape, where that is another than Caffe's.
    ``decays`` says whether its decay_mult is 1, or 0, where no param is stated. ``moves`` names the
    layer's blob of zeros where a solver moves none of the numbers. What ``may_lack`` keeps its
    values where a file ends before it.
    """

    name: str
    shape: Shape
    filler: Any = None
    is_statistic: bool = False
    layout: BlobLayout = BlobLayout.PLAIN
    held: Shape | None = None
    decays: bool = True
    moves: str = ""
    may_lack: bool = False

    @property
    def held_shape(self) -> Shape:
        """The shape in which torch holds the numbers."""
        if self.layout is BlobLayout.TRANSPOSED:
            return self.shape[::-1]
        return self.shape if self.held is None else self.held


def weight_and_bias(
    p: Message,
    weight: Shape,
    bias: Shape,
    layout: BlobLayout = BlobLayout.PLAIN,
    held: Shape | None = None,
) -> tuple[Blob, ...]:
    """The blobs of a layer that multiplies, and adds where its ``bias_term`` says so."""
    both = (
        Blob("weight", weight, p.weight_filler, layout=layout, held=held),
        Blob("bias", bias, p.bias_filler),
    )
    return both if p.bias_term else both[:1]
