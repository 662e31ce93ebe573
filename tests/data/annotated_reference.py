"""SSD's AnnotatedData once more, a number at a time: what the fast one is held to.

Written from the fork's behaviour in single precision, without anything of protonet: numpy's
Mersenne twister for Caffe's, OpenCV for OpenCV.
"""

from __future__ import annotations

import cv2
import numpy as np

F = np.float32
WAYS = {"LINEAR": cv2.INTER_LINEAR, "AREA": cv2.INTER_AREA, "NEAREST": cv2.INTER_NEAREST}
WAYS |= {"CUBIC": cv2.INTER_CUBIC, "LANCZOS4": cv2.INTER_LANCZOS4}


class Twister:
    """boost's mt19937 and its uniform_real of floats."""

    def __init__(self, seed):
        self.state = np.random.RandomState(seed % (1 << 32))

    def rand(self):
        return int(self.state.randint(0, 1 << 32, dtype=np.uint32))

    def uniform(self, low, high):
        low, top = F(low), np.nextafter(F(high), F(np.inf))
        while True:
            value = F(F(F(self.rand()) / F(2**32)) * F(top - low)) + low
            if value < top:
                return value

    def die(self, weights):
        sums = np.cumsum(np.array(weights, F), dtype=F)
        value = self.uniform(0, sums[-1])
        return next(i for i, total in enumerate(sums) if value <= total)


def size_of(box):
    if box["x2"] < box["x1"] or box["y2"] < box["y1"]:
        return F(0)
    return box.get("size", (box["x2"] - box["x1"]) * (box["y2"] - box["y1"]))


def shared(a, b):
    if b["x1"] > a["x2"] or b["x2"] < a["x1"] or b["y1"] > a["y2"] or b["y2"] < a["y1"]:
        return box_of(0, 0, 0, 0)
    return box_of(
        max(a["x1"], b["x1"]), max(a["y1"], b["y1"]), min(a["x2"], b["x2"]), min(a["y2"], b["y2"])
    )


def jaccard(a, b):
    s = shared(a, b)
    width, height = s["x2"] - s["x1"], s["y2"] - s["y1"]
    if width > 0 and height > 0:
        area = width * height
        return area / (size_of(a) + size_of(b) - area)
    return F(0)


def coverage(a, b):
    area = size_of(shared(a, b))
    return area / size_of(a) if area > 0 else F(0)


def box_of(x1, y1, x2, y2):
    return {"x1": F(x1), "y1": F(y1), "x2": F(x2), "y2": F(y2)}


def satisfied(window, boxes, limits):
    """The fork's loop with its flag that stays."""
    kinds = [("jaccard_overlap", jaccard), ("sample_coverage", coverage)]
    kinds.append(("object_coverage", lambda w, b: coverage(b, w)))
    stated = [(n, f) for n, f in kinds if f"min_{n}" in limits or f"max_{n}" in limits]
    if not stated:
        return True
    found = False
    for box in boxes:
        good = True
        for name, measure in stated:
            value = measure(window, box)
            if f"min_{name}" in limits and value < F(limits[f"min_{name}"]):
                good = False
                break
            if f"max_{name}" in limits and value > F(limits[f"max_{name}"]):
                good = False
                break
            found = True
        if good and found:
            return True
    return found


def sample(twister, sampler):
    scale = twister.uniform(sampler.get("min_scale", 1), sampler.get("max_scale", 1))
    ratio = twister.uniform(sampler.get("min_aspect_ratio", 1), sampler.get("max_aspect_ratio", 1))
    ratio = max(ratio, F(float(scale) ** 2))
    ratio = min(ratio, F(1 / float(scale) ** 2))
    width = F(float(scale) * np.sqrt(float(ratio)))
    height = F(float(scale) / np.sqrt(float(ratio)))
    left = twister.uniform(0, max(F(1) - width, F(0)))
    top = twister.uniform(0, max(F(1) - height, F(0)))
    return box_of(left, top, left + width, top + height)


def batch_samples(twister, samplers, boxes):
    found = []
    for one in samplers:
        taken = 0
        for _ in range(one.get("max_trials", 100)):
            if "max_sample" in one and taken >= one["max_sample"]:
                break
            window = sample(twister, one.get("sampler", {}))
            if satisfied(window, boxes, one.get("sample_constraint", {})):
                taken += 1
                found.append(window)
    return found


def annotations(boxes, window, emit=None, mirror=False, resize=None, size=None):
    """TransformAnnotation for boxes in their order."""
    out = []
    for box in map(dict, boxes):
        if resize:
            place(box, resize, *size)
        if emit and not emitted(box, window, emit):
            continue
        apart = box["x1"] >= window["x2"] or box["x2"] <= window["x1"]
        if apart or box["y1"] >= window["y2"] or box["y2"] <= window["y1"]:
            continue
        width, height = window["x2"] - window["x1"], window["y2"] - window["y1"]
        for side, start, extent in (("x", "x1", width), ("y", "y1", height)):
            for end in "12":
                moved = (box[side + end] - window[start]) / extent
                box[side + end] = max(min(moved, F(1)), F(0))
        box.pop("size", None)
        box["size"] = size_of(box)
        if not box["size"] > 0:
            continue
        if mirror:
            box["x1"], box["x2"] = F(1) - box["x2"], F(1) - box["x1"]
        if box.get("marks"):
            box["marks"] = marks_in(box["marks"], window, mirror, resize, size)
        out.append(box)
    return out


