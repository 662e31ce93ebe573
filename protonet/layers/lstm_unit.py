"""LSTMUnit: one step of an LSTM, from the gates' inputs on."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, torch


@register("LSTMUnit")
class LSTMUnit(Layer):
    """The next cell and hidden states from the cell, the gates' inputs and the continuation.

    (1, n, d), (1, n, 4 d), (1, n) to (1, n, d) twice. Source: Caffe's LSTMUnitLayer.
    """

    bottoms = (3, 3)
    tops = (2, 2)
    constants = (2,)
    backward_reads = ("bottoms", "tops")
    kind = "recurrent"
    examples = (
        Example(
            'layer { name: "l" type: "LSTMUnit" bottom: "c" bottom: "x" bottom: "s" '
            'top: "y" top: "h" }',
            {"c": (1, 2, 3), "x": (1, 2, 12), "s": (1, 2)},
            {"y": (1, 2, 3), "h": (1, 2, 3)},
            "y, h = lstm_unit(c, x, s)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        cell, gates, continues = bottoms
        if len(cell) != 3 or cell[0] != 1:
            raise LayerError(f"the cell state is (1, n, d), not {show(cell)}", "bottom", 0)
        if gates != (1, cell[1], 4 * cell[2]):
            what = f"the gates' inputs are 1x{cell[1]}x{4 * cell[2]}, not {show(gates)}"
            raise LayerError(what, "bottom", 1)
        if continues != (1, cell[1]):
            raise LayerError(f"the continuation is 1x{cell[1]}, not {show(continues)}", "bottom", 2)
        return cell, cell

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(lstm_unit, *bottoms)


def lstm_unit(
    cell: torch.Tensor,
    gates: torch.Tensor,
    continues: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The next cell and hidden states; the gates are input, forget, output and candidate."""
    enter, forget, leave, candidate = gates.chunk(4, dim=-1)
    kept = continues.unsqueeze(-1) * forget.sigmoid() * cell
    cell = kept + enter.sigmoid() * candidate.tanh()
    return cell, leave.sigmoid() * cell.tanh()
