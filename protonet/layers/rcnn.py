"""What the layers of makefile's Faster R-CNN share: the settings of one file."""

from __future__ import annotations

from protonet.layers.base import Layer, LayerError, Shape, ShapeUnknown, count, show
from protonet.schema.rcnn_settings import RcnnSettings

PARAM = "window_data_param"
# What only the layer of the data takes of its message.
DATA_ONLY = dict.fromkeys(("source", "root_folder"), "it reads no data; the net's data layer does")


def settings_of(layer: Layer) -> RcnnSettings:
    """The settings of a layer's net, from the file that its config names.

    ShapeUnknown where the net names none, or that is not there; LayerError where it is wrong.
    """
    name = layer.p.config

    def wrong(what: str) -> LayerError:
        return LayerError(f"the settings {name or 'of config_text'} {what}", PARAM, "config")

    if layer.p.HasField("config_text"):
        return RcnnSettings(layer.p.config_text, wrong)
    if name:
        raise ShapeUnknown(f"the settings {name!r} are not there", PARAM, "config")
    what = "its anchors and limits stand in a file of settings, and the net names none"
    hint = f'write {PARAM} {{ config: "voc_config.json" }} into it, as its train_val has it'
    raise ShapeUnknown(what, hint=hint)


def check_boxes(bottoms: dict[int, Shape], numbers: int = 5) -> None:
    """LayerError at the first of these bottoms that is not (n, 5), whatever axes follow."""
    for index, x in bottoms.items():
        if not x or count(x, 1) != numbers:
            raise LayerError(f"it takes boxes (n, {numbers}), not {show(x)}", "bottom", index)
