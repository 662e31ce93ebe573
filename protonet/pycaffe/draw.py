"""caffe.draw: a NetParameter's layers and blobs as a picture, as pycaffe draws it.

Without pydot: Graphviz's program ``dot`` lays out where it is installed, protonet where it is not.
Source: pycaffe's draw.py.
"""

from __future__ import annotations

from protonet.pycaffe.chart import Chart, Edge
from protonet.pycaffe.proto import caffe_pb2
from protonet.schema.load import load
from protonet.schema.pool import Message
from protonet.schema.upgrade import upgrade

LAYER_STYLE_DEFAULT = {"shape": "record", "fillcolor": "#6495ED", "style": "filled"}
NEURON_LAYER_STYLE = {"shape": "record", "fillcolor": "#90EE90", "style": "filled"}
BLOB_STYLE = {"shape": "octagon", "fillcolor": "#E0E0E0", "style": "filled"}
_LEARNING = ("Convolution", "Deconvolution", "InnerProduct")
_COLORS = {
    "Convolution": "#FF5050",
    "Deconvolution": "#FF5050",
    "Pooling": "#FF9900",
    "InnerProduct": "#CC33FF",
}
_NOTHING = '""'


def get_pooling_types_dict() -> dict[int, str]:
    """The methods of pooling by their numbers."""
    return {number: name for name, number in caffe_pb2.PoolingParameter.PoolMethod.items()}


def get_edge_label(layer: Message) -> str:
    """What stands at a layer's tops: its batch size or number of outputs."""
    if layer.type == "Data":
        return f"Batch {layer.data_param.batch_size}"
    if layer.type in ("Convolution", "Deconvolution"):
        return str(layer.convolution_param.num_output)
    if layer.type == "InnerProduct":
        return str(layer.inner_product_param.num_output)
    return _NOTHING


def get_layer_lr_mult(layer: Message) -> tuple[float, float]:
    """The learning rate multipliers of a layer's weight and bias.

    ValueError where the layer is none that they are shown of, or has more than two.
    """
    if layer.type not in _LEARNING:
        raise ValueError(f"{layer.type} layers do not have a learning rate multiplier")
    if len(layer.param) > 2:
        what = f"{layer.name} has {len(layer.param)} params, a weight and a bias have 2"
        raise ValueError(f"could not parse the learning rate multiplier: {what}")
    given = [float(param.lr_mult) for param in layer.param]
    weight, bias = (given + [1.0, 1.0][len(given) :])[:2]
    return weight, bias


def get_layer_label(layer: Message, rankdir: str, display_lrm: bool = False) -> str:
    """A layer's name, type and window, in quotes; its multipliers with ``display_lrm``."""
    separator = " " if rankdir in ("TB", "BT") else r"\n"
    is_pooling = layer.type == "Pooling"
    kind = layer.type
    if is_pooling:
        kind = f"{kind} {get_pooling_types_dict()[layer.pooling_param.pool]}"
    parts = [layer.name, f"({kind})"]
    if is_pooling or layer.type in ("Convolution", "Deconvolution"):
        kernel, stride, pad = _window(layer)
        parts += [f"kernel size: {kernel}", f"stride: {stride}", f"pad: {pad}"]
    if display_lrm and layer.type in _LEARNING:
        weight, bias = get_layer_lr_mult(layer)
        if weight or bias:
            parts.append(f"lr mult: {weight:.1f}, {bias:.1f}")
    return f'"{separator.join(parts)}"'


def _window(layer: Message) -> tuple[int, int, int]:
    """The kernel, stride and pad of a layer; the first axis's where they differ."""
    if layer.type == "Pooling":
        p = layer.pooling_param
        return p.kernel_size, p.stride, p.pad
    p = layer.convolution_param
    kernel, stride, pad = (
        values[0] if values else default
        for values, default in ((p.kernel_size, 1), (p.stride, 1), (p.pad, 0))
    )
    return kernel, stride, pad


def choose_color_by_layertype(layertype: str) -> str:
    """The colour of a layer type."""
    return _COLORS.get(layertype, LAYER_STYLE_DEFAULT["fillcolor"])


def _is_in(layer: Message, phase: int | None) -> bool:
    """Whether a layer is part of a phase. ValueError where it has include and exclude rules."""
    if phase is None:
        return True
    if layer.include and layer.exclude:
        raise ValueError(f"layer {layer.name} has both include and exclude specified")
    if layer.include:
        return any(rule.phase == phase for rule in layer.include)
    return not any(rule.phase == phase for rule in layer.exclude)


def _today(net: Message) -> Message:
    """A net with layers of today's form; the caller's message is not changed."""
    if not net.layers:
        return net
    return upgrade(load(net), keep_inputs=False).message


def get_pydot_graph(
    caffe_net: Message,
    rankdir: str,
    label_edges: bool = True,
    phase: int | None = None,
    display_lrm: bool = False,
) -> Chart:
    """The chart of a net: a box a layer, an octagon a blob, as pydot's graph would be.

    ``rankdir`` is LR, TB, BT or RL; ``phase`` leaves out layers of the other one. ValueError where
    a layer has both include and exclude rules.
    """
    chart = Chart(caffe_net.name or "Net", rankdir)
    for layer in _today(caffe_net).layer:
        if not _is_in(layer, phase):
            continue
        node = f"{layer.name}_{layer.type}"
        for blob in layer.bottom:
            chart.add_node(f"{blob}_blob", blob, BLOB_STYLE)
            chart.add_edge(Edge(f"{blob}_blob", node, _NOTHING))
        style = {**LAYER_STYLE_DEFAULT, "fillcolor": choose_color_by_layertype(layer.type)}
        if len(layer.bottom) == 1 and list(layer.bottom) == list(layer.top):
            style = NEURON_LAYER_STYLE
        label = get_layer_label(layer, rankdir, display_lrm=display_lrm)
        chart.add_node(node, label[1:-1], style)
        for blob in layer.top:
            chart.add_node(f"{blob}_blob", blob, BLOB_STYLE)
            label = get_edge_label(layer) if label_edges else _NOTHING
            chart.add_edge(Edge(node, f"{blob}_blob", label))
    return chart


def draw_net(
    caffe_net: Message,
    rankdir: str,
    ext: str = "png",
    phase: int | None = None,
    display_lrm: bool = False,
) -> bytes:
    """The picture of a net in a format, such as png, svg, pdf or raw, Graphviz's own text.

    ValueError where the format is not known, ImportError where what it needs is not installed.
    """
    chart = get_pydot_graph(caffe_net, rankdir, phase=phase, display_lrm=display_lrm)
    return chart.create(format=ext)


def draw_net_to_file(
    caffe_net: Message,
    filename: str,
    rankdir: str = "LR",
    phase: int | None = None,
    display_lrm: bool = False,
) -> None:
    """Write the picture of a net; the file's suffix is its format. Errors as in draw_net."""
    ext = filename[filename.rfind(".") + 1 :]
    chart = get_pydot_graph(caffe_net, rankdir, phase=phase, display_lrm=display_lrm)
    chart.write(filename, format=ext)
