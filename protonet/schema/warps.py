"""Which fork's Warp layers a net has: their text is one, what they read is not."""

from __future__ import annotations

from typing import Any


def tell_warps(net: Any) -> None:
    """Let the Warp layers of a net of LiteFlowNet's, which has a Grid layer, take places."""
    if any(layer.type == "Grid" for layer in net.layer):
        for layer in net.layer:
            if layer.type == "Warp" and not layer.warp_param.HasField("places"):
                layer.warp_param.places = True
