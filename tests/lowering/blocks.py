"""Small nets in which blocks repeat, and the classes of what they become."""

from __future__ import annotations

import re

import protonet

INPUT = 'layer { name: "in" type: "Input" top: "data" input_param { shape { %s } } }\n'
IMAGE = "dim: 2 dim: 4 dim: 6 dim: 6"


def net(*layers, shape=IMAGE):
    return INPUT % shape + "\n".join(layers)


def conv(name, bottom, out=4, size=1, fields="", more="", top=""):
    """A convolution, padded to keep the size."""
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{top or name}" '
        f"convolution_param {{ num_output: {out} kernel_size: {size} pad: {size // 2} "
        f'weight_filler {{ type: "xavier" }} {fields} }} {more} }}'
    )


def layer(kind, name, bottoms, top="", fields=""):
    reads = " ".join(f'bottom: "{one}"' for one in bottoms.split())
    return f'layer {{ name: "{name}" type: "{kind}" {reads} top: "{top or name}" {fields} }}'


def in_place(kind, name, blob, fields=""):
    return layer(kind, name, blob, blob, fields)


def relu(name):
    return in_place("ReLU", f"{name}_relu", name)


def norm(name):
    """BatchNorm and Scale in place."""
    bias = "scale_param { bias_term: true }"
    return in_place("BatchNorm", f"{name}_bn", name) + in_place("Scale", f"{name}_sc", name, bias)


def residual(name, bottom, out=4, projection=False, width=4, stride=1):
    """Two convolutions beside a shortcut."""
    step = f"stride: {stride}"
    shortcut, rows = bottom, []
    if projection:
        shortcut = f"{name}_branch1"
        rows = [conv(shortcut, bottom, out, fields=step)]
    return "\n".join(
        [
            *rows,
            conv(f"{name}_branch2a", bottom, width, 3, step),
            relu(f"{name}_branch2a"),
            conv(f"{name}_branch2b", f"{name}_branch2a", out, 3),
            layer("Eltwise", f"{name}_sum", f"{shortcut} {name}_branch2b", name),
            relu(name),
        ]
    )


def row(block, names, first="data", **options):
    """Blocks one after the other."""
    ins = [first, *names]
    return [block(name, bottom, **options) for name, bottom in zip(names, ins, strict=False)]


def classes(source, **options):
    """The classes of the emitted file: their names and bodies."""
    text = protonet.emit(source, **options)
    found = re.split(r"^class (\w+)\(nn\.Module\):\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))
