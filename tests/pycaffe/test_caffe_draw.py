"""caffe.draw: labels, colours, phases, and pictures with Graphviz and without."""

import re
import shutil

import pytest
from google.protobuf import text_format

from protonet.pycaffe import draw
from protonet.pycaffe.proto import caffe_pb2

NET = """
name: "n"
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  data_param { batch_size: 64 } }
layer { name: "data" type: "Data" top: "data" exclude { phase: TRAIN } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 }
  param { lr_mult: 2 } convolution_param { num_output: 20 kernel_size: 5 stride: 2 } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { pool: AVE kernel_size: 3 pad: 1 } }
layer { name: "relu" type: "ReLU" bottom: "pool" top: "pool" }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 10 } }
"""


def net(text=NET):
    return text_format.Parse(text, caffe_pb2.NetParameter())


@pytest.fixture
def no_graphviz(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)


def test_labels_tell_type_and_window():
    by_name = {layer.name: layer for layer in net().layer}
    assert draw.get_layer_label(by_name["conv"], "LR") == (
        r'"conv\n(Convolution)\nkernel size: 5\nstride: 2\npad: 0"'
    )
    assert draw.get_layer_label(by_name["pool"], "TB") == (
        '"pool (Pooling AVE) kernel size: 3 stride: 1 pad: 1"'
    )
    shown = draw.get_layer_label(by_name["conv"], "TB", display_lrm=True)
    assert shown.endswith('pad: 0 lr mult: 1.0, 2.0"')
    assert draw.get_edge_label(net().layer[0]) == "Batch 64"
    assert [draw.get_edge_label(by_name[n]) for n in ("conv", "fc", "relu")] == ["20", "10", '""']
    assert draw.get_pooling_types_dict() == {0: "MAX", 1: "AVE", 2: "STOCHASTIC"}


def test_multipliers_are_one_unless_they_are_given():
    conv = net().layer[2]
    assert draw.get_layer_lr_mult(conv) == (1, 2)
    del conv.param[1:]
    assert draw.get_layer_lr_mult(conv) == (1, 1)
    conv.param[0].lr_mult = 5
    assert draw.get_layer_lr_mult(conv) == (5, 1)
    conv.param.add()
    conv.param.add()
    with pytest.raises(ValueError, match="conv has 3 params"):
        draw.get_layer_lr_mult(conv)
    with pytest.raises(ValueError, match="Pooling layers do not have"):
        draw.get_layer_lr_mult(net().layer[3])


def test_a_chart_has_a_box_a_layer_and_an_octagon_a_blob():
    text = draw.get_pydot_graph(net(), "LR", phase=caffe_pb2.TRAIN).to_string()
    assert "rankdir=LR" in text
    assert re.search(r'label="conv\\n\(Convolution\).*shape="record", fillcolor="#FF5050"', text)
    assert re.search(r'label="relu.*fillcolor="#90EE90"', text)
    assert re.search(r'label="label", shape="octagon"', text)
    assert text.count("->") == 10
    assert text.count("Batch 64") == 2
    assert "Batch 64" not in draw.get_pydot_graph(net(), "LR", phase=caffe_pb2.TEST).to_string()
    assert "Batch" not in draw.get_pydot_graph(net(), "LR", label_edges=False).to_string()
    assert draw.draw_net(net(), "BT", "raw").decode().startswith('digraph "n" {\nrankdir=BT')


def test_layers_of_the_first_forms_are_drawn_too():
    old = net('layers { name: "c" type: CONVOLUTION bottom: "x" top: "c" }')
    text = draw.get_pydot_graph(old, "TB").to_string()
    assert "c (Convolution)" in text
    assert len(old.layers) == 1


def test_names_are_text_in_the_picture():
    made = draw.get_pydot_graph(net('layer { name: "a\\"{b}|<c>" type: "ReLU" top: "t" }'), "TB")
    assert r'label="a\"\{b\}\|\<c\> (ReLU)"' in made.to_string()


@pytest.mark.parametrize("rankdir", ["LR", "TB", "BT", "RL"])
@pytest.mark.usefixtures("no_graphviz")
def test_pictures_without_graphviz(tmp_path, rankdir):
    made = draw.draw_net(net(), rankdir, "svg").decode()
    assert made.startswith("<svg")
    assert made.count("<polyline") == 11
    assert "(Convolution)" in made
    draw.draw_net_to_file(net(), str(tmp_path / "n.png"), rankdir)
    assert (tmp_path / "n.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("no_graphviz")
def test_a_pdf_without_graphviz():
    assert draw.draw_net(net(), "TB", "pdf").startswith(b"%PDF")


@pytest.mark.usefixtures("no_graphviz")
def test_the_direction_turns_the_picture():
    places = {}
    for rankdir in ("LR", "RL", "TB", "BT"):
        boxes = draw.get_pydot_graph(net(), rankdir).picture().boxes
        first, last = boxes[0], boxes[-1]
        places[rankdir] = (last.x - first.x, last.y - first.y)
    assert places["LR"][0] > 100
    assert places["RL"][0] == -places["LR"][0]
    assert places["TB"][1] > 100
    assert places["BT"][1] == -places["TB"][1]


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_pictures_by_graphviz():
    assert draw.draw_net(net(), "LR").startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="can't draw the net as 'nonsense'"):
        draw.draw_net(net(), "LR", "nonsense")


@pytest.mark.usefixtures("no_graphviz")
def test_what_can_not_be_drawn_is_refused():
    with pytest.raises(ValueError, match=r"can't be drawn as 'jpg'.*raw, dot, gv, svg, png, pdf"):
        draw.draw_net(net(), "LR", "jpg")
    with pytest.raises(ValueError, match="rankdir is one of LR, TB, BT, RL, not 'XX'"):
        draw.draw_net(net(), "XX")
    both = net('layer { name: "b" type: "ReLU" include { phase: TEST } exclude { phase: TRAIN } }')
    with pytest.raises(ValueError, match="layer b has both include and exclude"):
        draw.draw_net(both, "LR", phase=caffe_pb2.TEST)
