"""Regions as the layers of detectors share them: shapes, fields, codes, overlaps, the best."""

from __future__ import annotations

import math

from protonet.layers.base import Layer, LayerError, Shape, count, show
from protonet.program import F, single, torch
from protonet.schema.pool import Message

OVERLAPS = ("IOU", "IOMU", "IOFU")
Spread = tuple[tuple[float, ...], tuple[float, ...]]


def check_regions(x: Shape, regions: Shape) -> None:
    """LayerError unless the bottoms are a map (n, c, h, w) and regions (k, 5)."""
    if len(x) != 4:
        raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
    if not regions or count(regions, 1) != 5:
        raise LayerError(f"regions have the shape Nx5, not {show(regions)}", "bottom", 1)


def spread_of(message: Message) -> Spread:
    """The means and deviations of a layer's bbox_reg_param; 0 and 1 where it states none."""
    given = message.bbox_reg_param
    mean, deviation = tuple(given.bbox_mean), tuple(given.bbox_std)
    if not mean or not deviation:
        return (0.0,) * 4, (1.0,) * 4
    for field, values in (("bbox_mean", mean), ("bbox_std", deviation)):
        if len(values) != 4:
            what = f"{field} is given {len(values)} times, once for each of 4 coordinates"
            raise LayerError(what, "bbox_reg_param", field, len(values) - 1)
    if min(deviation) <= 0:
        where = deviation.index(min(deviation))
        raise LayerError("bbox_std must be positive", "bbox_reg_param", "bbox_std", where)
    return tuple(map(single, mean)), tuple(map(single, deviation))


def bounds_of(p: Message) -> tuple[float, float]:
    """How far codes of place and of size may go, by a message's field_xyr and field_whr."""
    if p.field_xyr <= 0 or p.field_whr < 1:
        field = "field_xyr" if p.field_xyr <= 0 else "field_whr"
        limit = "be positive" if p.field_xyr <= 0 else "be at least 1"
        raise LayerError(f"{field} must {limit}, it is {single(getattr(p, field))}", field)
    return 1 / single(p.field_xyr), math.log(single(p.field_whr))


def check_nms(p: Message) -> None:
    """LayerError where a message's nms_type is none of the three."""
    if p.nms_type not in OVERLAPS:
        what = f"nms_type is one of {', '.join(OVERLAPS)}, not {p.nms_type!r}"
        raise LayerError(what, "nms_type")


def check_map(layer: Layer, x: Shape, truth: Shape) -> None:
    """LayerError unless a map and its truth fit the layer's cls_num, field and stride."""
    layer.check_positive("cls_num", "field_w", "field_h", "downsample_rate")
    if layer.p.coord_num != 4:
        raise LayerError(f"coord_num is 4, not {layer.p.coord_num}", "coord_num")
    channels = layer.p.cls_num + 4
    if len(x) != 4 or x[1] != channels:
        what = f"{layer.p.cls_num} classes and 4 codes take maps (n, {channels}, h, w)"
        raise LayerError(f"{what}, not {show(x)}", "bottom", 0)
    if len(truth) != 4 or (truth[0], *truth[2:]) != (x[0], *x[2:]) or truth[1] != 6:
        what = f"the truth of {show(x)} is {show((x[0], 6, *x[2:]))}, not {show(truth)}"
        raise LayerError(what, "bottom", 1)
    if layer.p.objectness and layer.p.cls_num != 2:
        raise LayerError(f"objectness takes 2 classes, not {layer.p.cls_num}", "cls_num")
    spread_of(layer.message)