def marks_in(marks, window, mirror, resize, size):
    """Landmarks in a window, or None where one is outside; of yuqj1991's fork."""
    out = []
    for number, mark in enumerate(marks):
        side = "xy"[number % 2]
        value = mark_resized(mark, side, resize, size) if resize else mark
        low, high = window[side + "1"], window[side + "2"]
        if value >= high or value <= low:
            return None
        moved = (value - low) / (high - low)
        if not 0 < moved <= 1:
            return None
        out.append(F(1) - moved if mirror and side == "x" else moved)
    return out


def mark_resized(value, side, resize, size):
    """UpdateLandmarkFacePoseByResizePolicy."""
    old, new = ((F(size[1]), F(resize["width"])), (F(size[0]), F(resize["height"])))[side == "y"]
    pad = F(0)
    if resize.get("resize_mode", "WARP") == "FIT_LARGE_SIZE_AND_PAD":
        high, wide = F(resize["height"]), F(resize["width"])
        aspect = F(size[1]) / F(size[0])
        if aspect > wide / high and side == "y":
            pad = (high - wide / aspect) / F(2)
        if not aspect > wide / high and side == "x":
            pad = (wide - aspect * high) / F(2)
    moved = pad + value * old * (new - F(2) * pad) / old
    return min(max(moved, F(0)), new) / new


def emitted(box, window, emit):
    if emit.get("emit_type", "CENTER") == "CENTER":
        x, y = (box["x1"] + box["x2"]) / F(2), (box["y1"] + box["y2"]) / F(2)
        inside = window["x1"] <= x <= window["x2"] and window["y1"] <= y <= window["y2"]
        return bool(inside)
    return coverage(box, window) > F(emit["emit_overlap"])


def place(box, resize, height, width):
    """UpdateBBoxByResizePolicy."""
    high, wide = F(resize["height"]), F(resize["width"])
    aspect, wanted = F(width) / F(height), wide / high
    mode = resize.get("resize_mode", "WARP")
    pad_x = pad_y = F(0)
    if mode == "FIT_SMALL_SIZE":
        if aspect < wanted:
            high = wide / aspect
        else:
            wide = aspect * high
    elif mode == "FIT_LARGE_SIZE_AND_PAD":
        if aspect > wanted:
            pad_y = (high - wide / aspect) / F(2)
        else:
            pad_x = (wide - aspect * high) / F(2)
    sides = (("x", F(width), wide, pad_x), ("y", F(height), high, pad_y))
    for side, old, new, pad in sides:
        inner = new - F(2) * pad
        low, top = box[side + "1"] * old, box[side + "2"] * old
        box[side + "1"] = (pad + max(F(0), low * inner / old)) / new
        box[side + "2"] = (pad + min(new, top * inner / old)) / new


def distort(twister, image, p):
    def brightness(x):
        if twister.uniform(0, 1) < F(p.get("brightness_prob", 0)):
            delta = twister.uniform(-p["brightness_delta"], p["brightness_delta"])
            x = scaled(x, F(1), delta)
        return x

    def contrast(x):
        if twister.uniform(0, 1) < F(p.get("contrast_prob", 0)):
            factor = twister.uniform(p["contrast_lower"], p["contrast_upper"])
            x = scaled(x, factor, F(0)) if abs(factor - F(1)) > 1e-3 else x
        return x

    def saturation(x):
        if twister.uniform(0, 1) < F(p.get("saturation_prob", 0)):
            factor = twister.uniform(p["saturation_lower"], p["saturation_upper"])
            h, s, v = cv2.split(cv2.cvtColor(x, cv2.COLOR_BGR2HSV))
            x = cv2.cvtColor(cv2.merge([h, scaled(s, factor, F(0)), v]), cv2.COLOR_HSV2BGR)
        return x

    def hue(x):
        if twister.uniform(0, 1) < F(p.get("hue_prob", 0)):
            delta = twister.uniform(-p["hue_delta"], p["hue_delta"])
            h, s, v = cv2.split(cv2.cvtColor(x, cv2.COLOR_BGR2HSV))
            x = cv2.cvtColor(cv2.merge([scaled(h, F(1), delta), s, v]), cv2.COLOR_HSV2BGR)
        return x

    first = twister.uniform(0, 1) > 0.5
    steps = [brightness, contrast, saturation, hue] if first else [brightness, saturation, hue]
    for step in steps if first else [*steps, contrast]:
        image = step(image)
    twister.uniform(0, 1)  # random_order_prob, 0
    return image


def scaled(image, factor, shift):
    """cv::Mat::convertTo of bytes."""
    return np.clip(np.rint(image.astype(F) * F(factor) + F(shift)), 0, 255).astype(np.uint8)


