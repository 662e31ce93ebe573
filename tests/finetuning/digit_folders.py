"""Digits as pictures in class folders."""

from __future__ import annotations

from pathlib import Path

import cv2
import lmdb
import numpy as np

from protonet.schema.pool import message_class

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def write_digits(folder, digits, each, kind="test"):
    """So many pictures of each digit, in a folder by its word."""
    left = dict.fromkeys(digits, each)
    database = ZOO / "data" / f"mnist_{kind}_lmdb"
    with (
        lmdb.open(str(database), readonly=True, lock=False) as opened,
        opened.begin() as transaction,
    ):
        for _, value in transaction.cursor():
            datum = message_class("Datum").FromString(value)
            if left.get(datum.label):
                left[datum.label] -= 1
                place = folder / WORDS[datum.label] / f"{left[datum.label]:03}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.frombuffer(datum.data, np.uint8).reshape(28, 28)
                cv2.imwrite(str(place), pixels)
