"""MarginInnerProduct: inner products with an angular margin for the label's class."""

from __future__ import annotations

from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Shape,
    canonical_axis,
    count,
    register,
    show,
)
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, F, nn, single, torch


@register("MarginInnerProduct")
class MarginInnerProductLayer(Layer):
    """|x| cos(angle) to each class, for the label's class |x| psi(angle) with a margin of m.

    psi is cos(m angle) made to fall, m from 1 (SINGLE) to 4 (QUADRUPLE); it is mixed with
    lambda = max(lambda_min, base (1 + gamma iteration)^-power) parts of the plain cosine, where
    iteration counts the passes in training. The rows of the weight are scaled to length 1 in each
    of them. Features (n, ...) with all axes from 1 on as one, labels (n,), to (n, num_output), and
    lambda (1). Both gradients are the fork's: the label's to the features has length 1 before it
    is mixed, that to the weight is a plain inner product's. Source: SphereFace's Caffe fork,
    MarginInnerProductLayer; Liu et al., SphereFace (2017).
    """

    param = "margin_inner_product_param"
    backward_reads = ("bottoms",)
    bottoms = (2, 2)
    tops = (1, 2)
    examples = (
        Example(
            'layer { name: "fc6" type: "MarginInnerProduct" bottom: "x" bottom: "label" top: "y" '
            'top: "share" margin_inner_product_param { num_output: 10 type: QUADRUPLE '
            "base: 1000 gamma: 0.12 power: 1 lambda_min: 5 } }",
            {"x": (4, 5), "label": (4,)},
            {"y": (4, 10), "share": (1,)},
            "y, share = self.fc6(x, label)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        self.check_positive("num_output")
        if canonical_axis(self.p.axis, x) != 1:
            raise LayerError("only axis: 1 is supported, one vector an image", "axis")
        if count(labels) != x[0]:
            what = f"{x[0]} features take as many labels, the shape {show(labels)} has more or less"
            raise LayerError(what, "bottom", 1)
        return ((x[0], self.p.num_output), (1,))[: len(self.message.top)]

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        shape = (self.p.num_output, count(bottoms[0], 1))
        return (Blob("weight", shape, self.p.weight_filler),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, labels = bottoms
        p = self.p
        module = b.module(
            MarginInnerProduct,
            count(b.bottoms[0], 1),
            p.num_output,
            margin=p.type + 1,
            base=single(p.base),
            gamma=single(p.gamma),
            power=single(p.power),
            lambda_min=single(p.lambda_min),
            iteration=p.iteration,
        )
        x = x.flatten(1) if len(b.bottoms[0]) > 2 else x
        flat = len(b.bottoms[1]) == 1
        both = module(x, labels if flat else labels.flatten())
        return both if len(b.tops) == 2 else both[0]


class MarginInnerProduct(nn.Module):
    """Inner products with unit vectors, with an angular margin for the label's own."""

    iteration: torch.Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        margin: int = 1,
        base: float = 1.0,
        gamma: float = 0.0,
        power: float = 1.0,
        lambda_min: float = 0.0,
        iteration: int = 0,
    ) -> None:
        super().__init__()
        self.margin, self.lambda_min = margin, lambda_min
        self.base, self.gamma, self.power = base, gamma, power
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))
        start = torch.tensor(float(iteration))
        self.register_buffer("iteration", start, persistent=False)

    def psi(self, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The falling cosine of the multiple angle, and its slope, at a cosine."""
        sign = c.sign()
        if self.margin == 2:
            return 2 * sign * c**2 - 1, 4 * sign * c
        if self.margin == 3:
            outer = (c.abs() - 0.5).sign()
            value = outer * (4 * c**3 - 3 * c) + sign * (1 + outer) - 2
            return value, outer * (12 * c**2 - 3)
        outer = sign * (2 * c**2 - 1).sign()
        value = outer * (8 * c**4 - 8 * c**2 + 1) + 2 * sign + outer - 3
        return value, outer * (32 * c**3 - 16 * c)

    def forward(
        self,
        x: torch.Tensor,
        labels: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.training:
            self.iteration.add_(1)
            with torch.no_grad():
                self.weight.copy_(F.normalize(self.weight))
        weight = F.normalize(self.weight.detach())
        share = self.base * (1 + self.gamma * self.iteration) ** -self.power
        share = share.clamp(min=self.lambda_min).to(x.dtype)
        plain = F.linear(x, weight)
        value, path = plain, plain
        if self.margin > 1:
            index = labels.long()[:, None]
            own, length = plain.gather(1, index), x.norm(dim=1, keepdim=True)
            cosine = (own / length).detach()
            psi, slope = self.psi(cosine)
            value = plain.scatter(1, index, (length * psi + share * own) / (1 + share))
            rows, features = weight[labels.long()], x.detach()
            along = (psi - cosine * slope) / length.detach()
            scale = (slope**2 + along**2).sqrt()
            pull = (slope * rows + along * features) / scale
            pull = (pull + share * rows) / (1 + share)
            path = plain.scatter(1, index, (x * pull).sum(1, keepdim=True))
        path = path + F.linear(x.detach(), self.weight)
        return value.detach() + (path - path.detach()), share.view(1)
