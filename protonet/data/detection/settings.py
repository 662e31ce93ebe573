"""What an AnnotatedData layer states, and what of it can't be done, before any data are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from protonet.schema.pool import Message

TRANSFORMS = {
    *("scale", "mirror", "crop_size", "crop_h", "crop_w", "mean_file", "mean_value"),
    *("force_color", "force_gray", "resize_param", "noise_param", "distort_param"),
    *("expand_param", "emit_constraint", "cvt_bgr2rgb"),
    "use_gpu_transform",  # of a fork: where, not what
    "debug_params",  # of a fork: what is printed
}
ANNOTATIONS = {
    *("batch_sampler", "label_map_file", "anno_type", "data_anchor_sampler", "crop_type"),
    *("yolo_data_type", "yolo_data_jitter", "train_diffcult", "difficult_label_warmup"),
    *("single_class", "seg_scales", "seg_resize_width", "seg_resize_height"),
    *("yoloformat", "has_landmarks", "bbox_sampler"),
    *("up_prob", "low_prob"),  # of a version that reads them nowhere
}
_YUQJ = ("yoloformat", "has_landmarks", "bbox_sampler")
KINDS = ("jaccard_overlap", "sample_coverage", "object_coverage")
_YOLO = ("yolo_data_type", "yolo_data_jitter", "train_diffcult")
_BATCH, _JITTER, _ANCHOR, _LFFD = 0, 1, 2, 3
_FIT_SMALL = 2


class Unfit(NamedTuple):
    """What is wrong, the field at fault as a path below the layer, and what to do."""

    what: str
    field: tuple[str | int, ...]
    hint: str | None = None


def is_of_yolo(layer: Message) -> bool:
    """Whether a layer states what MobileNet-YOLO's fork alone has, and so is one of its own."""
    p = layer.annotated_data_param
    return len(layer.top) > 2 or any(p.HasField(name) for name in _YOLO)


def crop_of(transform: Message) -> tuple[int, int]:
    """The height and width that are cut out; zeros for none. Source: DataTransformer."""
    if transform.crop_size:
        return transform.crop_size, transform.crop_size
    if transform.crop_h and transform.crop_w:
        return transform.crop_h, transform.crop_w
    return 0, 0


def problems(layer: Message) -> Iterator[Unfit]:
    """All that can be told from the layer alone."""
    yield from _of_transform(layer.transform_param)
    yield from _of_resizes(layer)
    yield from _of_noise(layer.transform_param)
    yield from _of_samplers(layer)
    yield from _of_forks(layer)


def _of_transform(p: Message) -> Iterator[Unfit]:
    place = "transform_param"
    if bool(p.crop_h) != bool(p.crop_w) and not p.crop_size:
        given, missing = ("crop_h", "crop_w") if p.crop_h else ("crop_w", "crop_h")
        yield Unfit(f"{given} is given without {missing}", (place, given), "give both")
    if p.force_color and p.force_gray:
        what = "force_color and force_gray are both set"
        yield Unfit(what, (place, "force_gray"), "set one of them")
    if p.HasField("mean_file") and len(p.mean_value):
        what = "mean_file and mean_value are both given"
        yield Unfit(what, (place, "mean_value", 0), "take one of them out")
    if p.emit_constraint.emit_type and p.emit_constraint.emit_overlap >= 1:
        what = f"emit_overlap {p.emit_constraint.emit_overlap:g} leaves no box, it is below 1"
        yield Unfit(what, (place, "emit_constraint", "emit_overlap"))
    if p.HasField("expand_param"):
        ratio, at = p.expand_param.max_expand_ratio, (place, "expand_param", "max_expand_ratio")
        if not 1 < ratio < float("inf"):
            yield Unfit(f"max_expand_ratio must be above 1, not {ratio:g}", at)
        if p.HasField("mean_file"):
            what = "expand_param fills with the means of the channels, and mean_file is an image"
            yield Unfit(what, (place, "mean_file"), "give mean_value once a channel")
    if p.HasField("distort_param"):
        yield from _of_distortion(p.distort_param)


