"""yolo.DetectionLoss: what the first YOLO trains on, of yeahkun's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, F, nn, single, torch

_FIELDS = ("side", "num_class", "num_object", "object_scale", "noobject_scale", "class_scale")


@register("yolo.DetectionLoss")
class YoloDetectionLossLayer(Layer):
    """The squared errors of YOLO's classes, objectness and boxes, each as a mean.

    It is the type DetectionLoss with the fields of YOLO's fork: (n, side * side * (num_class + 5 *
    num_object)) of class scores, objectness and boxes, and truth (n, side * side * 7) of difficult,
    object, class and box, to one number. In a cell with an object the box that overlaps it most
    answers, its objectness for that overlap. As in the fork the gradient is the errors over the
    batch, not that of the value; where no cell has an object, its value is not a number, and here
    that of the empty cells. Source: DetectionLossLayer of yeahkun's caffe-yolo.
    """

    param = "detection_loss_param"
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "DetectionLoss" bottom: "x" bottom: "label" top: "y" '
            "detection_loss_param { side: 2 num_class: 3 num_object: 2 constriant: true } }",
            {"x": (2, 52), "label": (2, 28)},
            {"y": ()},
            "self.l = YoloLoss(2, 3, 2, in_cells=True)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, p = bottoms[0], self.p
        self.check_positive("side", "num_class", "num_object")
        cells = p.side * p.side
        wanted = cells * (p.num_class + 5 * p.num_object), cells * 7
        for index, (shape, each) in enumerate(zip(bottoms, wanted, strict=True)):
            if not shape or count(shape, 1) != each or shape[0] != x[0]:
                what = f"{p.side}x{p.side} cells take {each} numbers an image"
                raise LayerError(f"{what}, not {show(shape)}", "bottom", index)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        p = self.p
        return b.module(
            YoloLoss,
            p.side,
            p.num_class,
            p.num_object,
            squared=p.sqrt,
            in_cells=p.constriant,
            object_scale=single(p.object_scale),
            empty_scale=single(p.noobject_scale),
            class_scale=single(p.class_scale),
            box_scale=single(p.coord_scale),
        )(*bottoms)


class YoloLoss(nn.Module):
    """The means of YOLO's squared errors, whose gradient is the errors themselves."""

    def __init__(
        self,
        side: int,
        classes: int,
        boxes: int,
        squared: bool = True,
        in_cells: bool = False,
        object_scale: float = 1.0,
        empty_scale: float = 0.5,
        class_scale: float = 1.0,
        box_scale: float = 5.0,
    ) -> None:
        super().__init__()
        self.side, self.classes, self.count = side, classes, boxes
        self.squared, self.in_cells = squared, in_cells
        self.object_scale, self.empty_scale = object_scale, empty_scale
        self.class_scale, self.box_scale = class_scale, box_scale

    def forward(self, x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        n, cells = len(x), self.side * self.side
        given = x.detach().reshape(n, -1, cells)
        truth = truth.detach().reshape(n, -1)
        there, label = truth[:, cells : 3 * cells].reshape(n, 2, cells).unbind(1)
        real = truth[:, 3 * cells :].reshape(n, cells, 4).transpose(1, 2)
        behind = self.classes + self.count
        scores, shown = given[:, : self.classes], given[:, self.classes : behind]
        places = given[:, behind:].reshape(n, self.count, 4, cells)
        there = (there != 0)[:, None].to(x)
        best, overlap = self.best(places, real)
        answers = F.one_hot(best, self.count).transpose(1, 2) * there
        kinds = F.one_hot((label * there[:, 0]).long(), self.classes).transpose(1, 2)
        off = places - self.coded(real)[:, None]
        off = torch.where(answers[:, :, None] > 0, off, 0)
        kind = self.class_scale * there * (scores - kinds)
        sure = self.empty_scale * shown * (1 - answers)
        sure = sure + self.object_scale * (shown - overlap[:, None]) * answers
        error = [kind, sure, self.box_scale * off.reshape(n, -1, cells)]
        objects = there.sum().clamp(min=1)
        value = self.class_scale * (there * (scores - kinds).square()).sum()
        value = value + self.object_scale * ((shown - 1).square() * answers).sum()
        value = (value + self.box_scale * off.square().sum()) / objects
        empty = (shown.square() * (1 - answers)).sum()
        value = value + self.empty_scale * empty / (shown.numel() - there.sum())
        leading = (x * torch.cat(error, 1).reshape(x.shape)).sum() / n
        return leading + (value - leading).detach()

    def coded(self, boxes: torch.Tensor) -> torch.Tensor:
        """Boxes (n, 4, cells) as the map says them."""
        center, size = boxes[:, :2], boxes[:, 2:]
        if self.in_cells:
            center = center * self.side - self.corners(boxes)
        return torch.cat([center, size.sqrt() if self.squared else size], 1)

    def corners(self, like: torch.Tensor) -> torch.Tensor:
        """The column and row of each cell, (2, cells)."""
        cell = torch.arange(self.side * self.side, device=like.device)
        return torch.stack([cell % self.side, cell // self.side])

    def best(
        self,
        places: torch.Tensor,
        real: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Which box of each cell (n, cells) is nearest to the true one, and its overlap."""
        center, size = places[:, :, :2], places[:, :, 2:]
        if self.in_cells:
            center = (center + self.corners(real)) / self.side
        size = size.square() if self.squared else size
        real = real[:, None]
        half, around = size / 2, real[:, :, 2:] / 2
        low = torch.maximum(center - half, real[:, :, :2] - around)
        high = torch.minimum(center + half, real[:, :, :2] + around)
        shared = (high - low).clamp(min=0).prod(2)
        union = size.prod(2) + real[:, :, 2:].prod(2) - shared
        overlap = torch.where(shared > 0, shared / union, 0)
        off = (torch.cat([center, size], 2) - real).square().sum(2).sqrt()
        most, by_overlap = overlap.max(1)
        # Where none overlaps, the nearest by its numbers; beyond 20 the first.
        least, by_numbers = off.min(1)
        by_numbers = torch.where(least < 20, by_numbers, 0)
        return torch.where(most > 0, by_overlap, by_numbers), most
