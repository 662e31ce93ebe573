"""Which fork's Interp layers a net has: their text is one, the sizes that they make are not."""

from __future__ import annotations

from typing import Any

_OF_KINPZZ = ("BinaryPngWrite", "VisualSaliency")


def tell_interps(net: Any) -> None:
    """Let the Interp layers of a net of Kinpzz's fork, which alone has such layers, crop odd sizes.

    Of a net without any of them the text does not tell; ``crop_odd: true`` says it, and where
    nothing else fits together it is taken for that.
    """
    if any(layer.type in _OF_KINPZZ for layer in net.layer):
        for layer in net.layer:
            if layer.type == "Interp" and not layer.interp_param.HasField("crop_odd"):
                layer.interp_param.crop_odd = True