def _of_distortion(p: Message) -> Iterator[Unfit]:
    place = ("transform_param", "distort_param")
    for name in ("brightness_delta", "hue_delta"):
        if getattr(p, name) < 0:
            yield Unfit(f"{name} can't be negative, it is {getattr(p, name):g}", (*place, name))
    for name in ("contrast", "saturation"):
        low, high = getattr(p, f"{name}_lower"), getattr(p, f"{name}_upper")
        if getattr(p, f"{name}_prob") > 0 and not 0 <= low <= high:
            what = f"{name}_lower {low:g} and {name}_upper {high:g} are no range from 0 up"
            yield Unfit(what, (*place, f"{name}_upper"))


def _of_resizes(layer: Message) -> Iterator[Unfit]:
    resizes = layer.transform_param.resize_param
    for index, p in enumerate(resizes):
        place = ("transform_param", "resize_param", index)
        for name in ("height", "width"):
            if not getattr(p, name):
                yield Unfit(f"resize_param has no {name}", (*place, name))
        if p.resize_mode == _FIT_SMALL and layer.data_param.batch_size != 1:
            what = "FIT_SMALL_SIZE leaves images of different sizes, which takes a batch_size of 1"
            yield Unfit(what, (*place, "resize_mode"))
    total = sum(p.prob for p in resizes)
    if len(resizes) > 1 and abs(total - 1) > 0.01:
        what = f"{len(resizes)} resize_param have the prob {total:g} together, not 1"
        yield Unfit(what, ("transform_param", "resize_param", 0))


def _of_noise(transform: Message) -> Iterator[Unfit]:
    if not transform.HasField("noise_param"):
        return
    p, place = transform.noise_param, ("transform_param", "noise_param")
    if p.convert_to_lab:
        what = "convert_to_lab makes floats, whose bytes the fork takes for pixels"
        yield Unfit(what, (*place, "convert_to_lab"), "take it out")
    if p.saltpepper and not len(p.saltpepper_param.value):
        yield Unfit("saltpepper needs saltpepper_param with a value", (*place, "saltpepper"))
    if not 0 <= p.saltpepper_param.fraction <= 1:
        what = f"the fraction of saltpepper is {p.saltpepper_param.fraction:g}, not from 0 to 1"
        yield Unfit(what, (*place, "saltpepper_param", "fraction"))


def _of_samplers(layer: Message) -> Iterator[Unfit]:
    for index, sampler in enumerate(layer.annotated_data_param.batch_sampler):
        p, place = sampler.sampler, ("annotated_data_param", "batch_sampler", index, "sampler")
        if not 0 < p.min_scale <= p.max_scale <= 1:
            what = f"min_scale {p.min_scale:g} and max_scale {p.max_scale:g} are no range in 0 to 1"
            yield Unfit(what, place)
        if not 0 < p.min_aspect_ratio <= p.max_aspect_ratio < float("inf"):
            shown = f"{p.min_aspect_ratio:g} and max_aspect_ratio {p.max_aspect_ratio:g}"
            yield Unfit(f"min_aspect_ratio {shown} are no range above 0", place)
        yield from _of_limits(sampler.sample_constraint, (*place[:-1], "sample_constraint"))


def _of_limits(p: Message, place: tuple[str | int, ...]) -> Iterator[Unfit]:
    """The limits that no window meets, so that the sampler would never give one."""
    for name in KINDS:
        low, high = f"min_{name}", f"max_{name}"
        least = getattr(p, low) if p.HasField(low) else 0.0
        most = getattr(p, high) if p.HasField(high) else 1.0
        if not max(least, 0) <= min(most, 1):
            field = low if p.HasField(low) else high
            yield Unfit(f"no window has the {name} from {least:g} to {most:g}", (*place, field))


