"""What the forks' extra fields are to protonet: nothing that is computed, or not supported."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

from protonet.schema.eight_bits import rounded
from protonet.schema.pool import is_repeated

# How, where or how fast something is computed, in what precision, on how many machines.
IGNORED = {
    "NetParameter": (
        *("engine", "data_type", "multinode", "mem_param", "reduced_memory_inference"),
        *("default_forward_type", "default_backward_type", "eltwise_mem_sharing"),
        *("default_forward_math", "default_backward_math", "default_cudnn_math_override"),
        *("global_grad_scale", "global_grad_scale_adaptive", "reduce_buckets"),
        "default_conv_algos_override",
    ),
    "LayerParameter": (
        *("engine", "device", "debug", "quantization_param", "split_param"),
        *("forward_type", "backward_type", "forward_math", "backward_math"),
        *("multinode", "mn_activation_param", "mn_grad_compress_param"),
        *("bottom_data_type", "compute_data_type", "top_data_type"),
        *("bottom_shared_index", "top_shared_index"),
        *("cudnn_math_override", "reshape_every_iter", "source_class"),
        *("visualise", "visualise_channel"),
    ),
}
# Engines that a machine has or not; PyTorch picks its own.
_PLAIN_ENGINES = ("DEFAULT", "CAFFE")


def plugin_hint(layer_type: str) -> str:
    """The way to a layer that neither Caffe nor a fork that protonet knows has."""
    name = layer_type if re.fullmatch(r"[A-Z][A-Za-z0-9]*", layer_type) else "MyLayer"
    write = f"`protonet layers --new {name}` writes its plugin, --plugin takes it"
    return f"no Caffe that protonet knows has it; for a fork's layer {write}"


def ignored(net: Any, of_layer: Callable[[Any], Collection[str]]) -> Counter[str]:
    """The fields of a net that protonet takes no notice of, each with how often it stands there.

    Only what would be no surprise: they change nothing that is computed. ``of_layer`` gives those
    that a layer's type says of its own message.
    """
    found: Counter[str] = Counter()
    _count(found, net, "", IGNORED["NetParameter"])
    for layer in net.layer:
        few = ("quantization_param",) if rounded(layer, net.engine, "TEST") else ()
        _count(found, layer, "", [n for n in IGNORED["LayerParameter"] if n not in few])
        names = of_layer(layer)
        for field, value in layer.ListFields():
            if field.message_type is not None and not is_repeated(field):
                _count(found, value, f"{field.name}.", names)
    return found


def _count(found: Counter[str], message: Any, prefix: str, names: Collection[str]) -> None:
    for field, value in message.ListFields():
        if field.name == "engine" and field.enum_type is not None:
            name = field.enum_type.values_by_number[value].name
            found.update([] if name in _PLAIN_ENGINES else [f"{prefix}engine: {name}"])
        elif field.name in names:
            found[f"{prefix}{field.name}"] += 1


def refused(
    layer: Any, reasons: Mapping[str, Mapping[str, str]]
) -> tuple[tuple[str, ...], str] | None:
    """A field that changes what a layer computes and is not supported, and why; None if none.

    ``reasons`` are those of the layer's type, by the field that holds the message and by its own
    field, "name: VALUE" for one value of an enum.
    """
    if layer.connectivity_mode:
        what = "connectivity_mode: zeros that stay zero in training are not supported"
        same = "without it nothing else differs than loaded weights below 0.0001, zeros in the fork"
        return ("connectivity_mode",), f"{what}; {same}"
    for holder, known in reasons.items():
        if not known or not layer.HasField(holder):
            continue
        for field, value in getattr(layer, holder).ListFields():
            plain = not is_repeated(field) and value == field.default_value
            name = field.name
            if field.enum_type is not None and name not in known:
                name = f"{name}: {field.enum_type.values_by_number[value].name}"
            if name in known and not plain:
                return (holder, field.name), f"{name}: {known[name]}"
    return None
