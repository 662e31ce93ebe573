"""BoxData of the forks for YOLO in plain numpy, draw by draw; nothing here knows protonet."""

from __future__ import annotations

import cv2
import numpy as np

f = np.float32


class Rand:
    """The generator of a transformer, seeded by the second number of the solver's."""

    def __init__(self, seed):
        first = np.random.RandomState(seed)
        self.numbers = np.random.RandomState([first.randint(0, 2**32, dtype="u8") for _ in "ab"][1])

    def __call__(self, n):
        return int(self.numbers.randint(0, 2**32, dtype="u8")) % n


def batch(pictures, truths, rand, train, crop=0, mirror=False, mean=0.0):
    """Images (n, c, h, w) and a list of boxes (class, difficult, x, y, w, h) for each."""
    images, boxes = [], []
    for image, rows in zip(pictures, truths, strict=True):
        found, kept = image, [list(map(f, row)) for row in rows]
        if train:
            high, wide = image.shape[:2]
            kept = []
            while not kept:
                scale = f(1 - rand(30) / 100)
                w, h = int(f(wide) * scale) - 1, int(f(high) * scale) - 1
                x, y = rand(wide - w), rand(high - h)
                for label, difficult, *box in rows:
                    a, c = int(f(box[0]) * f(wide)), int(f(box[2]) * f(wide))
                    b, d = int(f(box[1]) * f(high)), int(f(box[3]) * f(high))
                    if x <= a < x + w and y <= b < y + h:
                        sides = f(a - x) / f(w), f(b - y) / f(h), f(c) / f(w), f(d) / f(h)
                        kept.append([label, difficult, *sides])
            found = cv2.resize(image[y : y + h, x : x + w], (wide, high))
        flips = mirror and rand(2)
        if crop:
            high, wide = (n - crop for n in found.shape[:2])
            top, left = (rand(high + 1), rand(wide + 1)) if train else (high // 2, wide // 2)
            found = found[top : top + crop, left : left + crop]
        found = found[:, ::-1] if flips else found
        images.append(found.astype(f).transpose(2, 0, 1) - f(mean))
        boxes.append(kept)
    return np.stack(images), boxes


def of_yolov2(boxes):
    found = np.zeros((len(boxes), 150), f)
    for row, rows in enumerate(boxes):
        for place, (label, _, *sides) in enumerate(rows):
            found[row, 5 * place : 5 * place + 5] = label, *sides
    return found


def of_yolo(boxes, side):
    cells = side * side
    found = np.zeros((len(boxes), 7 * cells), f)
    found[:, 2 * cells : 3 * cells] = -1
    for row, rows in enumerate(boxes):
        for label, difficult, *sides in rows:
            at = [min(int(np.floor(f(v) * f(side))), side - 1) for v in sides[:2]]
            cell = at[1] * side + at[0]
            found[row, cell], found[row, cells + cell] = difficult, 1
            found[row, 2 * cells + cell] = label
            found[row, 3 * cells + 4 * cell : 3 * cells + 4 * cell + 4] = sides
    return found
