"""The nets that fine-tuning writes: only what must change does, and it is told beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from digit_folders import ZOO
from google.protobuf import text_format

from protonet.diagnostics import NetError
from protonet.finetuning.asked import Asked
from protonet.finetuning.deploy import deploy
from protonet.finetuning.source import start, with_mean
from protonet.finetuning.train_val import train_val
from protonet.schema.pool import message


def made(net, classes=7, **options):
    """The new net of one of the zoo, as google.protobuf reads it; its text, and the source."""
    asked = Asked(str(net), "no.caffemodel", Path("images"), Path("out"), **options)
    given = start(asked)
    if given.prepared.mean is None:
        given = with_mean(given, np.array([104.0, 117.0, 123.0]))
    new = train_val(given, "birds", classes, (8, 4), ["# made"])
    for phase in ("TRAIN", "TEST"):
        scores = new.graph("net", phase, given).blobs[new.scores].shape
        assert scores[:2] == (1, classes)
    return text_format.Parse(new.text, message("NetParameter")), new, given


def layers(net):
    return {layer.name: layer for layer in net.layer if layer.name != "data"}


def test_of_a_train_val_all_else_stays():
    source = ZOO / "googlenet" / "train_val.prototxt"
    net, new, given = made(source)
    old = text_format.Parse(source.read_text(), message("NetParameter"))
    renamed = {one.old: one.new for one in new.renamed}
    assert len(renamed) == 3
    assert list(renamed)[-1].startswith("loss3")
    for layer in old.layer:
        if layer.type == "Data":
            continue
        found = layers(net).get(renamed.get(layer.name, layer.name))
        if found is None:  # the best of more than there are classes says nothing
            assert layer.accuracy_param.top_k >= 2
            continue
        if layer.name in renamed:
            assert [s.lr_mult / 10 for s in found.param] == [s.lr_mult or 1 for s in layer.param]
            assert found.inner_product_param.num_output == 7
            continue
        for blobs in (layer.bottom, layer.top):
            blobs[:] = [renamed.get(blob, blob) for blob in blobs]
        assert found == layer
    train, test = (layer for layer in net.layer if layer.name == "data")
    wanted = [layer.transform_param for layer in old.layer if layer.type == "Data"]
    assert [train.transform_param.crop_size, test.transform_param.crop_size] == [224, 224]
    assert train.transform_param.mean_value == wanted[0].mean_value
    assert train.transform_param.mirror
    assert not test.transform_param.mirror
    assert given.prepared.stored == (256, 256)
    use = text_format.Parse(deploy(new, "net", given), message("NetParameter"))
    assert {layer.type for layer in use.layer}.isdisjoint({"Accuracy", "Data", "SoftmaxWithLoss"})
    assert not any(layer.name.startswith(("loss1", "loss2")) for layer in use.layer)
    assert [layer.type for layer in use.layer][-1] == "Softmax"


def test_a_deploy_net_gets_what_trains_it():
    net, new, given = made(ZOO / "resnet18" / "deploy.prototxt", freeze="res2b")
    assert [layer.type for layer in net.layer][-2:] == ["Accuracy", "SoftmaxWithLoss"]
    assert [(one.before, one.new) for one in new.renamed] == [(1000, "fc1000_birds")]
    named = layers(net)
    last = named["fc1000_birds"]
    assert [(s.lr_mult, s.decay_mult) for s in last.param] == [(10, 1), (20, 0)]
    assert last.inner_product_param.weight_filler.std == pytest.approx(0.01)
    frozen = [layer for layer in net.layer if layer.param and not layer.param[0].lr_mult]
    assert {"conv1", "conv1/bn", "conv1/scale"} <= {layer.name for layer in frozen}
    assert not any("3" in layer.name[:4] for layer in frozen)
    norms = [layer for layer in frozen if layer.type == "BatchNorm"]
    assert norms
    assert all(layer.batch_norm_param.use_global_stats for layer in norms)
    assert "# frozen: its statistics stay, too" in new.text
    train = net.layer[0]
    assert list(train.transform_param.mean_value) == [104, 117, 123]
    assert given.prepared.stored == (256, 256)


FUSED = """
input: "image" input_shape { dim: 1 dim: 3 dim: 32 dim: 40 }
layer { name: "c" type: "Convolution" bottom: "image" top: "c"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "bn" type: "BatchNormScale" bottom: "c" top: "c" }
layer { name: "fc" type: "InnerProduct" bottom: "c" top: "fc"
  inner_product_param { num_output: 9 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


def test_the_statistics_of_a_fused_batch_norm_are_frozen_with_it(tmp_path):
    source = tmp_path / "deploy.prototxt"
    source.write_text(FUSED)
    net, _, _ = made(source, freeze="c")
    norm = layers(net)["bn"]
    assert norm.batch_norm_param.use_global_stats
    assert [spec.lr_mult for spec in norm.param] == [0] * 5


SQUEEZED = """
input: "image" input_shape { dim: 1 dim: 3 dim: 32 dim: 40 }
layer { name: "c" type: "Convolution" bottom: "image" top: "c"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "last" type: "Convolution" bottom: "c" top: "last" # says the classes
  convolution_param { num_output: 9 kernel_size: 1 bias_term: false } }
layer { name: "r" type: "ReLU" bottom: "last" top: "last" }
layer { name: "p" type: "Pooling" bottom: "last" top: "p"
  pooling_param { pool: AVE global_pooling: true } }
layer { name: "prob" type: "Softmax" bottom: "p" top: "prob" }
"""


def test_a_convolution_may_say_the_classes(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(SQUEEZED)
    net, new, given = made(path)
    assert new.renamed[0].new == "last_birds"
    assert "layer {  # says the classes\n" not in new.text
    assert 'top: "last_birds"  # says the classes\n' in new.text
    assert [s.lr_mult for s in layers(net)["last_birds"].param] == [10]
    assert layers(net)["r"].bottom[0] == layers(net)["r"].top[0] == "last_birds"
    assert list(layers(net)["loss"].bottom) == ["p", "label"]
    assert given.prepared.stored == (32, 40)
    with pytest.raises(NetError, match="takes 32x40, and crop_size cuts out squares only"):
        made(path, size=(48, 48))


FLAT = """
layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 dim: 9 } } }
layer { name: "f" type: "InnerProduct" bottom: "d" top: "f" inner_product_param { num_output: 2 } }
"""


GIVEN = """
layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "w" type: "Parameter" top: "w" parameter_param { shape { dim: 4 dim: 192 } } }
layer { name: "f" type: "InnerProduct" bottom: "d" bottom: "w" top: "f"
        inner_product_param { bias_term: false } }
"""


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (GIVEN, "stands layer 'f' .* with 2 bottoms"),
        (ZOO / "deeplabv3_os16" / "deploy.prototxt", "says classes of places"),
        (FLAT, "the input 'd' of the net is 1x9"),
        (SQUEEZED.replace('bottom: "p" top', 'bottom: "c" top'), "outputs p, prob"),
    ],
)
def test_nets_that_tell_no_classes(net, message, tmp_path):
    if isinstance(net, str):
        (tmp_path / "net.prototxt").write_text(net)
        net = tmp_path / "net.prototxt"
    with pytest.raises(NetError, match=message):
        made(net)
