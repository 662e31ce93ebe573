"""INQInnerProduct: a matrix whose numbers become powers of two, portion after portion."""

from __future__ import annotations

from protonet.layers.base import Example, register
from protonet.layers.masked import MaskedRows, portions_of
from protonet.layers.powers import to_powers
from protonet.program import Builder, Expr, F, nn, torch


@register("INQInnerProduct")
class INQInnerProductLayer(MaskedRows):
    """Multiply the flattened axes with a matrix that training makes powers of two.

    (n, ...) to (n, num_output), by inner_product_param; blobs are weight, bias and
    a mask of each, 1 where a number is free. The first pass in training rounds the largest of the
    free: where 1 - the first ``portion`` were free, 1 - the second remain. Of num_quantum_values
    powers of two, what is below is 0. From then on no solver moves them, nor do they have a
    gradient, also not for clip_gradients. It starts from a trained net, none of whose blobs is all
    zeros. Source: INQInnerProductLayer and SGDSolver of 32l's Neural-Network-Model-Compressing;
    Zhou et al., Incremental Network Quantization (2017).
    """

    masks = "inq_inner_product_param"
    moves = True
    examples = (
        Example(
            'layer { name: "ip1" type: "INQInnerProduct" bottom: "x" top: "y" '
            "inner_product_param { num_output: 5 } "
            "inq_inner_product_param { portion: 0 portion: 0.5 num_quantum_values: 7 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 5)},
            "self.ip1 = INQLinear(48, 5, portions=(0.0, 0.5), values=7)",
        ),
    )

    def options(self) -> dict[str, object]:
        p = self.message.inq_inner_product_param
        return {"portions": portions_of(p), "values": p.num_quantum_values}

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(to_powers)
        return self.lowered(b, INQLinear, *bottoms)


class INQLinear(nn.Linear):
    """An inner product whose largest numbers become powers of two, and stay so."""

    weight_mask: torch.Tensor
    bias_mask: torch.Tensor
    solver_iteration: torch.Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        portions: tuple[float, float] = (0.0, 1.0),
        values: int = 8,
    ) -> None:
        super().__init__(in_features, out_features)
        self.portions, self.values = portions, values
        self.register_buffer("weight_mask", torch.zeros_like(self.weight.detach()))
        self.register_buffer("bias_mask", torch.zeros_like(self.bias.detach()))
        start = torch.zeros((), dtype=torch.long)
        self.register_buffer("solver_iteration", start, persistent=False)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 (torch's own name)
        if not self.training:
            return super().forward(input)
        if self.solver_iteration == 0:
            to_powers(self.weight, self.weight_mask, self.portions, self.values)
            to_powers(self.bias, self.bias_mask, self.portions, self.values)
        self.solver_iteration.add_(1)
        weight = torch.where(self.weight_mask != 0, self.weight, self.weight.detach())
        bias = torch.where(self.bias_mask != 0, self.bias, self.bias.detach())
        return F.linear(input, weight, bias)
