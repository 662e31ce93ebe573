"""Lstm: an LSTM over one whole sequence, of CTPN's Caffe."""

from __future__ import annotations

from protonet.layers import filler
from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, F, nn, torch


@register("Lstm")
class LstmLayer(Layer):
    """Run an LSTM over a sequence, from a state of zeros.

    (t, n, ...) to (t, n, num_output). Blobs are the input's weights (4 * num_output, inputs), the
    hidden state's and the bias, gates in the order input, forget, output, cell. Source: CTPN's
    LstmLayer, after J. Oh's, whose batch_size and second bottom are not supported.
    """

    param = "lstm_param"
    backward_reads = ("bottoms", "tops")
    keeps = ("bottoms", "tops")
    ignores = ("paramq", "scale_in", "scale_out", "a_min", "a_max")
    examples = (
        Example(
            'layer { name: "l" type: "Lstm" bottom: "x" top: "y" lstm_param { num_output: 4 } }',
            {"x": (5, 2, 3)},
            {"y": (5, 2, 4)},
            "self.l = Lstm(3, 4)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) < 3 or 0 in x:
            what = f"it takes (time, stream, ...) with elements, not {show(x)}"
            raise LayerError(what, "bottom", 0, hint="a Reshape gives it three axes")
        if not self.p.num_output:
            stated = ("num_output",) if self.has("num_output") else ()
            raise LayerError("num_output must be positive, it is 0", *stated)
        if self.p.clipping_threshold > 0 and self.phase == "TRAIN":
            what = "a clipping_threshold of the gates' gradients is not supported in training"
            raise LayerError(what, "clipping_threshold")
        for blob in self.blobs(bottoms):
            field = "bias_filler" if blob.name == "bias" else "weight_filler"
            filler.check(blob.filler, blob.shape, field)
        return ((*x[:2], self.p.num_output),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        rows, inputs = 4 * self.p.num_output, count(bottoms[0], 2)
        return (
            Blob("weight", (rows, inputs), self.p.weight_filler),
            Blob("hidden_weight", (rows, self.p.num_output), self.p.weight_filler),
            Blob("bias", (rows,), self.p.bias_filler),
        )

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        (time, streams), outputs = bottoms[0][:2], int(self.p.num_output)
        return 4 * outputs * streams * time * (count(bottoms[0], 2) + outputs)

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        """Of each step: the gates, the two states, and their products."""
        return 8 * 4 * count(tops[0])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.module(Lstm, count(b.bottoms[0], 2), self.p.num_output)(*bottoms)


class Lstm(nn.Module):
    """An LSTM over (time, stream, ...) that begins each sequence with a state of zeros."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4 * outputs, inputs))
        self.hidden_weight = nn.Parameter(torch.zeros(4 * outputs, outputs))
        self.bias = nn.Parameter(torch.zeros(4 * outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = self.hidden_weight.shape[1]
        outputs = []
        h = c = torch.zeros_like(x[0].flatten(1)[:, :1]).expand(-1, size)
        for gates in F.linear(x.flatten(2), self.weight, self.bias).unbind():
            gate = torch.addmm(gates, h, self.hidden_weight.t())
            enter, forget, leave = gate[:, : 3 * size].sigmoid().chunk(3, dim=1)
            c = torch.addcmul(forget * c, enter, gate[:, 3 * size :].tanh())
            h = leave * c.tanh()
            outputs.append(h)
        return torch.stack(outputs)
