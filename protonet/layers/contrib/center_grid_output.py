"""CenterGridOutput: the boxes that a detector without prior boxes finds at several scales."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.centers import rows_of_images, unsuppressed
from protonet.layers.forks import PICTURES
from protonet.program import Builder, Expr, single, torch

_SIGMOID = 0


@register("CenterGridOutput")
class CenterGridOutput(Layer):
    """Decode the sides at every place of three or more maps and keep the best boxes.

    Maps (n, 4 + 1, h, w) for SIGMOID, (n, 4 + 2, h, w) for SOFTMAX, or with has_lm 10 landmarks
    behind the 4 sides, each with its bias_scale; to (1, 1, found, 7 or 17) with rows of image, 1,
    score, x1, y1, x2, y2 and the landmarks, in parts of net_width and net_height. How many there
    are follows from the data, where shapes say 1; where nothing is found there is a row of -1 for
    each image. No gradient. As in the fork the landmarks' y start from the place's column as their
    x do, lengths go by the width of a map and net_width, and the fields that CenterGridLoss
    has no use for are not read. Source: CenterGridOutputLayer and center_bbox_util of yuqj1991's
    caffe_train.
    """

    param = "detection_output_param"
    bottoms = (3, None)
    grows = 2
    kind = "metric"
    ignores = PICTURES
    examples = (
        Example(
            'layer { name: "l" type: "CenterGridOutput" bottom: "x" bottom: "z" bottom: "w" '
            'top: "y" detection_output_param { num_classes: 1 bias_scale: 17 bias_scale: 48 '
            "bias_scale: 96 net_height: 32 net_width: 32 keep_top_k: 9 } }",
            {"x": (1, 5, 8, 8), "z": (1, 5, 4, 4), "w": (1, 5, 2, 2)},
            {"y": (1, 1, 1, 7)},
            "y = center_grid_output([x, z, w], [17, 48, 96], (32, 32), most=9)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p = self.p
        self.check_fields(len(bottoms))
        channels = (14 if p.has_lm else 4) + p.num_classes
        for index, x in enumerate(bottoms):
            if len(x) != 4 or x[:2] != (bottoms[0][0], channels):
                landmarks = " with landmarks" if p.has_lm else ""
                what = f"{p.num_classes} classes{landmarks} take {bottoms[0][0]}x{channels}xHxW"
                raise LayerError(f"{what}, not {show(x)}", "bottom", index)
        return ((1, 1, 1, 17 if p.has_lm else 7),)

    def check_fields(self, maps: int) -> None:
        """LayerError where the fields do not go together."""
        p = self.p
        wanted, kind = (1, "SIGMOID") if p.class_type == _SIGMOID else (2, "SOFTMAX")
        if p.num_classes != wanted:
            stated = ("num_classes",) if self.has("num_classes") else ()
            raise LayerError(f"{kind} takes num_classes: {wanted}, not {p.num_classes}", *stated)
        if p.has_lm and p.class_type == _SIGMOID:
            raise LayerError("has_lm takes class_type: SOFTMAX", "has_lm")
        if len(p.bias_scale) != maps:
            stated = ("bias_scale",) if len(p.bias_scale) else ()
            what = f"{maps} bottoms take as many bias_scale, not {len(p.bias_scale)}"
            raise LayerError(what, *stated)
        if self.has("nms_param"):
            raise LayerError("it suppresses by nms_thresh, not by nms_param", "nms_param")
        self.check_positive("net_width", "net_height")

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (unsuppressed, rows_of_images, center_grid_rows):
            b.helper(helper)
        p = self.p
        return b.call(
            center_grid_output,
            list(bottoms),
            list(p.bias_scale),
            (p.net_width, p.net_height),
            by_sigmoid=p.class_type == _SIGMOID,
            threshold=single(p.confidence_threshold) if self.has("confidence_threshold") else None,
            nms_threshold=single(p.nms_thresh),
            most=p.keep_top_k if p.keep_top_k > 0 else None,
        )


def center_grid_output(
    maps: list[torch.Tensor],
    scales: list[int],
    size: tuple[int, int],
    by_sigmoid: bool = False,
    threshold: float | None = None,
    nms_threshold: float = 0.4,
    most: int | None = None,
) -> torch.Tensor:
    """Rows of image, 1, score, corners and landmarks of the boxes found, (1, 1, n, 7 or 17)."""
    pairs = zip(maps, scales, strict=True)
    every = [center_grid_rows(x.detach(), scale, size[0], by_sigmoid) for x, scale in pairs]
    found = []
    for rows in torch.cat(every, 1):
        area = (rows[:, 3] - rows[:, 1]) * (rows[:, 4] - rows[:, 2])
        real = (rows[:, 3] > rows[:, 1]) & (rows[:, 4] > rows[:, 2])
        if threshold is not None:
            real &= rows[:, 0] >= threshold
        best, area = rows[real], area[real]
        order = best[:, 0].argsort(descending=True, stable=True)
        best = best[order]
        best = best[unsuppressed(best[:, 1:5], area[order], nms_threshold)][:most]
        parts = best.new_tensor(size).repeat((rows.shape[1] - 1) // 2)
        one = best.new_ones(len(best), 1)
        found.append(torch.cat([one, best[:, :1], best[:, 1:] / parts], 1))
    return rows_of_images(found, every[0].shape[2] + 2)


def center_grid_rows(x: torch.Tensor, scale: int, width: int, by_sigmoid: bool) -> torch.Tensor:
    """Score, corners and landmarks in pixels at every place of a map, (n, h * w, 5 or 15)."""
    _, channels, rows, columns = x.shape
    ratio = width / columns
    points = channels - (1 if by_sigmoid else 2)
    i = torch.arange(rows, device=x.device)[:, None] + 0.5
    j = torch.arange(columns, device=x.device)[None] + 0.5
    i, j = i.expand(rows, columns), j.expand(rows, columns)
    # A landmark's y starts from the column, too.
    middle = torch.stack([j, i, j, i] + [j] * (points - 4)).to(x)
    unit = scale / (2 * ratio if by_sigmoid else ratio)
    place = (middle - x[:, :points] * unit) * ratio
    limit = x.new_tensor([ratio * columns, ratio * rows] * (points // 2))
    place = torch.minimum(place.clamp(min=0), limit[:, None, None])
    score = x[:, points:].sigmoid() if by_sigmoid else x[:, points:].softmax(1)[:, 1:]
    return torch.cat([score, place], 1).flatten(2).transpose(1, 2)
