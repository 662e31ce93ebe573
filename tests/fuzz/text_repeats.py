"""Random right nets in which blocks repeat: with other sizes, with or without a branch."""

from __future__ import annotations

from google.protobuf import text_format

from protonet.api import graph
from protonet.diagnostics import NetError
from protonet.schema.pool import message

SHAPED = ("Convolution",) * 9 + ("BatchNorm",) * 3 + ("Scale", "ReLU", "ReLU", "Deconvolution")
OTHERS = ("ReLU", "PReLU", "Sigmoid", "Dropout", "LRN", "Pooling", "Swish", "ELU", "Power", "Bias")
JOINS = ("Eltwise", "Eltwise", "Concat")
IN_PLACE = ("ReLU", "Dropout", "BatchNorm", "Scale", "PReLU")
CHANNELS = 4
# Words of Python, of torch and of the emitted files, which layers and blobs may be called.
HOSTILE = (
    *("x", "y", "self", "F", "nn", "torch", "head", "source", "sources", "heads", "class", "range"),
    *("list", "zip", "Bottleneck", "Block", "ConvBN", "Head", "shortcut", "forward", "training"),
    *("channels", "stride", "width", "none", "Path", "load", "WEIGHTS", "module", "_", "0", "1x1"),
    *("blocks", "layer", "projection", "residual", "math", "Any", "super", "tensor", "Sequential"),
)


def repeating_net(draw):
    """A net of a few blocks, each several times; layers that do not fit are left out."""
    net = message("NetParameter")
    net.name = draw.choice(("net", *HOSTILE))
    layer = net.layer.add(name="data", type="Input", top=[draw.choice(("data", *HOSTILE))])
    layer.input_param.shape.add(dim=[2, CHANNELS, 6, 6])
    at = layer.top[0]
    for _ in range(draw.randint(1, 3)):
        plan, word = _plan(draw), draw.choice(("block", "res2", *HOSTILE))
        between = draw.choice(("/", "_", "", "-", "."))
        for number in range(draw.randint(2, 5)):
            at = _block(net, draw, plan, f"{word}{number}{between}", at)
    return text_format.MessageToString(_fitting(net))


def _fitting(net):
    """The net without the layers that do not fit: those with an error, until there is none."""
    while True:
        try:
            built = graph(net)
        except NetError as error:
            told = str(error)
            at = [told.find(f"error: layer {one.name!r} (") for one in net.layer]
            _skip(
                net, max(i for i, place in enumerate(at) if place == min(n for n in at if n >= 0))
            )
            continue
        if all(0 not in value.shape for value in built.blobs.values()):
            return net
        _skip(net, len(net.layer) - 1)


def _skip(net, index):
    """Take a layer out; who read what it made reads what it read."""
    gone = net.layer[index]
    new, old = gone.bottom[0], gone.top[0]
    del net.layer[index]
    for one in net.layer[index:]:
        one.bottom[:] = [new if blob == old else blob for blob in one.bottom]
        one.top[:] = [new if blob == old else blob for blob in one.top]


def _plan(draw):
    """The layers of a block: type, what each reads, its own name, in which blocks it may differ."""
    kinds = [draw.choice(SHAPED + OTHERS) for _ in range(draw.randint(2, 7))]
    if draw.random() < 0.6:
        kinds.append(draw.choice(JOINS))
    if draw.random() < 0.3:
        kinds.insert(draw.randrange(len(kinds)), draw.choice(JOINS))
    plan = []
    for index, kind in enumerate(kinds):
        joins = kind in JOINS
        ways = ([1, 0], [1, 0], [1, 2], [2, 0]) if joins else ([1],) * 8 + ([0], [2])
        name = draw.choice(HOSTILE) if draw.random() < 0.3 else f"{kind.lower()}{index}"
        rare = draw.random() < 0.1, draw.random() < 0.15
        plan.append((kind, draw.choice(ways), name, *rare, draw.random()))
    return plan


def _block(net, draw, plan, prefix, at):
    """Add a block that works on a blob; the blob that comes out."""
    made, start = [at], at
    for index, (kind, back, name, optional, varies, seed) in enumerate(plan):
        if optional and draw.random() < 0.5:
            continue
        own = draw if varies else type(draw)(seed)
        bottoms = [start if step == 0 else made[-min(step, len(made))] for step in back]
        net.layer.add().CopyFrom(_layer(own, kind, bottoms, f"{prefix}{name}", index))
        made.append(net.layer[-1].top[0])
    return made[-1]


def _layer(draw, kind, bottoms, name, index):
    layer = message("LayerParameter")
    layer.name, layer.type = name, kind
    layer.bottom.extend(bottoms)
    layer.top.append(name)
    if kind in ("Convolution", "Deconvolution"):
        _convolve(draw, layer)
    elif kind == "Pooling":
        own = layer.pooling_param
        own.kernel_size, own.stride, own.pad, own.pool = 3, 1, 1, draw.choice((0, 1))
    elif kind == "Eltwise":
        layer.eltwise_param.operation = draw.choice((0, 1, 1, 1, 2))
    elif kind == "Power":
        layer.power_param.scale = draw.choice((0.5, 2.0))
    elif kind == "LRN":
        layer.lrn_param.local_size = draw.choice((3, 5))
    # In place, but not on what the block begins with, which others read.
    if index and kind in IN_PLACE and draw.random() < 0.6:
        layer.top[0] = layer.bottom[0]
    if kind in ("Convolution", "Scale") and draw.random() < 0.1:
        layer.param.add(name=draw.choice(("w", "v")))
    elif kind == "Convolution" and draw.random() < 0.1:
        layer.param.add(lr_mult=0)
    return layer


def _convolve(draw, layer):
    own = layer.convolution_param
    own.num_output = draw.choice((CHANNELS,) * 6 + (6, 8))
    size = draw.choice((1, 1, 3, 3, 5))
    own.kernel_size.append(size)
    own.pad.append(size // 2)
    own.bias_term = draw.random() < 0.5
    own.weight_filler.type = draw.choice(("xavier", "msra", "gaussian", "constant"))
    own.weight_filler.std = 0.1
    if draw.random() < 0.15:
        own.group = 2
    if draw.random() < 0.05:
        own.stride.append(2)
