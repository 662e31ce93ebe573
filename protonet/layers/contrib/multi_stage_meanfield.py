"""MultiStageMeanfield: CRF-RNN, a conditional random field whose weights are learned."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.blob import Blob
from protonet.layers.lattice import HELPERS, permutohedral, pixel_places, smoothed
from protonet.program import Builder, Expr, nn, single, torch


@register("MultiStageMeanfield")
class MultiStageMeanfield(Layer):
    """Mean-field steps of a fully connected conditional random field over places and colours.

    Scores (n, c, h, w), where to start from, of the same shape, and images (n, 3, h, w) to scores.
    Of its three (1, 1, c, c) blobs two weigh what the filters say of each class, and the third
    what a class says of another. threshold changes nothing.
    Source: MultiStageMeanfieldLayer and MeanfieldIteration of torrvision's Caffe fork.
    """

    param = "multi_stage_meanfield_param"
    bottoms = (3, 3)
    constants = (2,)
    refuses = dict.fromkeys(
        ("forced_spatial_filter_weight", "forced_bilateral_filter_weight"),
        "no published code reads it",
    )
    examples = (
        Example(
            'layer { name: "crf" type: "MultiStageMeanfield" bottom: "x" bottom: "q" bottom: "rgb" '
            'top: "y" multi_stage_meanfield_param { num_iterations: 5 theta_alpha: 160 '
            "theta_beta: 3 theta_gamma: 3 spatial_filter_weight: 3 bilateral_filter_weight: 5 } }",
            {"x": (2, 4, 6, 7), "q": (2, 4, 6, 7), "rgb": (2, 3, 6, 7)},
            {"y": (2, 4, 6, 7)},
            "self.crf = Meanfield(4, 5, (160.0, 3.0, 3.0), (3.0, 5.0))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores = bottoms[0]
        if len(scores) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(scores)}", "bottom", 0)
        for at, wanted in enumerate((scores, (scores[0], 3, *scores[2:])), 1):
            if bottoms[at] != wanted:
                what = f"it takes {show(wanted)} here, not {show(bottoms[at])}"
                raise LayerError(what, "bottom", at)
        if self.p.num_iterations < 2:
            what = f"num_iterations must be at least 2, it is {self.p.num_iterations}"
            raise LayerError(what, "num_iterations")
        for field in ("theta_alpha", "theta_beta", "theta_gamma"):
            if getattr(self.p, field) <= 0:
                raise LayerError(f"{field} must be positive", field)
        return (scores,)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        shape = (1, 1, bottoms[0][1], bottoms[0][1])
        return tuple(Blob(name, shape) for name in ("spatial", "bilateral", "compatibility"))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        p = self.p
        for helper in HELPERS:
            b.helper(helper)
        spread = tuple(single(n) for n in (p.theta_alpha, p.theta_beta, p.theta_gamma))
        weights = single(p.spatial_filter_weight), single(p.bilateral_filter_weight)
        module = b.module(Meanfield, b.bottoms[0][1], int(p.num_iterations), spread, weights)
        return module(*bottoms)


class Meanfield(nn.Module):
    """Mean-field steps: what is near and alike pulls at the scores of each class."""

    def __init__(
        self,
        classes: int,
        steps: int,
        spread: tuple[float, float, float],
        weights: tuple[float, float],
    ) -> None:
        super().__init__()
        self.steps = steps
        self.spread = spread
        self.weights = weights
        self.spatial = nn.Parameter(torch.empty(1, 1, classes, classes))
        self.bilateral = nn.Parameter(torch.empty(1, 1, classes, classes))
        self.compatibility = nn.Parameter(torch.empty(1, 1, classes, classes))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        each = torch.eye(self.spatial.shape[3])
        with torch.no_grad():
            self.spatial.copy_(each * self.weights[0])
            self.bilateral.copy_(each * self.weights[1])
            self.compatibility.copy_(-each)

    def forward(
        self,
        scores: torch.Tensor,
        start: torch.Tensor,
        images: torch.Tensor,
    ) -> torch.Tensor:
        alpha, beta, gamma = self.spread
        places = pixel_places(scores.shape[2], scores.shape[3], scores)
        near, found = permutohedral(places / gamma), []
        for n, unary in enumerate(scores.flatten(2)):
            own = start[n].flatten(1)
            colours = images[n].detach().flatten(1).t() / beta
            alike = permutohedral(torch.cat([places / alpha, colours], 1))
            for _ in range(self.steps):
                share = own.softmax(0).t()
                message = self.spatial[0, 0] @ smoothed(share, near).t()
                message = message + self.bilateral[0, 0] @ smoothed(share, alike).t()
                own = unary - self.compatibility[0, 0] @ message
            found.append(own)
        return torch.stack(found).view_as(scores)
