"""Yolov3Loss: what one scale of YOLOv3 trains on, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.centers import check_rows, sloped
from protonet.layers.overlaps import box_overlap
from protonet.program import Builder, Expr, nn, number, single, torch


@register("Yolov3Loss")
class YoloScaleLossLayer(Layer):
    """The squared errors of objectness, classes and boxes at the places of the true boxes.

    A map (n, masks * (5 + num_class), h, w) and true boxes (n, 1, m, 8) as AnnotatedData's
    yoloformat gives them; to one number, over how many true boxes the scale owns, or the images
    where it owns none. Each true box goes to the anchor of bias_scale that fits it best, if
    bias_mask has it. As in the fork the gradient is the errors times the sigmoid's slope, not that
    of their squares; of several boxes at one anchor and place the last is learned, and the class of
    each behind the first is pushed away from, not to. The other losses' fields are not read. Images
    without boxes behind the last with some are as others without, where the fork reads memory that
    is not its own; it leaves its probabilities in the bottom, which is kept here.
    Source: Yolov3LossLayer and EncodeYoloObject of yuqj1991's caffe_train.
    """

    param = "center_object_loss_param"
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "Yolov3Loss" bottom: "x" bottom: "label" top: "y" '
            "center_object_loss_param { num_class: 2 bias_num: 2 bias_scale: 10 bias_scale: 13 "
            "bias_scale: 16 bias_scale: 30 bias_mask: 1 net_width: 32 net_height: 32 } }",
            {"x": (2, 7, 4, 4), "label": (2, 1, 3, 8)},
            {"y": ()},
            "self.loss = YoloScaleLoss([(10, 13), (16, 30)], [1], 2, 32)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, truth = bottoms
        p = self.p
        self.check_fields()
        channels = len(p.bias_mask) * (5 + p.num_class)
        if len(x) != 4 or x[1] != channels:
            what = f"{len(p.bias_mask)} bias_mask of {p.num_class} classes take {channels} channels"
            raise LayerError(f"{what}, not {show(x)}", "bottom", 0)
        check_rows(truth, x[0], False, 1)
        return ((),)

    def check_fields(self) -> None:
        """LayerError where the fields do not go together."""
        p, pairs = self.p, len(self.p.bias_scale) // 2
        if not self.has("bias_num") or p.bias_num != pairs:
            what = f"it takes bias_num: {pairs}, for as many pairs of bias_scale"
            raise LayerError(what, *["bias_num"] * self.has("bias_num"))
        if not len(p.bias_mask):
            raise LayerError("it has no bias_mask")
        for index, mask in enumerate(p.bias_mask):
            if not 0 <= mask < pairs:
                what = f"there is no pair of bias_scale {mask}, there are {pairs}"
                raise LayerError(what, "bias_mask", index)
        self.check_positive("num_class", "net_width", "net_height")
        if p.net_width != p.net_height:
            what = f"net_width {p.net_width} and net_height {p.net_height} must be the same"
            raise LayerError(what, "net_height")

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(box_overlap)
        b.helper(sloped)
        p = self.p
        biases = [number(v) for v in p.bias_scale]
        options = (
            {}
            if p.ignore_thresh == YoloScaleLoss.threshold
            else {"threshold": single(p.ignore_thresh)}
        )
        return b.module(
            YoloScaleLoss,
            list(zip(biases[::2], biases[1::2], strict=False)),
            list(p.bias_mask),
            p.num_class,
            p.net_width,
            **options,
        )(*bottoms)


class YoloScaleLoss(nn.Module):
    """The squared errors of YOLOv3's boxes at one scale, whose gradient is the errors."""

    threshold = 0.5

    def __init__(
        self,
        anchors: list[tuple[float, float]],
        mask: list[int],
        classes: int,
        size: int,
        **options: object,
    ) -> None:
        super().__init__()
        self.anchors, self.mask, self.classes, self.size = anchors, mask, classes, size
        for name, value in options.items():
            setattr(self, name, value)

    def forward(self, x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        n, _, height, width = x.shape
        raw = x.detach().reshape(n, len(self.mask), 5 + self.classes, height, width)
        shown = raw.sigmoid()
        shown[:, :, 2:4] = raw[:, :, 2:4]
        rows = truth.detach()[:, 0]
        image, row = (rows[:, :, 0].long() != -1).nonzero(as_tuple=True)
        if len(image) == 0:
            return sloped(x, x.new_zeros(()), torch.zeros_like(x))
        real = rows[image, row]
        error = self.found(shown, image, real)
        count = self.place(error, shown, image, real)
        slope = shown * (1 - shown)
        slope[:, :, 2:4] = 1
        by = count or n
        slope = (error * slope).reshape(x.shape) / by
        return sloped(x, error.square().sum() / by, slope)

    def sizes(self, like: torch.Tensor, which: list[int]) -> torch.Tensor:
        """Anchors in parts of the image, (len(which), 2)."""
        return like.new_tensor([self.anchors[i] for i in which]) / self.size

    def found(self, x: torch.Tensor, image: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """The errors with objectness where no box is, but where a box found overlaps one."""
        height, width = x.shape[3:]
        y = torch.arange(height, device=x.device)
        z = torch.arange(width, device=x.device)
        place = torch.stack(torch.meshgrid(z, y, indexing="xy"))
        center = (x[:, :, :2] + place) / x.new_tensor([width, height])[:, None, None]
        size = x[:, :, 2:4].exp() * self.sizes(x, self.mask)[:, :, None, None]
        boxes = torch.cat([center, size], 2).movedim(2, -1)
        low, high = real[:, 3:5], real[:, 5:7]
        truth = torch.cat([(low + high) / 2, high - low], 1)
        error = torch.zeros_like(x)
        error[:, :, 4] = x[:, :, 4]
        for index in torch.unique(image).tolist():
            overlap = box_overlap(boxes[index][..., None, :], truth[image == index])
            error[index, :, 4] *= ~(overlap > self.threshold).any(-1)
        return error

    def place(
        self,
        error: torch.Tensor,
        x: torch.Tensor,
        image: torch.Tensor,
        real: torch.Tensor,
    ) -> int:
        """Put in the errors at the places of the true boxes, and say how many there are."""
        height, width = x.shape[3:]
        middle, size = (real[:, 3:5] + real[:, 5:7]) / 2, real[:, 5:7] - real[:, 3:5]
        every = self.sizes(x, list(range(len(self.anchors))))
        shared = torch.minimum(every, size[:, None]).prod(2)
        overlap = shared / (every.prod(1) + size.prod(1)[:, None] - shared)
        # Nothing is greater than nan, and the first of equals wins.
        best = overlap.nan_to_num(0).clamp(min=0).argmax(1)
        owner = best.new_full((len(every),), -1)
        for position, index in reversed(list(enumerate(self.mask))):
            owner[index] = position
        mine = owner[best] >= 0
        image, real, best = image[mine], real[mine], best[mine]
        middle, size = middle[mine], size[mine]
        side = x.new_tensor([width, height])
        spot = torch.minimum((middle * side).long(), side.long() - 1)
        at = image, owner[best], spot[:, 1], spot[:, 0]
        key = ((at[0] * len(self.mask) + at[1]) * height + at[2]) * width + at[3]
        before = (key[:, None] == key).tril(-1).sum(1)
        goal = torch.cat([middle * side - spot, (size / every[best]).log()], 1)
        scale = 2 - size.prod(1, keepdim=True)
        for turn in range(int(before.max()) + 1 if len(key) else 0):
            now = before == turn
            here = at[0][now], at[1][now], at[2][now], at[3][now]
            given = x[here[0], here[1], :, here[2], here[3]]
            change = self.change(error, given, here, real[now, 1])
            change[:, :4] = scale[now] * (given[:, :4] - goal[now])
            error[here[0], here[1], :, here[2], here[3]] = change
        return len(key)

    def change(
        self,
        error: torch.Tensor,
        given: torch.Tensor,
        here: tuple[torch.Tensor, ...],
        label: torch.Tensor,
    ) -> torch.Tensor:
        """The errors of objectness and classes, which a box behind the first turns round."""
        every = torch.arange(1, self.classes + 1, device=given.device)
        right = every == label[:, None].long()
        noted = error[here[0], here[1], :, here[2], here[3]]
        seen = noted[:, 5:6] != 0
        first = given[:, 5:] - right.to(given)
        later = torch.where(right, 1 - given[:, 5:], noted[:, 5:])
        noted[:, 4] = given[:, 4] - 1
        noted[:, 5:] = torch.where(seen, later, first)
        return noted
