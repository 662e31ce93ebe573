"""Videos as folders of frames that lose nothing, and the layers that read them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 30, 36


def write_frames(folder, names, color, random):
    """Random frames under names that say jpg and files that are PNG, as (count, h, w[, 3])."""
    Path(folder).mkdir(exist_ok=True)
    frames = []
    for name in names:
        shape = (HEIGHT, WIDTH, 3) if color else (HEIGHT, WIDTH)
        frames.append(random.randint(0, 256, shape).astype(np.uint8))
        _, data = cv2.imencode(".png", frames[-1])
        Path(folder, name).write_bytes(data.tobytes())
    return np.stack(frames)


def video_layer(fields, transform="", tops="data label", param="video_data_param"):
    """A VideoData layer of the list list.txt."""
    named = " ".join(f'top: "{top}"' for top in tops.split())
    return (
        f'layer {{ name: "d" type: "VideoData" {named} transform_param {{ {transform} }} '
        f'{param} {{ source: "list.txt" {fields} }} }}'
    )


def mersenne(seed):
    """The numbers of 32 bits that boost's mt19937 gives."""
    twister = np.random.RandomState(seed)
    return lambda: int(twister.randint(0, 1 << 32, dtype=np.uint32))


def shuffled(items, draw):
    """In a new order, by Caffe's shuffle with boost's uniform_int."""
    items = list(items)
    for high in range(len(items) - 1, 0, -1):
        bucket = (1 << 32) // (high + 1)
        while (low := draw() // bucket) > high:
            pass
        items[high], items[low] = items[low], items[high]
    return items


def means(planes, values, scale=1.0):
    """Planes less the mean of each of their first axis, times the scale."""
    shape = (-1, *[1] * (planes.ndim - 1))
    mean = np.resize(np.array(values, np.float32), len(planes)).reshape(shape)
    return (planes.astype(np.float32) - mean) * np.float32(scale)
