"""LpqLoss: a sum of powers over each place's channels, to a power again, of FlowNet2's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, single, torch


@register("LpqLoss")
class LpqLoss(Layer):
    """The sum over all places of (sum of |difference| ^ p over the channels) ^ q, over the batch.

    Two bottoms (n, c, ...), or their difference as one, to one number. p_epsilon and q_epsilon
    are added before each power; NaN counts as 0. With normalize_by_num_entries the divisor is the
    number of known places, with l2_prescale_by_channels the inner sum is a mean. p and q of one
    episode; several, changed as training goes, are not supported. Source: FlowNet2's LpqLossLayer.
    """

    param = "lpq_loss_param"
    bottoms = (1, 2)
    backward_reads = ("bottoms",)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "LpqLoss" bottom: "x" bottom: "label" top: "y" '
            "lpq_loss_param { p: 1 q: 0.2 } }",
            {"x": (2, 2, 4, 5), "label": (2, 2, 4, 5)},
            {"y": ()},
            "y = lpq_loss(x - label, 1.0, 0.2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x = bottoms[0]
        if len(x) < 2 or bottoms[-1] != x:
            what = f"it takes (n, c, ...), two of one shape or one, not {show(bottoms[-1])}"
            raise LayerError(what, "bottom", len(bottoms) - 1)
        for field in ("p", "q"):
            if len(getattr(self.p, field)) > 1:
                hint = f"give the {field} of the episode that is trained"
                raise LayerError("several episodes are not supported", field, 1, hint=hint)
            if not self.has(field):
                raise LayerError(f"it has no {field}")
        starts = self.p.pq_episode_starts_at_iter
        if len(starts) > 1 or any(starts):
            raise LayerError("the one episode starts at 0", "pq_episode_starts_at_iter", 0)
        return ((),)

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return 8 * count(bottoms[0])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, *target = bottoms
        options: dict[str, object] = {}
        if self.p.p_epsilon:
            options["p_epsilon"] = single(self.p.p_epsilon)
        if single(self.p.q_epsilon) != 0.01:
            options["q_epsilon"] = single(self.p.q_epsilon)
        if self.p.l2_prescale_by_channels:
            options["mean"] = True
        if self.p.normalize_by_num_entries:
            options["by_known"] = True
        apart = x - target[0] if target else x
        return b.call(lpq_loss, apart, single(self.p.p[0]), single(self.p.q[0]), **options)


def lpq_loss(
    apart: torch.Tensor,
    p: float,
    q: float,
    p_epsilon: float = 0.0,
    q_epsilon: float = 0.01,
    mean: bool = False,
    by_known: bool = False,
) -> torch.Tensor:
    """The sum over places of a power of the channels' powers; NaN counts as 0."""
    known = ~apart.isnan()
    apart = torch.where(known, apart, 0)
    size = torch.where(apart > 0, apart, -apart)
    inner = (size + p_epsilon).pow(p).sum(1)
    inner = inner / apart.shape[1] if mean else inner
    places = known.sum() / apart.shape[1] if by_known else apart.shape[0]
    return (inner + q_epsilon).pow(q).sum() / places
