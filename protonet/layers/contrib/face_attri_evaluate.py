"""FaceAttriEvaluate: how far off points, angles and attributes of faces are, of yuqj1991's fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, torch

_ATTRIBUTES, _TRUTH, _GENDER = 0, 17, 15


@register("FaceAttriEvaluate")
class FaceAttriEvaluate(Layer):
    """How far five points are off, whether gender and glasses are right, cosines of angles between.

    Predictions (n, c): five x and five y, yaw, pitch and roll in degrees, two scores for gender
    and two for glasses; truth (n, 17): the same with one number an attribute, and the image's
    width and height. To (1, 1, n, 10): distances over the image's diagonal, 1 from the first row
    on whose gender or glasses are right, and three cosines. Without scores for glasses, which the
    fork reads beyond the row, theirs is no number. No gradient.
    Source: FaceAttriEvaluateLayer of yuqj1991's caffe_train.
    """

    param = "face_evaluate_param"
    bottoms = (2, 2)
    constants = (0, 1)
    keeps = ()
    kind = "metric"
    ignores = ("facepoints", "num_gender", "num_glasses", "num_headpose")
    examples = (
        Example(
            'layer { name: "l" type: "FaceAttriEvaluate" bottom: "x" bottom: "label" top: "y" '
            "face_evaluate_param { facetype: FACEATTRIBUTE } }",
            {"x": (4, 17), "label": (4, 17)},
            {"y": (1, 1, 4, 10)},
            "y = faces_off(x, label)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, truth = bottoms
        if not self.has("facetype") or self.p.facetype != _ATTRIBUTES:
            stated = ("facetype",) if self.has("facetype") else ()
            what = "it evaluates facetype: FACEATTRIBUTE only, which must be stated"
            raise LayerError(what, *stated)
        if len(x) < 2 or count(x, 2) != 1 or x[1] < _GENDER:
            what = f"it takes at least {_GENDER} numbers a face, not {show(x)}"
            raise LayerError(what, "bottom", 0)
        if count(truth) != _TRUTH * x[0]:
            what = f"it takes {_TRUTH} true numbers a face, not {show(truth)}"
            hint = "a faceAttributeData layer gives them in the phase TEST"
            raise LayerError(what, "bottom", 1, hint=hint)
        return ((1, 1, x[0], 10),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, truth = bottoms
        x = x if len(b.bottoms[0]) == 2 else x.flatten(1)
        wanted = (b.bottoms[0][0], _TRUTH)
        return b.call(faces_off, x, truth if b.bottoms[1] == wanted else truth.reshape(*wanted))


def faces_off(x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Distances, attributes right so far, and cosines of angles, (1, 1, faces, 10)."""
    x = x.detach()
    size = truth[:, 15:17]
    apart = (x[:, :10] - truth[:, :10]).view(-1, 2, 5) * size[..., None]
    apart = apart.norm(dim=1) / size.norm(dim=1, keepdim=True)
    right = []
    for first, own in ((13, truth[:, 13]), (15, truth[:, 14])):
        scores = x[:, first : first + 2]
        if scores.shape[1] == 2:
            best = scores.clamp(min=0).argmax(1)
            right.append(((best == own.trunc()).cumsum(0) > 0).to(x.dtype))
        else:
            right.append(torch.full_like(own, torch.nan))
    angles = (x[:, 10:13] - truth[:, 10:13]) / 180 * math.pi
    return torch.cat([apart, torch.stack(right, 1), angles.cos()], 1)[None, None]