def expand(twister, image, boxes, p, means, emit):
    if twister.uniform(0, 1) > F(p.get("prob", 1)):
        return image, boxes
    ratio = twister.uniform(1, p["max_expand_ratio"])
    height, width = image.shape[:2]
    high, wide = int(F(height) * ratio), int(F(width) * ratio)
    top = int(np.floor(twister.uniform(0, high - height)))
    left = int(np.floor(twister.uniform(0, wide - width)))
    canvas = np.empty((high, wide, 3), np.uint8)
    canvas[...] = np.rint(means) if means else 0
    canvas[top : top + height, left : left + width] = image
    window = box_of(-F(left) / F(width), -F(top) / F(height), 0, 0)
    window["x2"], window["y2"] = F(wide - left) / F(width), F(high - top) / F(height)
    return canvas, annotations(boxes, window, emit)


def resized(twister, image, p):
    ways = p.get("interp_mode", [])
    way = WAYS[ways[twister.die([1 / len(ways)] * len(ways))]] if ways else cv2.INTER_LINEAR
    high, wide, mode = p["height"], p["width"], p.get("resize_mode", "WARP")
    aspect, wanted = F(image.shape[1]) / F(image.shape[0]), F(wide) / F(high)
    if mode == "WARP":
        return cv2.resize(image, (wide, high), interpolation=way)
    if mode == "FIT_SMALL_SIZE":
        size = (wide, int(F(wide) / aspect)) if aspect < wanted else (int(aspect * F(high)), high)
        return cv2.resize(image, size, interpolation=way)
    size = (wide, int(F(wide) / aspect)) if aspect > wanted else (int(aspect * F(high)), high)
    inner = cv2.resize(image, size, interpolation=way)
    top, left = (high - size[1]) // 2, (wide - size[0]) // 2
    out = np.empty((high, wide, 3), np.uint8)
    out[...] = p.get("pad_value", [0, 0, 0])
    out[top : top + size[1], left : left + size[0]] = inner
    return out


class Layer:
    """The layer of one net and seed; ``batch`` gives the next, (images, rows)."""

    def __init__(self, records, batch, seed, training=True, samplers=(), **transform):
        self.records, self.count, self.training = records, batch, training
        self.samplers, self.t, self.at = samplers, transform, 0
        main = Twister(seed)
        main.rand()  # the thread that reads
        self.own = None
        if transform.get("mirror") or (training and transform.get("crop_size")):
            main.rand()
            self.own = Twister(main.rand())
        self.thread = Twister(main.rand())

    def batch(self):
        images, rows = [], []
        for item in range(self.count):
            image, boxes = self.records[self.at % len(self.records)]
            self.at += 1
            image, boxes = self.one(image, boxes)
            images.append(image)
            keys = ("label", "instance", "x1", "y1", "x2", "y2", "difficult")
            rows += [[item, *(box[key] for key in keys)] for box in boxes]
        return np.stack(images), np.array(rows or [[-1] * 8], F)

    def one(self, image, boxes):
        t, emit, twister = self.t, self.t.get("emit_constraint"), self.thread
        if "distort_param" in t:
            image = distort(twister, image, t["distort_param"])
        if "expand_param" in t:
            means = t.get("mean_value")
            image, boxes = expand(twister, image, boxes, t["expand_param"], means, emit)
        found = batch_samples(twister, self.samplers, boxes)
        if found:
            window = found[twister.rand() % len(found)]
            window = {key: max(min(value, F(1)), F(0)) for key, value in window.items()}
            high, wide = image.shape[:2]
            x1, y1 = window["x1"] * F(wide), window["y1"] * F(high)
            x2, y2 = window["x2"] * F(wide), window["y2"] * F(high)
            image = image[int(y1) : int(y1) + int(y2 - y1), int(x1) : int(x1) + int(x2 - x1)]
            boxes = annotations(boxes, window, emit)
        mirror = bool(t.get("mirror") and self.own.rand() % 2)
        size, resize = image.shape[:2], t.get("resize_param")
        image = resized(twister, image, resize) if resize else image
        image, window = self.center(image)
        boxes = annotations(boxes, window, emit, mirror, resize, size)
        image = image[:, ::-1] if mirror else image
        means = np.array(t.get("mean_value", [0]), F)
        return ((image.astype(F) - means) * F(t.get("scale", 1))).transpose(2, 0, 1), boxes

    def center(self, image):
        high, wide = image.shape[:2]
        crop = self.t.get("crop_size")
        if not crop:
            return image, box_of(0, 0, 1, 1)
        top, left = (high - crop) // 2, (wide - crop) // 2
        if self.training:
            top = self.own.rand() % (high - crop + 1)
            left = self.own.rand() % (wide - crop + 1)
        window = box_of(F(left) / F(wide), F(top) / F(high), 0, 0)
        window["x2"], window["y2"] = F(left + crop) / F(wide), F(top + crop) / F(high)
        return image[top : top + crop, left : left + crop], window
