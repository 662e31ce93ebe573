"""Nets to begin with: examples of layers, the zoo, what was found once, and random right ones."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from google.protobuf import text_format
from text_damage import set_fields

from protonet.api import graph
from protonet.diagnostics import NetError
from protonet.layers import REGISTRY
from protonet.schema.pool import message

ROOT = Path(__file__).parents[2]
FOUND = Path(__file__).with_name("found")
ZOO = ("lenet/train_val", "lenet/solver", "lenet/deploy", "lenet5/train_val", "alexnet/deploy")
# A folder of more nets to damage, which is not part of the project.
CORPUS = os.environ.get("PROTONET_CORPUS")

# Types whose numbers follow from the bottoms' alone, whatever these are.
PLAIN = [
    *("AbsVal", "BNLL", "BatchNorm", "Bias", "Clip", "Concat", "Convolution", "Crop"),
    *("Deconvolution", "Dropout", "ELU", "Eltwise", "Exp", "Flatten", "Im2col", "InnerProduct"),
    *("LRN", "MVN", "PReLU", "Pooling", "Power", "ReLU", "Reduction", "Reshape", "SPP", "Scale"),
    *("Sigmoid", "Silence", "Slice", "Softmax", "Split", "Swish", "TanH", "Tile", "EuclideanLoss"),
    *("Normalize", "Permute", "Interp", "ShuffleChannel", "Reorg", "Axpy", "ReLU6", "Flip"),
    *("Transpose", "Reverse", "Lstm"),
]
# Of messages with many fields that exclude each other, those that go together; and those of
# Dropout that draw nothing in TEST.
WINDOW = ("kernel_size", "stride", "pad", "num_output", "bias_term")
ONLY = {
    "convolution_param": (*WINDOW, "group", "dilation"),
    "pooling_param": (*WINDOW, "pool", "global_pooling", "round_mode"),
    "reorg_param": ("stride", "reverse"),
    "dropout_param": ("dropout_ratio",),
}
NEEDED = ("num_output", "kernel_size", "tiles", "pyramid_height", "height", "width")


def whole(example):
    """An example of a layer with Input layers for its bottoms."""
    inputs = "".join(
        f'layer {{ name: "in_{blob}" type: "Input" top: "{blob}" input_param {{ shape {{ '
        f"{' '.join(f'dim: {n}' for n in shape)} }} }} }}\n"
        for blob, shape in example.inputs.items()
    )
    return inputs + example.prototxt


@cache
def seeds():
    """The texts to damage."""
    kinds = [cls for name, cls in sorted(REGISTRY.items()) if name == cls.type]
    texts = [whole(example) for cls in kinds if not cls.runs_code for example in cls.examples]
    texts += [(ROOT / "zoo_prototxt" / f"{net}.prototxt").read_text("utf-8") for net in ZOO]
    golden = ROOT / "tests" / "golden" / "upgrade"
    texts += [path.read_text("utf-8") for path in sorted(golden.glob("*.prototxt"))]
    texts += [path.read_bytes().decode("utf-8", "replace") for path in found()]
    if CORPUS:
        paths = sorted(Path(CORPUS).rglob("*.prototxt"))
        more = (path.read_bytes().decode("utf-8", "replace") for path in paths)
        texts += [text for text in more if len(text) < 40_000]
    return texts


def found():
    """What broke the contract once."""
    return sorted(FOUND.glob("*.prototxt"))


def random_net(draw, types=PLAIN, most=8):
    """A right net: layers of random types and fields, each kept where the net still builds."""
    net = message("NetParameter")
    net.name = "random"
    for index in range(draw.randint(1, 2)):
        layer = net.layer.add(name=f"in{index}", type="Input", top=[f"x{index}"])
        axes = draw.choice([4, 4, 4, 2, 3])
        layer.input_param.shape.add(dim=[draw.randint(1, 6) for _ in range(axes)])
    blobs = [layer.top[0] for layer in net.layer]
    for number in range(draw.randint(2, most) * 4):
        if len(net.layer) > most:
            break
        layer = random_layer(draw, types, blobs, number)
        net.layer.add().CopyFrom(layer)
        try:
            built = graph(net)
            fits = all(0 < value.size < 20_000 for value in map(_Size, built.blobs.values()))
        except NetError:
            fits = False
        if not fits:
            del net.layer[-1]
            continue
        blobs += [top for top in layer.top if top not in blobs]
    return text_format.MessageToString(net)


class _Size:
    """How many numbers a value has."""

    def __init__(self, value):
        self.size = 1
        for n in value.shape:
            self.size *= n


def random_layer(draw, types, blobs, number):
    """A layer of a random type, on random blobs, with some of its fields."""
    cls = REGISTRY[draw.choice(types)]
    layer = message("LayerParameter")
    layer.name, layer.type = f"l{number}", cls.type
    bottoms = draw.randint(cls.bottoms[0], min(cls.bottoms[1] or 3, 3))
    layer.bottom.extend(draw.choice(blobs[-4:]) for _ in range(bottoms))
    tops = draw.randint(cls.tops[0], min(cls.tops[1] or 3, 3))
    layer.top.extend(f"b{number}_{index}" for index in range(tops))
    if cls.may_run_in_place and tops == bottoms == 1 and draw.random() < 0.2:
        layer.top[0] = layer.bottom[0]
    if field := cls(layer).field:
        inner = getattr(layer, field)
        only = ONLY.get(field, ())
        set_fields(inner, draw, 0, chance=0.4 if only else 0.15, only=only)
        _tame(inner)
        for known in inner.DESCRIPTOR.fields:
            if known.name in NEEDED and not getattr(inner, known.name):
                number = draw.randint(1, 3)
                several = hasattr(getattr(inner, known.name), "append")
                if several:
                    getattr(inner, known.name).append(number)
                else:
                    setattr(inner, known.name, number)
    return layer


def _tame(inner):
    """Numbers that leave numbers of a net to compare; damage has the others."""
    for field, given in inner.ListFields():
        if isinstance(given, float) and not 0 < given < 10:
            setattr(inner, field.name, 0.5)
        elif isinstance(given, int) and field.enum_type is None and abs(given) > 64:
            setattr(inner, field.name, 3)
