"""Scale: multiply by a learned factor, or by a second bottom."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, canonical_axis, register
from protonet.layers.blob import Blob
from protonet.layers.extent import covered, trailing
from protonet.program import Builder, Expr, nn, torch
from protonet.schema.pool import Message


@register("Scale")
class ScaleLayer(Layer):
    """Multiply axes from ``axis`` on by a learned factor or the second bottom, then add a bias.

    Any shape, kept. With min_value or max_value it is happynear's, a BoundedScale here.
    Source: Caffe's ScaleLayer.
    """

    param = "scale_param"
    bottoms = (1, 2)
    may_run_in_place = True
    kind = "normalisation"
    follows = True
    examples = (
        Example(
            'layer { name: "scale1" type: "Scale" bottom: "x" top: "y" '
            "scale_param { bias_term: true } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.scale1 = ScaleBias(3)",
        ),
        Example(
            'layer { name: "l" type: "Scale" bottom: "x" bottom: "s" top: "y" '
            "scale_param { axis: 0 } }",
            {"x": (2, 3, 4, 4), "s": (2, 3)},
            {"y": (2, 3, 4, 4)},
            "y = x * s[..., None, None]",
        ),
    )

    @classmethod
    def form(cls, message: Message) -> str:
        p = message.scale_param
        return "BoundedScale" if p.HasField("min_value") or p.HasField("max_value") else ""

    def reads_backward(self) -> tuple[str, ...]:
        """The bottom, of which the layer keeps a copy where it works in place."""
        in_place = self.message.bottom[0] == self.message.top[0]
        return () if in_place else ("bottoms",)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if len(bottoms) == 2:
            trailing(*bottoms, self.p.axis)
        if self.p.bias_term:
            canonical_axis(self.p.axis, bottoms[0])
        return bottoms[:1]

    def factor(self, bottoms: tuple[Shape, ...]) -> Shape:
        """The shape of what is multiplied by."""
        if len(bottoms) == 2:
            return bottoms[1]
        return covered(bottoms[0], self.p.axis, self.p.num_axes)

    def scales_channels(self, x: Shape) -> bool:
        """Whether it is a learned factor for each channel, and a bias where it has one."""
        p = self.p
        return p.axis in (1, 1 - len(x)) and p.num_axes == 1

    def shifts_channels(self, x: Shape) -> bool:
        """Whether it is a learned factor and bias for each channel."""
        return bool(self.p.bias_term) and self.scales_channels(x)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        shape = self.factor(bottoms)
        weight = Blob("weight", shape, self.p.filler if self.has("filler") else None)
        bias = Blob("bias", shape, self.p.bias_filler if self.has("bias_filler") else None)
        learned = (weight,) if len(bottoms) == 1 else ()
        return (*learned, bias) if self.p.bias_term else learned

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        shape = self.factor(b.bottoms)
        start = canonical_axis(self.p.axis, b.bottoms[0]) if shape else 0
        after = len(b.bottoms[0]) - start - len(shape)
        size = shape[0] if len(shape) == 1 else list(shape)
        if len(bottoms) == 1:
            bias = bool(self.p.bias_term)
            if bias and len(shape) == 1 and after == 2:
                return b.module(ScaleBias, size)(bottoms[0])
            return b.module(Scale, size, trailing=after, bias=bias)(bottoms[0])
        x, factor = bottoms
        index = (Ellipsis, *(None,) * after)
        y = x * (factor[index] if after else factor)
        return b.module(Shift, size, trailing=after)(y) if self.p.bias_term else y


class ScaleBias(nn.Module):
    """Multiply each channel by a learned factor, and add a learned bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


class Scale(nn.Module):
    """Multiply by a learned factor, and add a learned bias, before so many trailing axes."""

    def __init__(
        self,
        shape: int | list[int],
        trailing: int = 0,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.trailing = (1,) * trailing
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = self.weight.shape + self.trailing
        y = x * self.weight.view(shape)
        return y if self.bias is None else y + self.bias.view(shape)


class Shift(nn.Module):
    """Add a learned bias that is the same along so many trailing axes."""

    def __init__(self, shape: int | list[int], trailing: int = 0) -> None:
        super().__init__()
        self.trailing = (1,) * trailing
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.bias.view(self.bias.shape + self.trailing)