def _of_forks(layer: Message) -> Iterator[Unfit]:
    p, place = layer.annotated_data_param, "annotated_data_param"
    if p.difficult_label_warmup:
        what = "difficult_label_warmup goes by the solver's iteration, which data do not know"
        yield Unfit(what, (place, "difficult_label_warmup"), "take it out")
    if p.yolo_data_type not in (0, 1):
        what = f"yolo_data_type is 0 or 1, not {p.yolo_data_type}"
        yield Unfit(what, (place, "yolo_data_type"))
    if is_of_yolo(layer) and not 0 <= p.yolo_data_jitter < 1:
        what = f"yolo_data_jitter is from 0 to below 1, not {p.yolo_data_jitter:g}"
        yield Unfit(what, (place, "yolo_data_jitter"))
    yield from _of_crop_type(layer)
    if len(layer.top) > 2 and layer.transform_param.HasField("expand_param"):
        what = "expand_param moves the image and not the third top, in the fork"
        yield Unfit(what, ("transform_param", "expand_param"), "take it out")
    if p.seg_scales < 1:
        yield Unfit(f"seg_scales must be positive, not {p.seg_scales}", (place, "seg_scales"))


def _of_crop_type(layer: Message) -> Iterator[Unfit]:
    p, place = layer.annotated_data_param, "annotated_data_param"
    if p.HasField("crop_type") and p.crop_type == _LFFD:
        yield from _of_box_sampler(layer)
    stated = [name for name in _YUQJ if p.HasField(name)]
    if stated and len(p.batch_sampler) and not p.HasField("crop_type"):
        what = f"batch_sampler without a crop_type does nothing in the fork of {stated[0]}"
        hint = "add crop_type: CROP_BATCH, or take it out"
        yield Unfit(what, (place, "batch_sampler", 0), hint)
    for name in ("yoloformat", "has_landmarks"):
        if getattr(p, name) and p.yolo_data_type:
            what = f"{name} is of another fork than yolo_data_type"
            yield Unfit(what, (place, name), "take one of them out")
    if not p.HasField("data_anchor_sampler"):
        return
    at = (place, "data_anchor_sampler")
    if not p.HasField("crop_type"):
        what = "data_anchor_sampler without a crop_type does nothing in its fork"
        yield Unfit(what, at, "add crop_type: CROP_ANCHOR")
    sampler = p.data_anchor_sampler
    if not len(sampler.scale) or min(sampler.scale) < 1:
        yield Unfit("data_anchor_sampler needs a scale, and positive ones", at)
    yield from _of_limits(sampler.sample_constraint, (*at, "sample_constraint"))
    if not sampler.use_original_image:
        what = "data_anchor_sampler takes the original image"
        yield Unfit(what, (*at, "use_original_image"))
    if not len(layer.transform_param.resize_param):
        what = "data_anchor_sampler goes by the height of a resize_param, and there is none"
        yield Unfit(what, at)


def _of_box_sampler(layer: Message) -> Iterator[Unfit]:
    p, place = layer.annotated_data_param, "annotated_data_param"
    if not p.HasField("bbox_sampler"):
        what = "crop_type CROP_GT_BBOX without a bbox_sampler does nothing in its fork"
        yield Unfit(what, (place, "crop_type"), "add a bbox_sampler, or take out crop_type")
        return
    at = (place, "bbox_sampler")
    if len(p.bbox_sampler.box) < 3:
        yield Unfit(f"bbox_sampler takes 3 boxes or more, not {len(p.bbox_sampler.box)}", at)
    last = len(p.bbox_sampler.box) - 1
    for index, box in enumerate(p.bbox_sampler.box):
        small, large, here = box.bbox_small_scale, box.bbox_large_scale, (*at, "box", index)
        if index < last and not 0 <= small < large:
            what = f"bbox_small_scale {small} and bbox_large_scale {large} are no range from 0 up"
            yield Unfit(what, here)
        if index == last and large < 2:
            yield Unfit(f"the last bbox_large_scale must be at least 2, not {large}", here)
        if box.ancher_stride < 0:
            yield Unfit(f"ancher_stride can't be negative, it is {box.ancher_stride}", here)
    if not len(layer.transform_param.resize_param):
        yield Unfit("bbox_sampler goes by the size of a resize_param, and there is none", at)
