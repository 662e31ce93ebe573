"""Yolov3: what YOLOv3 trains on at one scale, of the MobileNet-YOLO fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.overlaps import box_overlap, distance_slope, overlap_slope
from protonet.layers.truth import check_labels
from protonet.program import Builder, Expr, F, nn, number, single, torch

_BOXES = ("iou", "giou", "mse", "diou", "ciou")


@register("Yolov3")
class Yolov3LossLayer(Layer):
    """The squared errors of objectness, classes and boxes at the places of the true boxes.

    A map (n, num * (5 + classes), h, w) and true boxes (n, m * 5) of class, center, width and
    height, in units of the image, ending where a center or width is 0; to one number. Each true box
    goes to its best anchor, if that is in this scale's mask, and to the others that overlap it by
    iou_thresh. As in the fork the gradient is the errors, not that of their squares, with
    use_logic_gradient times the sigmoid's slope; with an iou_loss the boxes' errors are the way to
    a greater overlap. side and noobject_scale are not read, object_scale only with
    use_logic_gradient, nor does the fork. Source: Yolov3Layer of eric612's MobileNet-YOLO, whose
    earlier releases had neither iou_thresh nor label_smooth_eps: state 1 and 0 for them.
    """

    param = "yolov3_param"
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "Yolov3" bottom: "x" bottom: "label" top: "y" '
            "yolov3_param { num_class: 2 num: 1 mask: 1 biases: 10 biases: 20 biases: 30 "
            "biases: 40 thresh: 0.7 } }",
            {"x": (2, 7, 4, 6), "label": (2, 1, 30, 5)},
            {"y": ()},
            "self.l = Yolov3Loss([(10, 20), (30, 40)], [1], 2, threshold=0.7)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, truth = bottoms
        p = self.p
        if len(p.mask) < p.num:
            what = f"{p.num} boxes take as many masks, not {len(p.mask)}"
            raise LayerError(what, *["mask"] * self.has("mask"))
        for index, mask in enumerate(p.mask[: p.num]):
            if 2 * mask + 1 >= len(p.biases):
                what = f"there is no pair of biases {mask}, there are {len(p.biases) // 2}"
                raise LayerError(what, "mask", index)
        channels = p.num * (5 + p.num_class)
        if len(x) != 4 or x[1] != channels:
            what = f"{p.num} boxes of {p.num_class} classes take {channels} channels"
            raise LayerError(f"{what}, not {show(x)}", "bottom", 0)
        if not truth or truth[0] != x[0] or count(truth, 1) % 5:
            what = f"true boxes have the shape {x[0]}xM*5, not {show(truth)}"
            raise LayerError(what, "bottom", 1)
        self.check_positive("anchors_scale")
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        p = self.p
        for helper in (box_overlap, overlap_slope, distance_slope, check_labels):
            b.helper(helper)
        biases = [number(v) for v in p.biases]
        options = {k: v for k, v in self.options().items() if v != getattr(Yolov3Loss, k)}
        return b.module(
            Yolov3Loss,
            list(zip(biases[::2], biases[1::2], strict=False)),
            list(p.mask[: p.num]),
            p.num_class,
            **options,
        )(*bottoms)

    def options(self) -> dict[str, object]:
        """The attributes of the module."""
        p = self.p
        return {
            "stride": p.anchors_scale,
            "threshold": single(p.thresh),
            "anchor_threshold": single(p.iou_thresh),
            "object_scale": single(p.object_scale) if p.use_logic_gradient else 1.0,
            "class_scale": single(p.class_scale),
            "box_scale": single(p.coord_scale),
            "box_loss": _BOXES[p.iou_loss],
            "overlap_scale": single(p.iou_normalizer),
            "most": single(p.max_delta),
            "accumulate": p.accumulate,
            "smoothing": single(p.label_smooth_eps),
            "focal": p.use_focal_loss,
            "by_slope": p.use_logic_gradient,
        }


class Yolov3Loss(nn.Module):
    """The squared errors of YOLOv3's boxes, whose gradient is the errors themselves."""

    stride = 32
    threshold = 0.2
    anchor_threshold = 0.5
    object_scale = 1.0
    class_scale = 1.0
    box_scale = 5.0
    box_loss = "mse"
    overlap_scale = 0.25
    most = 10.0
    accumulate = True
    smoothing = 0.1
    focal = False
    by_slope = False

    def __init__(
        self,
        anchors: list[tuple[float, float]],
        mask: list[int],
        classes: int,
        **options: object,
    ) -> None:
        super().__init__()
        self.anchors, self.mask, self.classes = anchors, mask, classes
        for name, value in options.items():
            setattr(self, name, value)
        # Overlaps are compared as the boxes are learned.
        self.kind = "iou" if self.box_loss == "mse" else self.box_loss

    def forward(self, x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        n, _, height, width = x.shape
        raw = x.detach().reshape(n, len(self.mask), 5 + self.classes, height, width)
        shown = raw.sigmoid()
        shown[:, :, 2:4] = raw[:, :, 2:4]
        error, missed = self.errors(shown, truth.detach().reshape(n, -1, 5))
        counted = error if self.box_loss == "mse" else error[:, :, 4:]
        value = (counted.square().sum() + self.overlap_scale * missed) / n
        if self.by_slope:
            slope = shown * (1 - shown)
            slope[:, :, 2:4] = 1
            if self.box_loss != "mse":  # the fork has put the map back by then
                slope[:, :, :2] = raw[:, :, :2] * (1 - raw[:, :, :2])
            error = error * slope
        leading = (x * error.reshape(x.shape)).sum() / n
        return leading + (value - leading).detach()

    def errors(
        self,
        x: torch.Tensor,
        truth: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The errors of a map (n, anchors, 5 + classes, h, w), and the lack of overlap."""
        boxes, error = self.boxes(x), torch.zeros_like(x)
        error[:, :, 4] = x[:, :, 4]
        for index, rows in enumerate(truth):
            seen = rows[(rows[:, 1] != 0).cumprod(0) == 1, 1:]
            if len(seen):
                overlap = box_overlap(boxes[index][..., None, :], seen, self.kind)
                error[index, :, 4] *= overlap.amax(-1).clamp(min=0) <= self.threshold
        image, anchor, i, j, real = self.places(truth, x)
        given = x[image, anchor, :, i, j]
        error[image, anchor, 4, i, j] = self.object_scale * (given[:, 4] - 1)
        key = ((image * len(self.mask) + anchor) * x.shape[3] + i) * x.shape[4] + j
        alike = key[:, None] == key
        channel = torch.arange(x.shape[2], device=x.device)
        first, last = (image[:, None], anchor[:, None]), (i[:, None], j[:, None])
        at = (*first, channel[5:], *last)
        error[at] = self.kinds(given[:, 5:], real, alike)
        change, missed = self.moves(given, boxes[image, anchor, i, j], real, anchor, x)
        if self.box_loss == "mse" or not self.accumulate:
            # Of several at one place the last counts.
            change = change * (alike.triu(1).sum(1) == 0)[:, None]
        at = (*first, channel[:4], *last)
        error.index_put_(at, change, accumulate=True)
        return error, missed

    def places(self, truth: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The images, anchors, rows and columns of true boxes, and those boxes."""
        image, row = ((truth[:, :, 3] != 0).cumprod(1) == 1).nonzero(as_tuple=True)
        real = truth[image, row]
        check_labels(real[:, 0], self.classes)
        height, width = x.shape[3:]
        j = (real[:, 1] * width).long().clamp(0, width - 1)
        i = (real[:, 2] * height).long().clamp(0, height - 1)
        shapes = self.sizes(x, list(range(len(self.anchors))))
        around = F.pad(shapes, (2, 0)), F.pad(real[:, None, 3:], (2, 0))
        overlap = box_overlap(around[0], around[1], self.kind)
        most, best = overlap.max(1)
        place = i.new_full((len(shapes),), -1)
        for position, index in reversed(list(enumerate(self.mask))):
            place[index] = position
        own = torch.where(most > 0, place[best], -1)
        # Of the others the fork passes over the one numbered as the best's place in the mask.
        passed = torch.where(own >= 0, own, torch.where(most > 0, best, -1))[:, None]
        others = (place >= 0) & (overlap > self.anchor_threshold)
        others &= torch.arange(len(shapes), device=x.device) != passed
        takes = torch.cat([own[:, None] >= 0, others], 1)
        spots = torch.cat([own[:, None], place.expand(len(real), -1)], 1)
        t, column = takes.nonzero(as_tuple=True)
        return image[t], spots[t, column], i[t], j[t], real[t]

    def kinds(
        self,
        scores: torch.Tensor,
        real: torch.Tensor,
        alike: torch.Tensor,
    ) -> torch.Tensor:
        """The errors of the classes; boxes at one place are of the classes of all."""
        right = torch.arange(self.classes, device=scores.device) == real[:, :1].long()
        goal = (alike.to(scores) @ right.to(scores) > 0).to(scores)
        goal = goal * (1 - self.smoothing) + self.smoothing / 2
        plain = self.class_scale * (scores - goal)
        if not self.focal or len(scores) == 0:
            return plain
        # Focal by the first box at a place, by those behind it as without.
        first = alike.to(scores).argmax(1)
        other = torch.arange(len(first), device=first.device) != first
        later = other[:, None] & right
        later = alike.to(scores) @ later.to(scores) > 0
        sure = (scores * right[first]).sum(1, True) + 1e-15
        slope = (sure - 1) * (2 * sure * sure.log() + sure - 1)
        focal = self.class_scale * (scores - right[first].to(scores)) * 0.5 * slope
        return torch.where(later, plain, focal)

    def moves(
        self,
        given: torch.Tensor,
        boxes: torch.Tensor,
        real: torch.Tensor,
        anchor: torch.Tensor,
        x: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The errors of the boxes, and their mean lack of overlap."""
        if self.box_loss == "mse":
            goal = real[:, 1:3] * x.new_tensor([x.shape[4], x.shape[3]])
            goal = goal - goal.floor()
            scaled = (real[:, 3:] / self.sizes(x, self.mask)[anchor]).log()
            scale = self.box_scale * (2 - real[:, 3:].prod(1, True))
            change = scale * (given[:, :4] - torch.cat([goal, scaled], 1))
            return change, x.new_zeros(())
        grown = overlap_slope(boxes, real[:, 1:], self.box_loss) * self.overlap_scale
        grown[:, 2:] *= given[:, 2:4].exp()
        change = -grown.nan_to_num(0, 0, 0).clamp(-self.most, self.most)
        kind = self.kind if self.kind != "iou" else "diou"  # as the fork says it
        missed = (1 - box_overlap(boxes, real[:, 1:], kind)).sum() / max(1, len(real))
        return change, missed

    def sizes(self, x: torch.Tensor, which: list[int]) -> torch.Tensor:
        """Anchors in units of the image, (len(which), 2)."""
        anchors = x.new_tensor([self.anchors[i] for i in which])
        return anchors / (x.new_tensor([x.shape[4], x.shape[3]]) * self.stride)

    def boxes(self, x: torch.Tensor) -> torch.Tensor:
        """The boxes of a map by center and size, (n, anchors, h, w, 4)."""
        height, width = x.shape[3:]
        y = torch.arange(height, device=x.device)
        z = torch.arange(width, device=x.device)
        place = torch.stack(torch.meshgrid(z, y, indexing="xy"))
        center = (x[:, :, :2] + place) / x.new_tensor([width, height])[:, None, None]
        size = x[:, :, 2:4].exp() * self.sizes(x, self.mask)[:, :, None, None]
        return torch.cat([center, size], 2).permute(0, 1, 3, 4, 2)
