"""DetectNetTransformation: images and boxes as DetectNet trains on them."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.detectnet import (
    covered_grid,
    nearest_whole,
    rotated,
    rotation_of,
    shrunk,
    with_hue,
)
from protonet.program import Builder, Expr, F, nn, number, single, torch

_AUGMENTS = (
    "crop_prob",
    "shift_x",
    "shift_y",
    "scale_prob",
    "scale_min",
    "scale_max",
    "flip_prob",
    "rotation_prob",
    "max_rotate_degree",
    "hue_rotation_prob",
    "hue_rotation",
    "desaturation_prob",
    "desaturation_max",
)


@register("DetectNetTransformation")
class DetectNetTransformationLayer(Layer):
    """Augmented images, and for each cell of a grid its coverage by objects and their box.

    Images (n, 3, h, w) of 0 to 255 and boxes (n, 1, 1 + m, 16), a row of their number and 16, then
    of x, y, width, height, angle, class and ten that are not read; to (n, 3, image_size_y,
    image_size_x) less the mean, and (n, 8 + classes, rows, columns) of foreground, x1, y1, x2, y2
    from a cell's corner, 1 / width, 1 / height, objects' norm and coverages, a cell each stride
    pixels. TRAIN turns hues, pales, mirrors, scales, rotates and crops at random, in the order of
    the fork's draws; TEST scales to the size. A rotation interpolates exactly, where OpenCV takes
    steps of 1/32 of a pixel. No gradient. Source: NVIDIA's Caffe fork,
    DetectNetTransformationLayer and CoverageGenerator.
    """

    param = "detectnet_groundtruth_param"
    bottoms = (2, 2)
    tops = (2, 2)
    constants = (0, 1)
    examples = (
        Example(
            'layer { name: "t" type: "DetectNetTransformation" bottom: "x" bottom: "boxes" '
            'top: "image" top: "label" detectnet_groundtruth_param { stride: 16 '
            "image_size_x: 64 image_size_y: 32 } transform_param { mean_value: 127 } }",
            {"x": (2, 3, 40, 70), "boxes": (2, 1, 5, 16)},
            {"image": (2, 3, 32, 64), "label": (2, 9, 2, 4)},
            "self.t = DetectNetTransformation([64, 32], 16, [(1, 0)], mean=[127])",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p, (images, boxes) = self.p, bottoms
        self.check_positive("stride", "image_size_x", "image_size_y")
        if len(images) != 4 or images[1] != 3:
            raise LayerError(f"it takes images Nx3xHxW, not {show(images)}", "bottom", 0)
        if len(boxes) != 4 or boxes[0] != images[0] or boxes[1] != 1 or boxes[3] != 16:
            what = f"it takes boxes {images[0]}x1xMx16, not {show(boxes)}"
            raise LayerError(what, "bottom", 1)
        transform = self.message.transform_param
        if transform.HasField("mean_file"):
            what = "a mean image is not supported"
            raise LayerError(what, "transform_param", "mean_file", hint="give mean_value")
        if len(transform.mean_value) not in (0, 1, 3):
            what = f"mean_value is given once or thrice, not {len(transform.mean_value)} times"
            raise LayerError(what, "transform_param", "mean_value", 0)
        classes = 1 + max(self.classes().values())
        # The grid is rounded as OpenCV rounds.
        cells = (round(p.image_size_y / p.stride), round(p.image_size_x / p.stride))
        image = (images[0], 3, p.image_size_y, p.image_size_x)
        return image, (images[0], 8 + classes, *cells)

    def classes(self) -> dict[int, int]:
        """The coverage that each class of objects has; KITTI's cars where none is stated."""
        return {each.src: each.dst for each in self.p.object_class} or {1: 0}

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (with_hue, rotation_of, rotated, covered_grid, shrunk, nearest_whole):
            b.helper(helper)
        p, augment = self.p, self.message.detectnet_augmentation_param
        given = {
            "mean": [number(v) for v in self.message.transform_param.mean_value] or (),
            "coverage": single(p.scale_cvg),
            "least": p.min_cvg_len if p.gridbox_type else None,
            "most": None if p.gridbox_type else p.max_cvg_len,
            "normed": p.obj_norm,
            "cropped": p.crop_bboxes,
        }
        if self.phase == "TRAIN":
            given |= {name: number(getattr(augment, name)) for name in _AUGMENTS}
            given["augments"] = True
        options = {k: v for k, v in given.items() if v != getattr(DetectNetTransformation, k)}
        return b.module(
            DetectNetTransformation,
            [p.image_size_x, p.image_size_y],
            p.stride,
            sorted(self.classes().items()),
            **options,
        )(*bottoms)


