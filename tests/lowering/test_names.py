"""Names from a file are text, never code, and every name finds an identifier of its own."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
import torch
from one_process import run_alone

import protonet
from protonet.program.names import class_name

HOSTILE = [
    "conv1/7x7_s2",
    "class",
    "self",
    "0",
    '"); import os #',
    "'''\"\"\"",
    "🐱",
    "x" * 300,
    "new\nline",
    "back\\slash",
    "forward",
    "training",
    "parameters",
    "torch",
    "nn",
    "F",
    "math",
    "print",
    "objective",
    "__init__",
    "LAYERS",
    "data",
    "<script>alert(1)</script>",
    "{x}",
    "%s",
    "",
]


def quoted(name):
    text = "".join(f"\\x{byte:02x}" for byte in name.encode())
    return f'"{text}"'


def chain(names, net="net"):
    """A net whose layers and blobs have these names, each fed by the one before."""
    lines = [f"name: {quoted(net)} force_backward: true"]
    lines.append('layer { name: "in" type: "Input" top: "start" ')
    lines.append("input_param { shape { dim: 2 dim: 3 } } }")
    bottom = "start"
    for name in names:
        lines.append(
            f'layer {{ name: {quoted(name)} type: "InnerProduct" bottom: {quoted(bottom)} '
            f"top: {quoted(name)} inner_product_param {{ num_output: 3 "
            'weight_filler { type: "xavier" } } }'
        )
        bottom = name
    return "\n".join(lines)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("faithful", [True, False])
def test_one_hostile_name(name, faithful):
    text = chain([name], net=name)
    source = protonet.emit(text, faithful=faithful)
    ast.parse(source)
    net = protonet.compile(text, outputs=[name], faithful=faithful)
    assert net(torch.ones(2, 3))[name].shape == (2, 3)
    blobs = protonet.dump_blobs(net)
    assert [a.shape for a in blobs[name]] == [(3, 3), (3,)]


def test_all_of_them_at_once(tmp_path):
    text = chain(HOSTILE)
    net = protonet.compile(text, outputs=HOSTILE)
    assert list(net(torch.ones(2, 3))) == HOSTILE
    assert set(protonet.dump_blobs(net)) == set(HOSTILE)
    path = tmp_path / "net.py"
    path.write_text(protonet.emit(text), encoding="utf-8")
    assert run_alone(path) == "(2, 3)\n"
    check = [sys.executable, "-m", "ruff", "format", "--check", "--isolated", str(path)]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0


def test_names_that_clean_to_the_same_word():
    names = ["a/b", "a_b", "a-b", "a.b"]
    net = protonet.compile(chain(names), outputs=names)
    assert {name for name, _ in net.named_children()} == {"a_b", "a_b_2", "a_b_3", "a_b_4"}
    assert isinstance(net.a_b, torch.nn.Linear)


@pytest.mark.parametrize("name", ["Scale", "scale", "lrn", "top_k_accuracy", "Shift"])
def test_a_net_or_blob_named_as_a_helper(name):
    text = (
        f'name: "{name}" layer {{ name: "in" type: "Input" top: "x" top: "label" '
        "input_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } } "
        'layer { name: "s" type: "Scale" bottom: "x" top: "y" } '
        f'layer {{ name: "a" type: "Accuracy" bottom: "y" bottom: "label" top: "{name}" }}'
    )
    net = protonet.compile(text, outputs=[name], faithful=True)
    assert net(torch.ones(2, 3), torch.zeros(2))[name].shape == ()


def computed(text, phase="TEST", **options):
    """What the module gives, and what the emitted file alone gives, from one state."""
    net = protonet.compile(text, phase=phase, **options)
    scope = {"__name__": "alone"}
    exec(compile(protonet.emit(text, phase=phase, **options), "alone", "exec"), scope)
    alone = scope[type(net).__name__]()
    alone.load_state_dict(net.state_dict())
    alone.train(net.training)
    return net, alone


def test_a_value_of_a_layers_own_does_not_hide_a_helper():
    text = """
    input: "loc" input_shape { dim: 1 dim: 8 } input: "conf" input_shape { dim: 1 dim: 4 }
    input: "prior" input_shape { dim: 1 dim: 2 dim: 8 }
    layer { name: "detection" type: "DetectionOutput" bottom: "loc" bottom: "conf" bottom: "prior"
            top: "out"
            detection_output_param { num_classes: 2 nms_param { top_k: 2 } keep_top_k: 2 } }
    """
    net, alone = computed(text)
    given = torch.rand(1, 8), torch.rand(1, 4), torch.rand(1, 2, 8)
    assert torch.equal(net(*given), alone(*given))


@pytest.mark.parametrize(
    ("kind", "top", "more"),
    [
        ("SoftmaxWithLoss", "softmax", "loss_param { ignore_label: 1 }"),
        ("HingeLoss", "hinge", ""),
        ("MultinomialLogisticLoss", "multinomial_logistic", ""),
    ],
)
def test_a_loss_that_is_kept_does_not_hide_a_helper(kind, top, more):
    text = f"""
    input: "x" input_shape {{ dim: 4 dim: 3 }} input: "label" input_shape {{ dim: 4 }}
    layer {{ name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
            inner_product_param {{ num_output: 3 weight_filler {{ type: "xavier" }} }} }}
    layer {{ name: "l" type: "{kind}" bottom: "fc" bottom: "label" top: "{top}" {more} }}
    layer {{ name: "r" type: "ReLU" bottom: "{top}" top: "{top}" }}
    """
    with pytest.warns(protonet.diagnostics.NetWarning):
        net, alone = computed(text, "TRAIN")
    given = torch.rand(4, 3), torch.zeros(4)
    for key, value in net(*given).items():
        torch.testing.assert_close(alone(*given)[key], value, equal_nan=True)


@pytest.mark.parametrize("name", ["protonet_blobs", "protonet_net", "protonet_source"])
def test_a_layer_with_the_name_of_what_a_net_knows_of_itself(name):
    net = protonet.compile(chain([name]))
    assert net(torch.rand(2, 3)).shape == (2, 3)
    assert list(protonet.dump_blobs(net)) == [name]


def test_a_blob_named_as_the_sum_of_the_losses_is_refused():
    text = """
    input: "x" input_shape { dim: 4 dim: 3 } input: "label" input_shape { dim: 4 }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "objective" }
    """
    with pytest.raises(protonet.NetError, match="the blob 'objective' has the name"):
        protonet.compile(text, phase="TRAIN")
    assert protonet.compile(text)(torch.rand(4, 3), torch.zeros(4)).shape == ()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("AlexNet", "AlexNet"),
        ("AlexNet_BN", "AlexNetBN"),
        ("VGG_ILSVRC_16_layers", "VggIlsvrc16Layers"),
        ("VGG_coco_SSD_300x300_deploy", "VggCocoSsd300x300Deploy"),
        ("VGG16", "VGG16"),
        ("Faster R-CNN (VGG16)", "FasterRCnnVgg16"),
        ("ResNeXt50_32x4d", "ResNeXt50_32x4d"),
        ("squeezenet_v1.1", "SqueezenetV1_1"),
        ("ResNet20_CIFAR", "ResNet20CIFAR"),
        ("0-net", "Net0Net"),
        ("", "Net"),
        ("猫", "Net"),
    ],
)
def test_the_words_of_a_class_stay_apart(name, wanted):
    assert class_name(name) == wanted


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("yolo-v2.prototxt", "YoloV2"),
        ("deploy.prototxt", "Net"),
        ("Train_Val.prototxt", "Net"),
        ("small.txt", "SmallTxt"),
    ],
)
def test_a_net_without_a_name_has_its_files(file, wanted, tmp_path):
    text = 'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 } } }\n'
    text += 'layer { name: "r" type: "ReLU" bottom: "d" top: "r" }\n'
    (tmp_path / file).write_text(text)
    assert type(protonet.compile(tmp_path / file)).__name__ == wanted
    assert type(protonet.compile(text)).__name__ == "Net"
    assert type(protonet.compile(f'name: "own"\n{text}')).__name__ == "Own"
