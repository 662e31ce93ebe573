"""The rules by which Caffe loads weights: names, counts, shapes, what is left over."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from files import NET, caffemodel, random_blobs, same

import protonet
from protonet import NetError, NetErrors
from protonet.api import graph
from protonet.diagnostics import SameNames
from protonet.weights.convert import gather
from protonet.weights.match import fits
from protonet.weights.read import open_weights


@pytest.fixture
def write(tmp_path):
    def write(name="net.caffemodel", form="V2", **changes):
        blobs = random_blobs()
        blobs.update({k.replace("_", "/"): v for k, v in changes.items()})
        path = tmp_path / name
        path.write_bytes(caffemodel({k: v for k, v in blobs.items() if v is not None}, form))
        return path

    return write


@pytest.mark.parametrize("form", ["V2", "V1", "V0"])
def test_every_generation_loads(write, form):
    net = protonet.compile(NET, faithful=True)
    matched = protonet.load_weights(net, write(form=form), strict=True)
    same(protonet.dump_blobs(net), random_blobs())
    assert (matched.passed_over, matched.missing) == ([], [])


def test_what_is_only_in_one_is_listed(write, caplog):
    path = write(extra=[np.zeros(2, np.float32)], f=None)
    net = protonet.compile(NET)
    before = net.f.weight.clone()
    matched = protonet.load_weights(net, path)
    assert (matched.passed_over, matched.missing) == (["extra"], ["f"])
    assert torch.equal(net.f.weight, before)
    with pytest.raises(NetError, match="only in the file: extra; only in the net: f"):
        protonet.load_weights(net, path, strict=True)
    with caplog.at_level(logging.WARNING):
        protonet.compile(NET, weights=path)
    assert "keep the values of their fillers: f" in caplog.text


TWINS = """
input: "x" input_shape { dim: 1 dim: 3 }
layer { name: "f" type: "InnerProduct" bottom: "x" top: "a" inner_product_param { num_output: 3 } }
layer { name: "f" type: "InnerProduct" bottom: "a" top: "b" inner_product_param { num_output: 3 } }
"""


def test_of_two_layers_of_one_name_the_first_is_loaded_as_caffe_does_with_a_word(tmp_path):
    with pytest.warns(SameNames, match="2 layers with parameters have the name 'f'"):
        net = protonet.compile(TWINS)
    with pytest.warns(SameNames, match="as in Caffe, weights are loaded into the first only"):
        assert protonet.check(TWINS) == []
    first, second = (np.full((3, 3), n, np.float32) for n in (1, 2))
    before = net.f_2.weight.clone()
    path = tmp_path / "net.caffemodel"
    one, other = (caffemodel({"f": [values, values[0]]}) for values in (first, second))
    path.write_bytes(one + other)  # messages one after the other are one message
    protonet.load_weights(net, path)
    assert np.array_equal(net.f.weight.detach(), second)
    assert torch.equal(net.f_2.weight, before)
    for suffix in ("caffemodel", "h5"):
        with pytest.raises(NetError, match="in a file they are one"):
            protonet.save(net, tmp_path / f"a.{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == ["net.caffemodel"]


def test_of_a_shared_parameter_the_last_one_counts_on_every_way(tmp_path):
    one, two = (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "x" top: "{name}" '
        'param { name: "w" } inner_product_param { num_output: 2 bias_term: false } }'
        for name in "ab"
    )
    text = 'input: "x" input_shape { dim: 1 dim: 3 } ' + one + two
    early, late = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    path = tmp_path / "net.caffemodel"
    path.write_bytes(caffemodel({"a": [early], "b": [late]}))
    same({"": list(protonet.dump_blobs(protonet.compile(text, weights=path))["a"])}, {"": [late]})
    gathered = gather([open_weights(path)], graph(text))
    same(gathered.blobs, {"a": [late], "b": [late]})


def test_several_files_the_last_one_counts(write):
    one = np.ones(4, np.float32)
    first, second = write("a.caffemodel", f=None), write("b.caffemodel", sc=[one, one])
    net = protonet.compile(NET, weights=f"{first},{second}")
    same({"sc": protonet.dump_blobs(net)["sc"]}, {"sc": [one, one]})
    assert protonet.load_weights(net, [first, second], strict=True).missing == []


def test_misfits_are_shown_with_both_shapes_and_change_nothing(write):
    path = write(f=[np.zeros((36, 3), np.float32), np.zeros(3, np.float32)], sc=random_blobs()["f"])
    net = protonet.compile(NET)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(NetErrors) as caught:
        protonet.load_weights(net, path)
    text = str(caught.value)
    assert "layer 'f': blob 0 has the shape 36x3 in the file, but 36x2 in the net" in text
    assert "layer 'sc': blob 0 has the shape 36x2 in the file, but 4 in the net" in text
    assert "rename the layer in the prototxt" in text
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


@pytest.mark.parametrize("blobs", [[], [np.zeros((36, 2), np.float32)]])
def test_another_number_of_blobs(write, blobs):
    with pytest.raises(NetError, match=rf"layer 'f' has {len(blobs)} blob.* but 2 blobs \(36x2, 2"):
        protonet.compile(NET, weights=write(f=blobs))


def test_weights_for_a_layer_that_takes_none(write):
    with pytest.raises(NetError, match=r"layer 'r' has 1 blob \(3\) in the file, but 0 blobs"):
        protonet.compile(NET, weights=write(r=[np.zeros(3, np.float32)]))


def test_weights_of_another_net(tmp_path):
    (tmp_path / "a").write_bytes(caffemodel({"q": [np.zeros(3, np.float32)]}))
    with pytest.raises(NetError, match="weights for none of the net's layers"):
        protonet.compile(NET, weights=tmp_path / "a")


@pytest.mark.parametrize(
    "given, wanted, right",
    [
        ((1, 1, 1, 4), (4,), True),
        ((1, 1, 36, 2), (36, 2), True),
        ((1, 4, 1, 1), (4,), True),
        ((1, 1, 1, 1), (), True),
        ((4, 3, 3, 3), (4, 3, 3, 3), True),
        ((1, 1, 2, 36), (36, 2), False),
        ((1, 1, 4096, 9216), (4096, 256, 6, 6), False),
        ((4, 1), (4,), False),
        ((4,), (1, 4, 1, 1), False),
    ],
)
def test_legacy_shapes(given, wanted, right):
    assert fits(given, wanted) is right


def test_a_factor_of_zero_means_statistics_of_zero(write):
    mean, variance, _ = random_blobs()["bn"]
    path = write(bn=[mean, variance, np.zeros(1, np.float32)])
    folded = protonet.compile(NET, weights=path)
    assert not folded.bn.running_mean.any()
    assert not folded.bn.running_var.any()
    x = torch.randn(2, 3, 5, 5)
    faithful = protonet.compile(NET, weights=path, faithful=True)
    torch.testing.assert_close(folded(x), faithful(x), rtol=1e-4, atol=1e-4)


def test_shared_statistics_are_one(tmp_path):
    """Two BatchNorms over the same three blobs: of the file's two copies the last one counts."""
    share = ' param { lr_mult: 0 name: "m" } param { lr_mult: 0 name: "v" }'
    share += ' param { lr_mult: 0 name: "n" }'
    net = 'input: "x" input_shape { dim: 2 dim: 4 dim: 3 dim: 3 } '
    for name, bottom in (("a", "x"), ("b", "a")):
        net += f'layer {{ name: "{name}" type: "BatchNorm" bottom: "{bottom}" top: "{name}"'
        net += share + " }\n"
    mean, variance = np.arange(4, dtype=np.float32), np.arange(1, 5, dtype=np.float32)
    other = [mean + 1, variance, np.array([1], np.float32)]
    blobs = {"a": other, "b": [mean * 2, variance * 2, np.array([2], np.float32)]}
    (tmp_path / "n.caffemodel").write_bytes(caffemodel(blobs))
    made = protonet.compile(net, weights=tmp_path / "n.caffemodel")
    x = torch.randn(2, 4, 3, 3)
    wanted = x
    for _ in range(2):
        shape = (1, 4, 1, 1)
        wanted = (wanted - torch.tensor(mean).view(shape)) / (
            torch.tensor(variance).view(shape) + 1e-5
        ).sqrt()
    torch.testing.assert_close(made(x), wanted, rtol=1e-5, atol=1e-5)
