"""MS-CNN's ImageGtData, its load_batch written out as it reads; nothing here knows protonet."""

from __future__ import annotations

import math

import cv2
import numpy as np

f = np.float32


def nearest(value):
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), value))


def overlap(a, b, first=False):
    if min(a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1]) <= 0:
        return f(0)
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = across * down if across > 0 and down > 0 else f(0)
    size, other = (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])
    return f(shared / size) if first else f(shared / (size + other - shared))


def affine(boxes, wide, high, right, down):
    for box in boxes:
        box[:] = [wide * box[0], high * box[1], wide * box[2], high * box[3]]
        box[:] = [box[0] + f(right), box[1] + f(down), box[2] + f(right), box[3] + f(down)]


def scaled(boxes, chosen, p, rand):
    wf = hf = f(1)
    if not (p.get("scales") and chosen is not None and rand() % 2):
        return wf, hf
    least, most = p["scales"]
    count = nearest(f(2) * f(math.log2(most / least)) + f(1))
    steps = [i / 2 for i in range(count)]
    box = boxes[chosen]
    wide, high = box[2] - box[0], box[3] - box[1]
    best, match = 0, 0
    for step in steps:
        field = f(least * least * 2**step * 2**step)
        shared = min(wide * high, field) / max(wide * high, field)
        if shared > best:
            best, match = shared, step
    wf = hf = f(2 ** (steps[rand() % count] - match))
    if p.get("aspects") and rand() % 2:
        low, up = p["aspects"]
        number = nearest((f(up) - f(low)) / f(0.05))
        aspect = f(rand() % number) * f(0.05) + f(low)
        change = aspect / (wide / high)
        if rand() % 2:
            if least * 0.8 <= wide * wf * change <= most * 1.2:
                wf = wf * change
        elif least * 0.8 <= high * hf / change <= most * 1.2:
            hf = hf / change
    return wf, hf


def along(length, item, center, noise):
    """Source offset (where it goes), destination offset (where it is from), and length."""
    if length < item:
        return min(max(nearest((item - length) / 2) + noise, 0), item - length), 0, length
    if length > item:
        start = nearest(center) + noise - nearest(item / 2)
        return 0, min(max(start, 0), length - item), item
    return 0, 0, item


def item_of(path, objects, outside, p, rand):
    """The image, its maps and its boxes, of objects (label, ignored, x1, y1, x2, y2)."""
    boxes = [np.array(o[2:], f) for o in objects]
    ignored = [o[1] for o in objects]
    ronis = [np.array(o, f) for o in outside]
    flip = p.get("mirror") and rand() % 2
    image = cv2.imread(path)
    if flip:
        image = cv2.flip(image, 1)
        for box in boxes + ronis:
            box[0], box[2] = image.shape[1] - box[2], image.shape[1] - box[0]
    if "resize" in p and image.shape[:2] != p["resize"]:
        wf, hf = (f(p["resize"][i]) / f(image.shape[i]) for i in (1, 0))
        image = cv2.resize(image, p["resize"][::-1])
        affine(boxes + ronis, wf, hf, 0, 0)
    high, wide = p["size"]
    chosen = rand() % len(boxes) if boxes else None
    if boxes:
        x, y = ((boxes[chosen][i] + boxes[chosen][i + 2]) / f(2) for i in (0, 1))
    else:
        x, y = image.shape[1] / 2, image.shape[0] / 2
        if image.shape[1] >= wide:
            x = rand() % (image.shape[1] - wide + 1) + wide / 2
        if image.shape[0] >= high:
            y = rand() % (image.shape[0] - high + 1) + high / 2
    wf, hf = scaled(boxes, chosen, p, rand)
    if wf != 1 or hf != 1:
        if wf > 1.5 or hf > 1.5:
            cw = min(nearest(1.2 * image.shape[1] / float(wf)), image.shape[1])
            ch = min(nearest(1.2 * image.shape[0] / float(hf)), image.shape[0])
            cx, cy = max(nearest(x - cw * 0.5), 0), max(nearest(y - ch * 0.5), 0)
            cx -= max(cx + cw - image.shape[1], 0)
            cy -= max(cy + ch - image.shape[0], 0)
            image = image[cy : cy + ch, cx : cx + cw]
            x, y = x - cx, y - cy
            affine(boxes + ronis, f(1), f(1), -cx, -cy)
        size = nearest(f(image.shape[1]) * wf), nearest(f(image.shape[0]) * hf)
        image = cv2.resize(image, size)
    affine(boxes + ronis, wf, hf, 0, 0)
    noise = [rand() % 20 - 10 for _ in range(2)]
    sx, dx, cw = along(image.shape[1], wide, x * wf, noise[0])
    sy, dy, ch = along(image.shape[0], high, y * hf, noise[1])
    affine(boxes + ronis, f(1), f(1), sx - dx, sy - dy)
    data = np.zeros((3, high, wide), f)
    part = image[dy : dy + ch, dx : dx + cw].transpose(2, 0, 1).astype(f)
    data[:, sy : sy + ch, sx : sx + cw] = (part - f(p.get("mean", 0))) * f(p.get("scale", 1))
    for i, (x1, y1, x2, y2) in enumerate(boxes):
        away = not (0 <= (x1 + x2) / 2 < wide and 0 <= (y1 + y2) / 2 < high)
        small = x2 - x1 + 1 < p["least"][0] or y2 - y1 + 1 < p["least"][1]
        ignored[i] = ignored[i] or int(away or small)
    maps = maps_of(boxes, ignored, ronis, [o[0] for o in objects], p, (sx, sy, cw, ch))
    rows = [[*box, o[0], i] for box, o, i in zip(boxes, objects, ignored, strict=True)]
    return data, maps, rows


def maps_of(boxes, ignored, ronis, labels, p, window):
    high, wide = p["size"]
    maps, times, best = [], [0] * len(boxes), [(f(0), None)] * len(boxes)
    for number, (rate, fw, fh) in enumerate(p["fields"]):
        made = np.zeros((6, nearest(high / rate), nearest(wide / rate)), f)
        maps.append(made)
        left, top, across, down = (nearest(v / rate) for v in window)
        for h, w in np.ndindex(*made.shape[1:]):
            x, y = (w + 0.5) * rate, (h + 0.5) * rate
            field = np.array([x - fw / 2, y - fh / 2, x + fw / 2, y + fh / 2], f)
            inside = left <= w < left + across and top <= h < top + down
            if not inside or sum(overlap(field, r, True) for r in ronis) >= 0.4:
                made[5, h, w] = 1
                continue
            shared = [overlap(box, field) for box in boxes]
            best = [(s, number) if s > b[0] else b for s, b in zip(shared, best, strict=True)]
            most = max(shared, default=f(0))
            owner = shared.index(most) if most > 0 else None
            if owner is not None and most > f(p["from"]):
                x1, y1, x2, y2 = boxes[owner]
                label = 0 if ignored[owner] else labels[owner]
                made[:5, h, w] = label, (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
                times[owner] += 1
            made[5, h, w] = most
    lone = [i for i in range(len(boxes)) if not ignored[i] and not times[i]]
    for i in (i for i in lone if best[i][0] >= 0.2):
        x1, y1, x2, y2 = boxes[i]
        made, rate = maps[best[i][1]], p["fields"][best[i][1]][0]
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        h = min(max(math.floor(y / rate), 0), made.shape[1] - 1)
        w = min(max(math.floor(x / rate), 0), made.shape[2] - 1)
        if made[0, h, w] <= 0:
            made[:5, h, w] = labels[i], x, y, x2 - x1, y2 - y1
    return maps
