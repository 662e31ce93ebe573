"""ChannelFilter: Filter with a selector of its own, of yihui-he's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn, torch


@register("ChannelFilter")
class ChannelFilterLayer(Layer):
    """What Filter is with filter_param: keep the channels where its blob is not zero.

    (n, c, ...) each, to (n, num_output, ...). The blob (c,) has no gradient; it must keep
    num_output of the channels, and starts by keeping the first ones, where the fork starts with
    all of them and stops. Source: FilterLayer of yihui-he's caffe-pro.
    """

    param = "filter_param"
    bottoms = (1, None)
    tops = (1, None)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "Filter" bottom: "x" top: "y" '
            "filter_param { num_output: 2 } }",
            {"x": (2, 5, 3, 4)},
            {"y": (2, 2, 3, 4)},
            "self.l = ChannelFilter(5, 2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if len(self.message.top) != len(bottoms):
            what = f"{len(bottoms)} bottoms take as many tops, not {len(self.message.top)}"
            raise LayerError(what, "top")
        if self.p.axis != 1:
            raise LayerError(f"axis is 1, the channels, not {self.p.axis}", "axis")
        first = bottoms[0]
        for index, x in enumerate(bottoms):
            if len(x) < 2 or x[1] != first[1]:
                what = f"the shape {show(x)} has not the channels of {show(first)}"
                raise LayerError(what, "bottom", index)
        if not 0 < self.p.num_output <= first[1]:
            stated = ("num_output",) if self.has("num_output") else ()
            what = f"num_output is 1 to the {first[1]} channels, not {self.p.num_output}"
            raise LayerError(what, *stated)
        return tuple((x[0], self.p.num_output, *x[2:]) for x in bottoms)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        return (Blob("selector", (bottoms[0][1],), is_statistic=True),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        kept = b.module(ChannelFilter, b.bottoms[0][1], self.p.num_output)(*bottoms)
        return kept if len(bottoms) > 1 else kept[0]


class ChannelFilter(nn.Module):
    """Keep so many channels, those where a blob is not zero."""

    selector: torch.Tensor

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.register_buffer("selector", (torch.arange(channels) < outputs).float())

    def forward(self, *blobs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        kept = self.selector != 0
        if not torch.compiler.is_compiling() and kept.sum() != self.outputs:
            count = int(kept.sum())
            raise ValueError(f"the selector keeps {count} channels, not {self.outputs}")
        places = kept.float().topk(self.outputs).indices.sort().values
        return tuple(x.index_select(1, places) for x in blobs)