def check_groups(layer: Layer, bottoms: tuple[Shape, ...]) -> None:
    """LayerError unless scores, codes and truth fit the layer's cls_num, fields and stride."""
    scores, codes, truth = bottoms
    layer.check_positive("cls_num", "stride")
    fields = len(layer.p.field_w)
    if not fields or fields != len(layer.p.field_h):
        raise LayerError("it needs as many field_w as field_h, one at least")
    if len(scores) != 4 or scores[0] % fields or scores[1] != layer.p.cls_num:
        what = f"{fields} fields take maps (n * {fields}, {layer.p.cls_num}, h, w)"
        raise LayerError(f"{what}, not {show(scores)}", "bottom", 0)
    for index, (x, channels) in enumerate(((codes, 4), (truth, 6)), 1):
        wanted = (scores[0], channels, *scores[2:])
        if x != wanted:
            what = f"scores of {show(scores)} take {show(wanted)}, not {show(x)}"
            raise LayerError(what, "bottom", index)
    if layer.p.objectness and layer.p.cls_num != 2:
        raise LayerError(f"objectness takes 2 classes, not {layer.p.cls_num}", "cls_num")
    spread_of(layer.message)


def field_grid(
    like: torch.Tensor, fields: list[tuple[int, int]], stride: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The middles of a map's places, (2, h, w), and each item's field, (n, 2, 1, 1), in pixels.

    ``fields`` are widths and heights, taken in turn by the items of ``like``, (n, c, h, w).
    """
    height, width = like.shape[2:]
    y = (torch.arange(height, device=like.device).to(like.dtype) + 0.5) * stride
    x = (torch.arange(width, device=like.device).to(like.dtype) + 0.5) * stride
    y, x = torch.meshgrid(y, x, indexing="ij")
    sizes = like.new_tensor(fields).repeat(like.shape[0] // len(fields), 1)
    return torch.stack([x, y]), sizes[:, :, None, None]


def field_boxes(
    codes: torch.Tensor,
    fields: list[tuple[int, int]],
    stride: int,
    spread: tuple[tuple[float, ...], tuple[float, ...]],
    bounds: tuple[float, float],
) -> torch.Tensor:
    """The boxes, x, y, width, height in pixels, that codes (n, 4, h, w) of their fields mean."""
    place, size = field_grid(codes, fields, stride)
    mean, deviation = (codes.new_tensor(v)[:, None, None] for v in spread)
    codes = codes * deviation + mean
    wide = size * codes[:, 2:].clamp(-bounds[1], bounds[1]).exp()
    middle = codes[:, :2].clamp(-bounds[0], bounds[0]) * size + place
    return torch.cat([middle - wide / 2, wide], 1)


def field_codes(
    boxes: torch.Tensor,
    fields: list[tuple[int, int]],
    stride: int,
    spread: tuple[tuple[float, ...], tuple[float, ...]],
) -> torch.Tensor:
    """The codes of boxes (n, 4, h, w), middle x, middle y, width, height in pixels."""
    place, size = field_grid(boxes, fields, stride)
    mean, deviation = (boxes.new_tensor(v)[:, None, None] for v in spread)
    moved = (boxes[:, :2] - place) / size
    scaled = (boxes[:, 2:].clamp(min=2) / size).log()
    return (torch.cat([moved, scaled], 1) - mean) / deviation


def bounded_codes(
    codes: torch.Tensor,
    spread: tuple[tuple[float, ...], tuple[float, ...]],
    bounds: tuple[float, float],
) -> torch.Tensor:
    """Codes (n, 4, h, w) within their bounds; the gradient passes as if there were none."""
    (a, b, c, d), (e, f, g, h) = spread
    middle = [(a + b) / 2] * 2 + [(c + d) / 2] * 2
    scale = [(e * f) ** 0.5] * 2 + [(g * h) ** 0.5] * 2
    reach = [bounds[0]] * 2 + [bounds[1]] * 2
    rows = (middle, scale, reach)
    mean, deviation, most = (codes.new_tensor(v)[:, None, None] for v in rows)
    low, high = (-most - mean) / deviation, (most - mean) / deviation
    held = torch.minimum(torch.maximum(codes, low), high)
    return codes + (held - codes).detach()


def region_overlap(
    a: torch.Tensor,
    b: torch.Tensor,
    kind: str = "edges",
    over: str = "IOU",
) -> torch.Tensor:
    """What boxes (n, 4) and (m, 4) of x, y, width, height share: (n, m).

    It is a share of the union, IOU, of the smaller, IOMU, or of the first, IOFU. By ``edges`` boxes
    share any area, by ``pixels`` a whole one at least, by ``corners`` more than one row.
    """
    low = torch.maximum(a[:, None, :2], b[:, :2])
    high = torch.minimum(a[:, None, :2] + a[:, None, 2:], b[:, :2] + b[:, 2:])
    side, least = high - low, 0 if kind == "edges" else 1
    meets = (side > least).all(-1)
    if kind == "pixels":
        meets = (side >= least).all(-1)
    if kind == "corners":
        meets = (side[..., 0] >= least) & (side[..., 1] > least)
    first, second = a[:, 2:].prod(-1)[:, None], b[:, 2:].prod(-1)
    real = a[:, None, 2:].amin(-1) > 0, b[:, 2:].amin(-1) > 0
    if kind == "corners":
        real = a[:, None, 2:].amin(-1) >= 1, b[:, 2:].amin(-1) >= 1
    shared = side.prod(-1)
    whole = first + second - shared
    if over != "IOU":
        whole = first.expand_as(shared) if over == "IOFU" else torch.minimum(first, second)
    return torch.where(meets & real[0] & real[1], shared / whole, 0)


def region_nms(
    boxes: torch.Tensor,
    threshold: float,
    kind: str = "edges",
    over: str = "IOU",
) -> torch.Tensor:
    """Which boxes (n, 4) of x, y, width, height stay, best first, where a kept one goes before."""
    kept = torch.arange(0, device=boxes.device)
    for start in range(0, len(boxes), 1024):
        block = boxes[start : start + 1024]
        free = ~(region_overlap(boxes[kept], block, kind, over) > threshold).any(0)
        covers = (region_overlap(block, block, kind, over) > threshold).triu(1)
        stays, before = free, ~free
        while not torch.equal(stays, before):
            before = stays
            stays = free & ~(covers & stays[:, None]).any(0)
        kept = torch.cat([kept, start + stays.nonzero()[:, 0]])
    return kept


def falling(scores: torch.Tensor) -> torch.Tensor:
    """The places of scores in falling order, the later of equal ones first."""
    return len(scores) - 1 - scores.flip(0).argsort(descending=True, stable=True)


def best_regions(
    images: list[torch.Tensor],
    threshold: float,
    kind: str,
    over: str,
    least: float,
    before: int,
    most: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Regions (k, 5, 1, 1) of image and corners, and with their scores, (k, 6, 1, 1).

    Of rows of x, y, width, height, score for each image. Where none is left, one region
    stands for it, from 1 to 10.
    """
    found = []
    for image, every in enumerate(images):
        rows = every[(every[:, 2:4] >= least).all(1)]
        best = rows[falling(rows[:, 4])[: before or None]]
        rows = best[region_nms(best[:, :4], threshold, kind, over)[: most or None]]
        far = rows[:, :2] + rows[:, 2:4]
        if kind == "corners":
            far = far - 1
        rows = torch.cat([rows[:, :2], far, rows[:, 4:]], 1)
        found.append(F.pad(rows, (1, 0), value=image))
    scored = torch.cat(found)
    regions = scored[:, :5]
    if len(scored) == 0:
        scored = images[0].new_zeros(1, 6)
        regions = scored.new_tensor([[0, 1, 1, 10, 10]])
    return regions[:, :, None, None], scored[:, :, None, None]


def share_of(values: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
    """The mean of the values that count, -1 where none does."""
    number = among.sum()
    mean = torch.where(among, values, 0).sum() / number.clamp(min=1)
    return torch.where(number > 0, mean, -1)