class DetectNetTransformation(nn.Module):
    """Images and their boxes as DetectNet takes them; in training mode it draws ``augment``."""

    mean: list[float] | tuple[()] = ()
    coverage = 0.5
    least: int | None = None
    most: int | None = 50
    normed = False
    cropped = True
    augments = False
    crop_prob = 1
    shift_x = 0
    shift_y = 0
    scale_prob = 0.33
    scale_min = 0.7
    scale_max = 1
    flip_prob = 0.33
    rotation_prob = 0.33
    max_rotate_degree = 1
    hue_rotation_prob = 0.33
    hue_rotation = 15
    desaturation_prob = 0.33
    desaturation_max = 0.5

    def __init__(
        self,
        size: list[int],
        stride: int,
        classes: list[tuple[int, int]],
        **options: object,
    ) -> None:
        super().__init__()
        self.size, self.stride, self.classes = (size[0], size[1]), stride, dict(classes)
        for name, value in options.items():
            setattr(self, name, value)

    def forward(
        self,
        images: torch.Tensor,
        boxes: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        shown, grids = [], []
        for image, rows in zip(images.detach(), boxes.detach(), strict=True):
            drawn = self.drawn(image.shape[2], image.shape[1])
            real = rows[0, 1 : 1 + int(rows[0, 0, 0])]
            shown.append(self.changed(image, *drawn))
            grids.append(self.grid(real, image, *drawn[2:]))
        return torch.stack(shown), torch.stack(grids)

    def drawn(
        self,
        width: int,
        height: int,
    ) -> tuple[float, float, bool, tuple[int, int], float, tuple[int, int]]:
        """Hue, saturation, mirroring, size, degrees and corner for an image."""
        if not self.augments or not self.training:
            return 0.0, 1.0, False, self.size, 0.0, (0, 0)
        hue, saturation, size, degrees = 0.0, 1.0, (width, height), 0.0
        chance = torch.rand(12).tolist()
        if chance[0] <= self.hue_rotation_prob:
            hue = max(-180.0, min(180.0, (2 * chance[1] - 1) * self.hue_rotation))
        if chance[2] <= self.desaturation_prob:
            saturation = 1 - chance[3] * self.desaturation_max
        flip = chance[4] <= self.flip_prob
        if chance[5] <= self.scale_prob:
            scale = self.scale_min + (self.scale_max - self.scale_min) * chance[6]
            size = (nearest_whole(width * scale), nearest_whole(height * scale))
        if chance[7] <= self.rotation_prob:
            degrees = (2 * chance[8] - 1) * self.max_rotate_degree
        wide, high = rotation_of(size, degrees)[2] if degrees else size
        place, x, y = [0.5, 0.5], 0, 0
        if chance[9] <= self.crop_prob:
            place, x, y = chance[10:], int(self.shift_x), int(self.shift_y)
        corner = (
            nearest_whole(place[0] * (wide - self.size[0] + x) - x // 2),
            nearest_whole(place[1] * (high - self.size[1] + y) - y // 2),
        )
        return hue, saturation, flip, size, degrees, corner

    def changed(
        self,
        image: torch.Tensor,
        hue: float,
        saturation: float,
        flip: bool,
        size: tuple[int, int],
        degrees: float,
        corner: tuple[int, int],
    ) -> torch.Tensor:
        """An image (3, h, w) with all that was drawn for it."""
        pale = saturation < 1 - 1 / 255
        if hue or pale:
            image = with_hue(image / 255, hue, saturation if pale else 1.0) * 255
        if self.mean:
            image = image - image.new_tensor(self.mean)[:, None, None]
        if flip:
            image = image.flip(2)
        if (image.shape[2], image.shape[1]) != size:
            image = F.interpolate(image[None], (size[1], size[0]), mode="bicubic")[0]
        if degrees:
            image = rotated(image, degrees)
        right = self.size[0] - image.shape[2] + corner[0]
        below = self.size[1] - image.shape[1] + corner[1]
        return F.pad(image, (-corner[0], right, -corner[1], below))

    def grid(
        self,
        rows: torch.Tensor,
        image: torch.Tensor,
        flip: bool,
        size: tuple[int, int],
        degrees: float,
        corner: tuple[int, int],
    ) -> torch.Tensor:
        """The grid of an image's boxes with all that was drawn for it."""
        boxes = self.placed(rows, image.shape[2], image.shape[1], flip, size, degrees)
        boxes = boxes - boxes.new_tensor(corner * 2)
        if self.cropped:
            boxes = torch.minimum(boxes.clamp(min=0), boxes.new_tensor(self.size * 2))
        area = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1).tolist()
        kinds = rows[:, 5].long().tolist()
        known, least = self.classes, 1.1920929e-7
        there = [i for i, k in enumerate(kinds) if k in known and area[i] >= least]
        boxes = boxes[there]
        return covered_grid(
            boxes,
            shrunk(boxes, self.coverage, self.least, self.most),
            [self.classes[kinds[i]] for i in there],
            1 + max(self.classes.values()),
            (round(self.size[1] / self.stride), round(self.size[0] / self.stride)),
            self.stride,
            self.normed,
        )

    def placed(
        self,
        rows: torch.Tensor,
        width: int,
        height: int,
        flip: bool,
        size: tuple[int, int],
        degrees: float,
    ) -> torch.Tensor:
        """The corners of boxes, mirrored, scaled and turned with their image."""
        low, side = rows[:, :2], rows[:, 2:4]
        if flip:
            mirrored = width - low[:, :1] - side[:, :1] - 1
            low = torch.cat([mirrored, low[:, 1:]], 1)
        scale = low.new_tensor([size[0] / width, size[1] / height])
        low, side = low * scale, side * scale
        if degrees:
            turn, shift, _ = rotation_of(size, degrees)
            middle = (low + side / 2) @ low.new_tensor(turn).t()
            low = middle + low.new_tensor(shift) - side / 2
        return torch.cat([low, low + side], 1)
