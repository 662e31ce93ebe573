"""MMDLoss: how far apart the features of two domains are, by pairs drawn at random."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, nn, single, torch


@register("MMDLoss")
class MMDLossLayer(Layer):
    """The sum of k(s1, s2) + k(t1, t2) - k(s1, t2) - k(s2, t1) over random pairs of each domain.

    Source features (n, ...) and target features (m, ...), all axes but the first as one, to one
    number. As many quadruples are drawn as the larger batch has items. k is the sum of kernel_num
    Gaussians exp(-g d^2), each g kernel_mul times the one before; the middle one is the inverse of
    the mean squared distance between all items, of the first batch only with fix_gamma. As in the
    fork, the gradient is of other pairs than the value, drawn anew, and of their mean, not their
    sum, the g standing still; there is none where a domain has one item. Torch draws other pairs
    than the fork's rand(). Source: MMDLossLayer of 201528014227051's DAN, which has it for GPUs
    only; Long et al., Learning Transferable Features with Deep Adaptation Networks (2015).
    """

    param = "mmd_param"
    bottoms = (2, 2)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "MMDLoss" bottom: "s" bottom: "t" top: "y" '
            "mmd_param { kernel_num: 3 } }",
            {"s": (4, 5), "t": (6, 5)},
            {"y": ()},
            "self.loss = MMDLoss(3)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check_positive("kernel_num")
        for index, shape in enumerate(bottoms):
            if not shape or not count(shape):
                what = f"it takes at least one feature, not {show(shape)}"
                raise LayerError(what, "bottom", index)
        source, target = (count(shape, 1) for shape in bottoms)
        if source != target:
            what = f"its features have {target} numbers, the first bottom's {source}"
            raise LayerError(what, "bottom", 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        pairs = zip(bottoms, b.bottoms, strict=True)
        rows = [x if len(shape) == 2 else x.flatten(1) for x, shape in pairs]
        options = {"factor": single(self.p.kernel_mul), "fixed": bool(self.p.fix_gamma)}
        return b.module(MMDLoss, self.p.kernel_num, **options)(*rows)


class MMDLoss(nn.Module):
    """Discrepancy of two domains by random pairs under a sum of Gaussians."""

    def __init__(
        self,
        kernels: int = 5,
        factor: float = 2.0,
        fixed: bool = False,
    ) -> None:
        super().__init__()
        middle = kernels // 2
        self.factors = [factor ** (index - middle) for index in range(kernels)]
        self.fixed = fixed
        self.gamma: torch.Tensor | None = None

    @torch.no_grad()
    def middle_gamma(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The inverse of the mean squared distance between two items of both batches."""
        if self.fixed and self.gamma is not None:
            return self.gamma
        both = torch.cat([source, target])
        # All squared distances, added, are 2 n times those from the mean.
        total = 2 * len(both) * (both - both.mean(0)).square().sum()
        gamma = (len(both) ** 2 - len(both)) / total
        if self.fixed:
            self.gamma = gamma
        return gamma

    def drawn(
        self,
        source: torch.Tensor,
        target: torch.Tensor,
        gamma: torch.Tensor,
    ) -> torch.Tensor:
        """The terms of as many random quadruples as the larger batch has items."""
        size, picked = max(len(source), len(target)), []
        for x in (source, target):
            first, second = torch.randint(len(x), (2, size), device=x.device)
            second = torch.where(first == second, (second + 1) % len(x), second)
            picked += [x[first], x[second]]
        s1, s2, t1, t2 = picked
        total = torch.zeros_like(gamma)
        for sign, a, b in ((1, s1, s2), (1, t1, t2), (-1, s1, t2), (-1, s2, t1)):
            apart = (a - b).square().sum(1)
            for factor in self.factors:
                total = total + sign * torch.exp(-gamma * factor * apart)
        return total

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        gamma = self.middle_gamma(source, target)
        value = self.drawn(source.detach(), target.detach(), gamma).sum()
        if min(len(source), len(target)) < 2:
            return value + (source.sum() + target.sum()) * 0
        slope = self.drawn(source, target, gamma).mean()
        return value + (slope - slope.detach())
