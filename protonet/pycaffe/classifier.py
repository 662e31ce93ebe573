"""Classifier: a net that takes images and gives the probabilities of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.pycaffe.images import oversample as oversampled
from protonet.pycaffe.inputs import ModelPath, Preprocessing
from protonet.pycaffe.resizing import resize_image


class Classifier(Preprocessing):
    """A net in TEST with the preprocessing of its first input.

    ``image_dims`` is the size that images are brought to before crops of the net's own size are
    taken; the net's own where it is not given. Source: pycaffe's Classifier.
    """

    def __init__(
        self,
        model_file: ModelPath,
        pretrained_file: ModelPath,
        image_dims: Sequence[int] | None = None,
        mean: Any = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
    ) -> None:
        super().__init__(model_file, pretrained_file, mean, input_scale, raw_scale, channel_swap)
        self.crop_dims = np.array(self.blobs[self.inputs[0]].data.shape[2:])
        given = image_dims is not None and len(image_dims) > 0
        self.image_dims: Any = image_dims if given else self.crop_dims

    def predict(self, inputs: Sequence[Array], oversample: bool = True) -> Array:
        """The net's first output for images (h, w, k): (n, classes).

        With ``oversample`` each is the mean over four corners, the centre and their mirror images;
        without, it is that of the centre.
        """
        images = np.stack([resize_image(image, self.image_dims) for image in inputs])
        crops = oversampled(images, self.crop_dims) if oversample else self._centres(images)
        made = np.stack([self.transformer.preprocess(self.inputs[0], crop) for crop in crops])
        given: dict[str, Any] = {self.inputs[0]: made}
        found: Array = self.forward_all(**given)[self.outputs[0]]
        return found.reshape((len(found) // 10, 10, -1)).mean(1) if oversample else found

    def _centres(self, images: Array) -> Array:
        """The middle of each image, as large as the net's input."""
        middle = np.array(self.image_dims) / 2.0
        (top, left), (bottom, right) = (
            (middle + side * self.crop_dims / 2.0).astype(int) for side in (-1, 1)
        )
        return images[:, top:bottom, left:right, :]
