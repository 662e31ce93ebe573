"""RegionLoss: what YOLOv2 trains on, of three forks that the true boxes' shape tells apart."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import box_iou
from protonet.layers.truth import check_labels
from protonet.program import Builder, Expr, nn, number, single, torch


@register("RegionLoss")
class RegionLossLayer(Layer):
    """The squared errors of boxes, objectness and classes at the places of the true boxes.

    A square map (n, num * (5 + classes), h, w) and true boxes (n, m * 5) of class, center, width
    and height, in units of the image, ending where a center or width is 0; to one number. As in
    the fork the gradient is the errors, not that of their squares. jitter, absolute, random,
    softmax_tree and class_map are not read, nor does the fork. Source: RegionLossLayer of eric612's
    MobileNet-YOLO. 30 true boxes an image are gklz1982's caffe-yolov2: it does not rescore, sums
    over images, and its first 12800 images pull every box to its anchor. True boxes (1, 1, m, 8) as
    SSD's are Intel's fork: as that without the pull, errors of boxes are 1 at most, and objectness
    counts by the cube of what lacks.
    """

    param = "region_loss_param"
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "RegionLoss" bottom: "x" bottom: "label" top: "y" '
            "region_loss_param { num_class: 2 num: 1 biases: 1.5 biases: 2 } }",
            {"x": (2, 7, 4, 4), "label": (2, 1, 300, 5)},
            {"y": ()},
            "self.l = RegionLoss([(1.5, 2)], 2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, truth = bottoms
        p = self.p
        if p.coords != 4:
            raise LayerError(f"a box has 4 coords, not {p.coords}", "coords")
        if len(p.biases) < 2 * p.num:
            what = f"{p.num} boxes take {2 * p.num} biases, not {len(p.biases)}"
            raise LayerError(what, *["biases"] * self.has("biases"))
        channels = p.num * (5 + p.num_class)
        if len(x) != 4 or x[1] != channels or x[2] != x[3]:
            what = f"{p.num} boxes of {p.num_class} classes take a square map of {channels}"
            raise LayerError(f"{what} channels, not {show(x)}", "bottom", 0)
        if truth[-1:] != (8,) and (not truth or truth[0] != x[0] or count(truth, 1) % 5):
            what = f"true boxes have the shape {x[0]}xM*5 or 1x1xMx8, not {show(truth)}"
            raise LayerError(what, "bottom", 1)
        if self.is_older(truth):
            for field in ("softmax_tree", "class_map"):
                if getattr(p, field):
                    raise LayerError("a tree or map of classes is not supported", field)
            if p.side != x[2]:
                what = f"side {p.side} is not that of the map {show(x)}"
                raise LayerError(what, *["side"] * self.has("side"))
        return ((),)

    def is_older(self, truth: Shape) -> bool:
        """Whether the true boxes are those of gklz1982's fork, or of Intel's, made of it."""
        return truth[-1:] == (8,) or count(truth, 1) == 150

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(box_iou)
        b.helper(check_labels)
        p, truth = self.p, b.bottoms[1]
        given = {
            "match_anchors": bool(p.bias_match),
            "rescore": bool(p.rescore),
            "object_scale": single(p.object_scale),
            "empty_scale": single(p.noobject_scale),
            "class_scale": single(p.class_scale),
            "box_scale": single(p.coord_scale),
            "older": self.is_older(truth),
            "pulls": 12800 if self.is_older(truth) and truth[-1] != 8 else 0,
            "limited": truth[-1] == 8,
        }
        options = {k: v for k, v in given.items() if v != getattr(RegionLoss, k)}
        biases = [number(v) for v in p.biases[: 2 * p.num]]
        return b.module(
            RegionLoss,
            list(zip(biases[::2], biases[1::2], strict=True)),
            p.num_class,
            threshold=single(p.thresh),
            **options,
        )(*bottoms)


class RegionLoss(nn.Module):
    """The squared errors of YOLOv2's boxes, whose gradient is the errors themselves."""

    match_anchors = True
    rescore = True
    object_scale = 1.0
    empty_scale = 0.5
    class_scale = 1.0
    box_scale = 5.0
    older = False
    pulls = 0
    limited = False

    def __init__(
        self,
        anchors: list[tuple[float, float]],
        classes: int,
        threshold: float = 0.2,
        **options: object,
    ) -> None:
        super().__init__()
        self.anchors, self.classes, self.threshold = anchors, classes, threshold
        for name, value in options.items():
            setattr(self, name, value)
        self.passes = 0

    def forward(self, x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        n, _, side, _ = x.shape
        given = x.detach().reshape(n, len(self.anchors), -1, side, side)
        error = self.errors(given, self.rows(truth.detach(), n)).reshape(x.shape)
        self.passes += 1
        leading = (x * error).sum() / n
        value = error.square().sum() / (1 if self.older else n)
        return leading + (value - leading).detach()

    def rows(self, truth: torch.Tensor, images: int) -> torch.Tensor:
        """True boxes by image, (n, m, 5) of class, center, width and height."""
        if not self.limited:
            return truth.reshape(images, -1, 5)
        each = truth.reshape(-1, 8)
        middle, size = (each[:, 3:5] + each[:, 5:7]) / 2, each[:, 5:7] - each[:, 3:5]
        own = torch.cat([each[:, 1:2] - 1, middle, size], 1)
        real = (size > 0).all(1)
        places = [real & (each[:, 0] == image) for image in range(images)]
        return nn.utils.rnn.pad_sequence([own[place] for place in places], True)

    def errors(self, x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The errors of a map (n, anchors, 5 + classes, h, w)."""
        side = x.shape[3]
        anchors = x.new_tensor(self.anchors)[:, :, None, None]
        line = torch.arange(side, device=x.device)
        y, z = torch.meshgrid(line, line, indexing="ij")
        center = (x[:, :, :2].sigmoid() + torch.stack([z, y])) / side
        size = x[:, :, 2:4].exp() * anchors / side
        boxes = torch.cat([center - size / 2, center + size / 2], 2)
        shown, error = x[:, :, 4].sigmoid(), torch.zeros_like(x)
        error[:, :, 4] = self.empty_scale * shown * shown * (1 - shown)
        if self.passes < self.pulls // len(x):
            near = x[:, :, :2].sigmoid()
            error[:, :, :2] = 0.01 * (near - 0.5) * near * (1 - near)
            error[:, :, 2:4] = 0.01 * x[:, :, 2:4]
        for image in range(len(x)):
            real = truth[image]
            seen = real[(real[:, 1] != 0).cumprod(0) == 1]
            if len(seen):
                every = boxes[image].transpose(0, 1).flatten(1).t()
                overlap = box_iou(every, self.corners(seen)).amax(1)
                far = (overlap <= self.threshold).view_as(shown[image])
                error[image, :, 4] *= far
            real = real[(real[:, 3] != 0).cumprod(0) == 1]
            check_labels(real[:, 0], self.classes)
            self.place(error[image], x[image], boxes[image], real)
        return error

    def corners(self, truth: torch.Tensor) -> torch.Tensor:
        """The corners of true boxes given by center and size."""
        half = truth[:, 3:] / 2
        return torch.cat([truth[:, 1:3] - half, truth[:, 1:3] + half], 1)

    def place(
        self,
        error: torch.Tensor,
        x: torch.Tensor,
        boxes: torch.Tensor,
        truth: torch.Tensor,
    ) -> None:
        """Put in the errors at the places of the true boxes; of two at one, the later."""
        side, anchors = x.shape[3], x.new_tensor(self.anchors)
        j, i = (truth[:, 1:3] * side).long().clamp(0, side - 1).unbind(1)
        shape = anchors[:, None] / side
        if not self.match_anchors:
            shape = (boxes[:, 2:] - boxes[:, :2])[:, :, i, j].transpose(1, 2)
        common = torch.minimum(shape, truth[:, 3:]).prod(2)
        union = shape.prod(2) + truth[:, 3:].prod(1) - common
        best = (common / union).argmax(0) if len(truth) else i
        key = (best * side + i) * side + j
        last = (key[:, None] == key).triu(1).sum(1) == 0
        truth, best, i, j = truth[last], best[last], i[last], j[last]
        given = x[best, :, i, j]
        near, shown = given[:, :2].sigmoid(), given[:, 4].sigmoid()
        scale = truth.new_tensor(self.box_scale)
        if not self.rescore and not self.older:
            scale = self.box_scale * (2 - truth[:, 3:].prod(1, keepdim=True))
        wanted = truth[:, 1:3] * side - torch.stack([j, i], 1)
        off = near - wanted, given[:, 2:4] - (truth[:, 3:] * side / anchors[best]).log()
        if self.limited:
            off = off[0].clamp(-1, 1), off[1].clamp(-1, 1)
        moved, scaled = scale * off[0] * near * (1 - near), scale * off[1]
        overlap = box_iou(boxes[best, :, i, j], self.corners(truth)).diagonal()
        rescored = self.rescore and not self.older
        goal = overlap if rescored else torch.ones_like(overlap)
        lacks = 2 * (shown - goal) ** 3 if self.limited else shown - goal
        sure = self.object_scale * lacks * shown * (1 - shown)
        right = torch.arange(self.classes, device=x.device) == truth[:, :1].long()
        kind = self.class_scale * (given[:, 5:].softmax(1) - right.to(given))
        error[best, :, i, j] = torch.cat([moved, scaled, sure[:, None], kind], 1)
