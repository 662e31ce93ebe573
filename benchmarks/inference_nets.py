"""The nets of the inference benchmark: the zoo's, SqueezeNet 1.1 and SSD300."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

import protonet

ZOO = Path(__file__).parent.parent / "zoo_prototxt"
SIZES = {
    "alexnet": 227,
    "vgg16": 224,
    "googlenet": 224,
    "resnet50": 224,
    "mobilenet_v1": 224,
    "mobilenet_v2": 224,
    "densenet121": 224,
    "squeezenet": 227,
    "ssd300": 300,
}


def layer(name: str, kind: str, bottoms: str, top: str, fields: str = "") -> str:
    given = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split())
    return f'layer {{ name: "{name}" type: "{kind}" {given} top: "{top}" {fields} }}\n'


def start(size: int) -> str:
    dims = f"dim: 1 dim: 3 dim: {size} dim: {size}"
    return (
        f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }}\n'
    )


def conv(name: str, bottom: str, outputs: int, kernel: int, fields: str = "", relu=True) -> str:
    param = f"convolution_param {{ num_output: {outputs} kernel_size: {kernel} {fields} }}"
    text = layer(name, "Convolution", bottom, name, param)
    return text + (layer(f"{name}_relu", "ReLU", name, name) if relu else "")


def pool(name: str, bottom: str, fields: str) -> str:
    return layer(name, "Pooling", bottom, name, f"pooling_param {{ {fields} }}")


def squeezenet() -> str:
    text = start(227) + conv("conv1", "data", 64, 3, "stride: 2")
    text += pool("pool1", "conv1", "kernel_size: 3 stride: 2")
    last = "pool1"
    fires = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
    for number, (squeeze, expand) in enumerate(fires, 2):
        fire = f"fire{number}"
        text += conv(f"{fire}_squeeze", last, squeeze, 1)
        text += conv(f"{fire}_1x1", f"{fire}_squeeze", expand, 1)
        text += conv(f"{fire}_3x3", f"{fire}_squeeze", expand, 3, "pad: 1")
        text += layer(fire, "Concat", f"{fire}_1x1 {fire}_3x3", fire)
        last = fire
        if number in (3, 5):
            last = f"pool{number}"
            text += pool(last, fire, "kernel_size: 3 stride: 2")
    text += layer("drop", "Dropout", last, last) + conv("conv10", last, 1000, 1)
    text += pool("pool10", "conv10", "pool: AVE global_pooling: true")
    return text + layer("prob", "Softmax", "pool10", "prob")


SOURCES = {
    # blob: (boxes a place, least and largest size, step, aspect ratios)
    "conv4_3_norm": (4, 30, 60, 8, (2,)),
    "fc7": (6, 60, 111, 16, (2, 3)),
    "conv6_2": (6, 111, 162, 32, (2, 3)),
    "conv7_2": (6, 162, 213, 64, (2, 3)),
    "conv8_2": (4, 213, 264, 100, (2,)),
    "conv9_2": (4, 264, 315, 300, (2,)),
}


def ssd300() -> str:
    text, last = start(300), "data"
    for block, (count, outputs) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for index in range(1, count + 1):
            text += conv(f"conv{block}_{index}", last, outputs, 3, "pad: 1")
            last = f"conv{block}_{index}"
        text += pool(f"pool{block}", last, _POOLS.get(block, "kernel_size: 2 stride: 2"))
        last = f"pool{block}"
    text += conv("fc6", last, 1024, 3, "pad: 6 dilation: 6") + conv("fc7", "fc6", 1024, 1)
    text += conv("conv6_1", "fc7", 256, 1) + conv("conv6_2", "conv6_1", 512, 3, "pad: 1 stride: 2")
    text += conv("conv7_1", "conv6_2", 128, 1)
    text += conv("conv7_2", "conv7_1", 256, 3, "pad: 1 stride: 2")
    for block in (8, 9):
        text += conv(f"conv{block}_1", f"conv{block - 1}_2", 128, 1)
        text += conv(f"conv{block}_2", f"conv{block}_1", 256, 3)
    norm = "norm_param { across_spatial: false channel_shared: false }"
    text += layer("conv4_3_norm", "Normalize", "conv4_3", "conv4_3_norm", norm)
    for blob, (boxes, least, most, step, ratios) in SOURCES.items():
        for kind, each in (("loc", 4), ("conf", 21)):
            name = f"{blob}_{kind}"
            text += conv(name, blob, boxes * each, 3, "pad: 1", relu=False)
            order = "permute_param { order: 0 order: 2 order: 3 order: 1 }"
            text += layer(f"{name}_perm", "Permute", name, f"{name}_perm", order)
            text += layer(f"{name}_flat", "Flatten", f"{name}_perm", f"{name}_flat")
        given = " ".join(f"aspect_ratio: {ratio}" for ratio in ratios)
        given += f" min_size: {least} max_size: {most} step: {step} flip: true"
        variance = "variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2"
        prior = f"prior_box_param {{ {given} {variance} }}"
        text += layer(f"{blob}_prior", "PriorBox", f"{blob} data", f"{blob}_prior", prior)
    for kind, axis in (("loc_flat", 1), ("conf_flat", 1), ("prior", 2)):
        bottoms = " ".join(f"{blob}_{kind}" for blob in SOURCES)
        text += layer(kind, "Concat", bottoms, kind, f"concat_param {{ axis: {axis} }}")
    return text


_POOLS = {5: "kernel_size: 3 stride: 1 pad: 1"}
TEXTS = {"squeezenet": squeezenet, "ssd300": ssd300}


def definition(name: str) -> str:
    """A net's prototxt; its text alone names no file."""
    if name in TEXTS:
        return TEXTS[name]()
    return (ZOO / name / "deploy.prototxt").read_text(encoding="utf-8")


def made(name: str) -> nn.Module:
    """A net with random weights under which values keep their size from layer to layer."""
    torch.manual_seed(0)
    net = protonet.compile(definition(name))
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean, std=0.1)
            nn.init.uniform_(part.running_var, 0.8, 1.2)
        elif isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.normal_(part.weight)
    handles = [
        part.register_forward_hook(_levelled)
        for part in net.modules()
        if isinstance(part, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        net(torch.randn(1, 3, SIZES[name], SIZES[name]))
    for handle in handles:
        handle.remove()
    return net


def _levelled(part, _inputs, output):
    """Scale a layer's weights so that what it gives has a deviation of one."""
    scale = output.std()
    part.weight /= scale
    if part.bias is not None:
        part.bias.zero_()
    return output / scale
