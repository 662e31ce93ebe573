"""AlexNet's colour noise: each image shifted along the principal components of the colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protonet.data.definition import Definition


class ColorNoise:
    """Add to every pixel of an image one multiple of each principal component of the colours.

    The multiples are normal with standard deviation sigma times ``deviation``, that of the colours
    along the component. Source: Krizhevsky et al., ImageNet Classification with Deep Convolutional
    Neural Networks, section 4.1, in units of the pixels.
    """

    def __init__(self, steps: NDArray[np.float32]) -> None:
        self._steps = steps  # (component, channel), each as long as its noise is wide

    @classmethod
    def of(cls, definition: Definition) -> ColorNoise | None:
        """From a layer's transform_param.color_noise; None where it has none."""
        if not definition.layer.transform_param.HasField("color_noise"):
            return None
        p = definition.layer.transform_param.color_noise
        place = ("transform_param", "color_noise")
        if len(p.deviation) != 3 or len(p.component) != 9:
            what = "color_noise needs 3 times deviation and 9 times component, three a component; "
            what += f"it has {len(p.deviation)} and {len(p.component)}"
            hint = "`protonet data mean some_lmdb --pca` prints them for a database"
            raise definition.error(what, *place, hint=hint)
        if p.sigma < 0:
            raise definition.error(f"sigma {p.sigma} is negative", *place, "sigma")
        components = np.array(p.component, np.float64).reshape(3, 3)
        deviations = np.array(p.deviation, np.float64).reshape(3, 1)
        return cls((p.sigma * deviations * components).astype(np.float32))

    def add(self, image: NDArray[np.float32], normal: NDArray[np.float64]) -> None:
        """Shift a (3, height, width) image, with one standard normal number a component."""
        if image.shape[0] != 3:
            raise ValueError(f"it has {image.shape[0]} channels, and color_noise is for 3")
        image += (normal.astype(np.float32) @ self._steps)[:, None, None]
