"""Images with maps of labels in files, and the layers that read them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SIZES = [(32, 40), (40, 36), (48, 40), (32, 36), (40, 40)]
PIXEL = "label_type: PIXEL"
NINE = "new_height: 9 new_width: 9"


def write_pairs():
    """Five images of five sizes with their labels and a list of them, in the working directory."""
    random = np.random.RandomState(0)
    found, lines = [], []
    for number, size in enumerate(SIZES):
        image = random.randint(0, 256, (*size, 3)).astype(np.uint8)
        labels = random.randint(0, 4, size).astype(np.uint8)
        cv2.imwrite(f"i{number}.png", image)
        cv2.imwrite(f"m{number}.png", labels)
        lines.append(f"i{number}.png m{number}.png\n")
        found.append((image, labels))
    Path("list.txt").write_text("".join(lines))
    return found


def layer(kind, fields="", transform="", tops="data label"):
    param = {
        "ImageSegData": "image_data_param",
        "WindowSegData": "image_data_param",
        "ImageLabelmapData": "image_data_param",
        "DenseImageData": "dense_image_data_param",
        "SegData": "seg_data_param",
    }[kind]
    named = " ".join(f'top: "{top}"' for top in tops.split())
    return (
        f'layer {{ name: "d" type: "{kind}" {named} transform_param {{ {transform} }} '
        f'{param} {{ source: "list.txt" {fields} }} }}'
    )
