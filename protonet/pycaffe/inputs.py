"""A net whose first input is made from images: what Classifier and Detector have in common."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from protonet.pycaffe import TEST
from protonet.pycaffe.net import Net
from protonet.pycaffe.transformer import Transformer

ModelPath = str | os.PathLike[str]


class Preprocessing(Net):
    """A net in TEST and the ``transformer`` of its first input, whose settings these are."""

    def __init__(
        self,
        model_file: ModelPath,
        pretrained_file: ModelPath,
        mean: Any,
        input_scale: float | None,
        raw_scale: float | None,
        channel_swap: Sequence[int] | None,
    ) -> None:
        super().__init__(model_file, TEST, weights=os.fspath(pretrained_file))
        name = self.inputs[0]
        self.transformer = Transformer({name: self.blobs[name].data.shape})
        self.transformer.set_transpose(name, (2, 0, 1))
        if mean is not None:
            self.transformer.set_mean(name, mean)
        if input_scale is not None:
            self.transformer.set_input_scale(name, input_scale)
        if raw_scale is not None:
            self.transformer.set_raw_scale(name, raw_scale)
        if channel_swap is not None:
            self.transformer.set_channel_swap(name, channel_swap)
