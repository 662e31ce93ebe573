"""DNSInnerProduct: a matrix that is pruned, and grows again, in training."""

from __future__ import annotations

from protonet.layers.base import Example, register
from protonet.layers.masked import MaskedRows, surgery_options
from protonet.layers.surgery import surgery, through
from protonet.program import Builder, Expr, F, nn, torch


@register("DNSInnerProduct")
class DNSInnerProductLayer(MaskedRows):
    """Multiply the flattened axes with a learned matrix, pruned as it grows.

    (n, ...) to (n, num_output), by inner_product_param; blobs are weight, bias and
    a mask of each, whose products count. In training, with a probability of
    (1 + gamma iteration)^-power until iter_stop, numbers of at most alpha_low of a limit are pruned
    and those above alpha_high of it come back; all have the gradient of the products. The limit
    is their mean size before the first pass plus c_rate deviations. protonet trains it with
    iter_size 1 in one process, and tells the iteration; else it counts the passes.
    Source: DNSInnerProductLayer of 32l's Neural-Network-Model-Compressing, on a GPU; Guo et al.,
    Dynamic Network Surgery (2016).
    """

    masks = "dns_inner_product_param"
    examples = (
        Example(
            'layer { name: "ip1" type: "DNSInnerProduct" bottom: "x" top: "y" '
            "inner_product_param { num_output: 5 } "
            "dns_inner_product_param { gamma: 0.0001 c_rate: 0.5 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 5)},
            "self.ip1 = DNSLinear(48, 5, gamma=0.0001, c_rate=0.5)",
        ),
    )

    def options(self) -> dict[str, object]:
        return surgery_options(self.message.dns_inner_product_param)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (surgery, through):
            b.helper(helper)
        return self.lowered(b, DNSLinear, *bottoms)


class DNSLinear(nn.Linear):
    """An inner product whose small numbers are pruned, and come back where they grow."""

    weight_mask: torch.Tensor
    bias_mask: torch.Tensor
    solver_iteration: torch.Tensor
    spread: torch.Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        gamma: float = 0.001,
        power: float = 1.0,
        c_rate: float = 1.0,
        iter_stop: float = 1000000.0,
        alphas: tuple[float, float] = (0.95, 1.05),
    ) -> None:
        super().__init__(in_features, out_features)
        self.schedule = (gamma, power, iter_stop)
        self.limits = (c_rate, *alphas)
        self.register_buffer("weight_mask", torch.zeros_like(self.weight.detach()))
        self.register_buffer("bias_mask", torch.zeros_like(self.bias.detach()))
        start = torch.zeros((), dtype=torch.long)
        self.register_buffer("solver_iteration", start, persistent=False)
        self.register_buffer("spread", torch.zeros(2), persistent=False)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 (torch's own name)
        if self.training:
            pairs = [(self.weight, self.weight_mask), (self.bias, self.bias_mask)]
            rules = (self.spread, self.schedule, self.limits)
            surgery(pairs, self.solver_iteration, *rules)
        weight = through(self.weight, self.weight_mask)
        bias = through(self.bias, self.bias_mask)
        return F.linear(input, weight, bias)
