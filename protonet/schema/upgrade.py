"""Old definitions in today's form, as Caffe's upgrade_proto does it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protonet.diagnostics import NetError, raise_all
from protonet.schema.load import Loaded
from protonet.schema.pool import message
from protonet.schema.sourcemap import Path
from protonet.schema.upgrade_v0 import upgrade_v0_layer
from protonet.schema.upgrade_v1 import upgrade_v1_layer

_DATA_PARAMS = {
    "Data": "data_param",
    "ImageData": "image_data_param",
    "WindowData": "window_data_param",
}
_TRANSFORMS = ("scale", "crop_size", "mirror")


def upgrade(loaded: Loaded) -> Loaded:
    """A net as Caffe 1.0 writes it: V0 and V1 layers, legacy inputs, data and BatchNorm fields.

    Raises NetError where a definition mixes the forms. Source: UpgradeNetAsNeeded.
    """
    if loaded.message.DESCRIPTOR.name != "NetParameter":
        return loaded
    _refuse_mixture(loaded)
    net = message("NetParameter")
    moves: dict[Path, Path] = {}
    net.CopyFrom(loaded.message)
    del net.layers[:], net.layer[:]
    _add_inputs(loaded, net, moves)
    _add_layers(loaded, net, moves)
    for layer in net.layer:
        _upgrade_transform(layer)
        _upgrade_batch_norm(layer)
    _pass_statistics_size(net)
    return replace(loaded, message=net, sourcemap=loaded.sourcemap.moved(moves))


def _refuse_mixture(loaded: Loaded) -> None:
    if len(loaded.message.layer) and len(loaded.message.layers):
        raise NetError(
            "the definition has both 'layer' and 'layers'",
            loaded.sourcemap.span(("layers", 0)),
            "'layers' is the old form of 'layer'; write all of them in one form",
        )


def _add_inputs(loaded: Loaded, net: Any, moves: dict[Path, Path]) -> None:
    """``input`` with ``input_shape`` or ``input_dim`` as one Input layer. UpgradeNetInput."""
    names = list(net.input)
    if not names:
        return
    shapes = [list(shape.dim) for shape in net.input_shape]
    field = "input_shape"
    if not shapes and len(net.input_dim):
        field = "input_dim"
        shapes = [list(net.input_dim[i : i + 4]) for i in range(0, len(net.input_dim), 4)]
    if shapes and (len(shapes) != len(names) or (field == "input_dim" and len(net.input_dim) % 4)):
        given = f"{len(net.input_dim)} numbers" if field == "input_dim" else f"{len(shapes)}"
        wanted = f"{4 * len(names)}" if field == "input_dim" else f"{len(names)}"
        what = f"the net has {len(names)} inputs, but {field} is given {given}; it takes {wanted}"
        raise NetError(what, loaded.sourcemap.span(("input", 0)))
    del net.input[:], net.input_shape[:], net.input_dim[:]
    # An input without a shape beside a layer that makes it: UpgradeNetInput passes over it.
    layers = (*loaded.message.layer, *loaded.message.layers)
    made = {top for layer in layers for top in layer.top}
    kept = [index for index, name in enumerate(names) if shapes or name not in made]
    if not kept:
        return
    layer = net.layer.add(name="input", type="Input", top=[names[index] for index in kept])
    for shape in shapes:
        layer.input_param.shape.add(dim=shape)
    for place, index in enumerate(kept):
        moves[("layer", 0, "top", place)] = ("input", index)
    moves[("layer", 0)] = ("input", kept[0])


def _add_layers(loaded: Loaded, net: Any, moves: dict[Path, Path]) -> None:
    source, first = loaded.message, len(net.layer)
    for index, layer in enumerate(source.layer):
        net.layer.add().CopyFrom(layer)
        moves[("layer", first + index)] = ("layer", index)
    errors = []
    for index, layer in enumerate(source.layers):
        path: Path = ("layers", index)
        try:
            old, extra = upgrade_v0_layer(layer) if layer.HasField("layer") else (layer, {})
            if old is None:
                _merge_padding(source, index)
                continue
            number = len(net.layer)
            new, moved = upgrade_v1_layer(old)
            net.layer.add().CopyFrom(new)
        except ValueError as error:
            errors.append(NetError(str(error), loaded.sourcemap.span(path)))
            continue
        moves[("layer", number)] = (*path, "layer") if extra else path
        moves.update({("layer", number, *new): (*path, *old) for new, old in moved.items()})
    raise_all(errors)
    padded = _padded(source)
    _check_padding(loaded, padded)
    _apply_padding(padded, net)


def _merge_padding(source: Any, index: int) -> None:
    """A V0 padding layer leaves no layer; _apply_padding gives its pad to who reads it."""
    if len(source.layers[index].bottom) != 1 or len(source.layers[index].top) != 1:
        raise ValueError("a padding layer takes one bottom and one top")


def _padded(source: Any) -> dict[str, tuple[str, int]]:
    """The tops of V0 padding layers: the blob that each pads, and how far."""
    return {
        layer.top[0]: (layer.bottom[0], layer.layer.pad)
        for layer in source.layers
        if layer.HasField("layer") and layer.layer.type == "padding"
    }


def _check_padding(loaded: Loaded, padded: dict[str, tuple[str, int]]) -> None:
    """NetError where another layer than a convolution or pooling, of one bottom, reads padding."""
    for index, layer in enumerate(loaded.message.layers):
        takes = layer.layer.type in ("conv", "pool") and len(layer.bottom) == 1
        for number, bottom in enumerate(layer.bottom):
            if bottom in padded and not takes:
                what = f"layer {(layer.layer.name or layer.name)!r} reads the padding {bottom!r}"
                where = loaded.sourcemap.span(("layers", index, "bottom", number))
                hint = "only a conv or a pool layer with one bottom can"
                raise NetError(what, where, hint)


def _apply_padding(padded: dict[str, tuple[str, int]], net: Any) -> None:
    """Give the pad of V0 padding layers to the convolution or pooling that reads it.

    Source: UpgradeV0PaddingLayers.
    """
    for layer in net.layer:
        for index, bottom in enumerate(layer.bottom):
            if bottom in padded:
                blob, pad = padded[bottom]
                layer.bottom[index] = blob
                if layer.type == "Convolution":
                    layer.convolution_param.pad[:] = [pad]
                elif layer.type == "Pooling":
                    layer.pooling_param.pad = pad


def _upgrade_transform(layer: Any) -> None:
    """Move scale, mean_file, crop_size and mirror to transform_param.

    Source: UpgradeNetDataTransformation.
    """
    name = _DATA_PARAMS.get(layer.type)
    if name is None:
        return
    old = getattr(layer, name)
    for field in (*_TRANSFORMS, "mean_file"):
        if old.HasField(field):
            setattr(layer.transform_param, field, getattr(old, field))
            old.ClearField(field)


def _upgrade_batch_norm(layer: Any) -> None:
    """Clear three ParamSpecs of a BatchNorm, from when its statistics had them.

    Source: UpgradeNetBatchNorm.
    """
    if layer.type == "BatchNorm" and len(layer.param) == 3:
        for spec in layer.param:
            spec.lr_mult = 0.0
            spec.decay_mult = 0.0


def _pass_statistics_size(net: Any) -> None:
    """Give Intel's bn_stats_batch_size to the BatchNorm layers that state none of their own."""
    for layer in net.layer if net.bn_stats_batch_size else ():
        if layer.type == "BatchNorm" and not layer.batch_norm_param.HasField("stats_batch_size"):
            layer.batch_norm_param.stats_batch_size = net.bn_stats_batch_size


def upgrade_solver(loaded: Loaded) -> Any:
    """A solver's message with its legacy solver_type as the string ``type``. UpgradeSolverType."""
    new = message("SolverParameter")
    new.CopyFrom(loaded.message)
    names = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")
    if new.HasField("solver_type"):
        if new.HasField("type"):
            what = "the solver has both solver_type and type"
            span = loaded.sourcemap.span(("solver_type",))
            raise NetError(what, span, "remove solver_type; type is today's form")
        new.type = names[new.solver_type]
        new.ClearField("solver_type")
    return new
