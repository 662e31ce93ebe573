"""Which detectors have two stages: the text of the first one's loss is that of a plain SSD's."""

from __future__ import annotations

from typing import Any

_PLAIN = 4  # bottoms of a loss without a first stage


def tell_stages(net: Any) -> None:
    """Let losses of two classes take every object as one, in a net whose other loss refines.

    RefineDet's fork does so with two classes; SSD's refuses labels that are none of them.
    Source: MultiBoxLossLayer of sfzhang15's RefineDet.
    """
    losses = [layer for layer in net.layer if layer.type == "MultiBoxLoss"]
    if any(len(layer.bottom) > _PLAIN for layer in losses):
        for layer in losses:
            p = layer.multibox_loss_param
            if p.num_classes == 2 and not p.HasField("map_object_to_agnostic"):
                p.map_object_to_agnostic = True
