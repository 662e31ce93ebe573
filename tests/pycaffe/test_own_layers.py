"""Layers written in Python: their own objects work on the net's blobs."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import protonet.pycaffe as caffe

MODULE = '''
import caffe
import numpy as np

CALLS = []

class Rows(caffe.Layer):
    """Keeps the rows whose first number is positive: a top as long as the data make it."""
    def setup(self, bottom, top):
        CALLS.append("setup")
        self.scale = float(self.param_str or 1)
    def reshape(self, bottom, top):
        top[0].reshape(1, bottom[0].shape[1])
    def forward(self, bottom, top):
        self.kept = np.flatnonzero(bottom[0].data[:, 0] > 0)
        top[0].reshape(len(self.kept), bottom[0].shape[1])
        top[0].data[...] = self.scale * bottom[0].data[self.kept]
    def backward(self, top, propagate_down, bottom):
        CALLS.append(list(propagate_down))
        bottom[0].diff[...] = 0
        bottom[0].diff[self.kept] = self.scale * top[0].diff

class Counter(caffe.Layer):
    """A data layer."""
    def setup(self, bottom, top):
        self.count = 0
        top[0].reshape(2, 3)
    def reshape(self, bottom, top):
        pass
    def forward(self, bottom, top):
        self.count += 1
        top[0].data[...] = self.count
    def backward(self, top, propagate_down, bottom):
        pass

class Gain(caffe.Layer):
    """Learns one factor, in place or not."""
    def setup(self, bottom, top):
        self.blobs.add_blob(1)
        self.blobs[0].data[...] = 2
    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)
    def forward(self, bottom, top):
        self.before = bottom[0].data.copy()
        top[0].data[...] = self.blobs[0].data * bottom[0].data
    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[...] += (self.before * top[0].diff).sum()
        bottom[0].diff[...] = self.blobs[0].data * top[0].diff

class Broken(caffe.Layer):
    def setup(self, bottom, top):
        raise LookupError("no table")

class Late(Gain):
    def forward(self, bottom, top):
        raise ZeroDivisionError("late")
'''


@pytest.fixture
def make(tmp_path, monkeypatch):
    name = f"own_layers_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)

    def made(text, phase=caffe.TEST):
        path = tmp_path / "net.prototxt"
        path.write_text(text.replace("MODULE", name))
        return caffe.Net(str(path), phase)

    made.calls = lambda: sys.modules[name].CALLS
    return made


X = """force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 } } }
"""
ROWS = """layer { name: "rows" type: "Python" bottom: "x" top: "rows"
  python_param { module: "MODULE" layer: "Rows" param_str: "10" } }
layer { name: "ip" type: "InnerProduct" bottom: "rows" top: "ip"
  inner_product_param { num_output: 2 weight_filler { type: "gaussian" std: 1 } } }
"""


def python(layer, bottom, top):
    return f"""layer {{ name: "own" type: "Python" bottom: "{bottom}" top: "{top}"
      python_param {{ module: "MODULE" layer: "{layer}" }} }}"""


def test_a_top_as_long_as_the_data_make_it(make):
    net = make(X + ROWS)
    assert make.calls() == ["setup"]
    weight, bias = (blob.data for blob in net.params["ip"])
    for signs in ([1, -1, 1, 1], [-1, -1, 1, -1], [1, 1, 1, 1]):
        x = np.abs(np.random.default_rng(1).normal(size=(4, 3))) * np.array(signs)[:, None]
        found = net.forward(data=x)["ip"] if "data" in net.inputs else net.forward(x=x)["ip"]
        kept = 10 * x[np.array(signs) > 0]
        np.testing.assert_allclose(found, kept @ weight.T + bias, rtol=1e-4)
        net.blobs["ip"].diff[...] = 1
        net.backward()
        wanted = np.where(np.array(signs)[:, None] > 0, 10 * weight.sum(0), 0)
        np.testing.assert_allclose(net.blobs["x"].diff, wanted, rtol=1e-4)
    assert make.calls()[1:] == [[True]] * 3


def test_the_layer_is_the_users_object(make):
    net = make(X + ROWS)
    layer = net.layer_dict["rows"]
    assert type(layer).__name__ == "Rows"
    assert isinstance(layer, caffe.Layer)
    assert (layer.type, layer.phase, layer.param_str) == ("Python", caffe.TEST, "10")
    assert net.layers[1] is layer


def test_a_data_layer_of_ones_own(make):
    net = make(
        'layer { name: "d" type: "Python" top: "d" python_param '
        '{ module: "MODULE" layer: "Counter" } }'
        'layer { name: "s" type: "Power" bottom: "d" top: "s" power_param { scale: 2 } }'
    )
    assert net.inputs == []
    assert [net.forward()["s"][0, 0] for _ in range(3)] == [2, 4, 6]


@pytest.mark.parametrize("top", ["y", "x"])
def test_a_layer_that_learns(make, tmp_path, top):
    net = make(X + python("Gain", "x", top), caffe.TRAIN)
    blob = net.params["own"][0]
    assert blob.data[0] == 2
    net.blobs["x"].data[...] = 3
    assert (net.forward()[top] == 6).all()
    net.blobs[top].diff[...] = 1
    net.backward()
    assert blob.diff[0] == 36
    assert (net.blobs["x"].diff == 2).all()
    blob.data[0] = 5
    net.save(str(tmp_path / "w.caffemodel"))
    other = make(X + python("Gain", "x", top))
    other.copy_from(str(tmp_path / "w.caffemodel"))
    assert other.layers[1].blobs[0].data[0] == 5
    third = make(X + python("Gain", "x", top))
    third.share_with(other)
    other.params["own"][0].data[0] = 7
    third.blobs["x"].data[...] = 1
    assert (third.forward()[top] == 7).all()


def test_what_it_raises_comes_as_it_is(make):
    with pytest.raises(LookupError, match="no table"):
        make(X + python("Broken", "x", "y"))
    net = make(X + python("Late", "x", "y"))
    with pytest.raises(ZeroDivisionError, match="late"):
        net.forward()


def test_a_module_that_is_not_there(make):
    text = X + python("Gain", "x", "y").replace("MODULE", "no_such_module")
    with pytest.raises(ImportError, match="no_such_module"):
        make(text)


def test_its_learned_blob_is_trained(make, tmp_path):
    text = """layer { name: "x" type: "Input" top: "x" top: "t"
      input_param { shape { dim: 4 dim: 3 } shape { dim: 4 dim: 3 } } }
    PYTHON
    layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }"""
    make(text.replace("PYTHON", python("Gain", "x", "y")), caffe.TRAIN)
    (tmp_path / "solver.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0.1 lr_policy: "fixed" '
        f'snapshot_prefix: "{tmp_path}/s"'
    )
    solver = caffe.SGDSolver(str(tmp_path / "solver.prototxt"))
    solver.net.blobs["x"].data[...] = 1
    solver.net.blobs["t"].data[...] = 4
    solver.step(100)
    np.testing.assert_allclose(solver.net.params["own"][0].data, [4], atol=1e-3)


@pytest.mark.parametrize("own", [True, False])
def test_a_class_that_protonet_knows_by_name_is_the_users_where_it_is(
    make, tmp_path, monkeypatch, own, capsys
):
    for name in [n for n in sys.modules if n == "rpn" or n.startswith("rpn.")]:
        monkeypatch.delitem(sys.modules, name)
    if own:
        (tmp_path / "rpn").mkdir()
        (tmp_path / "rpn" / "__init__.py").write_text("")
        text = MODULE.replace("class Rows", "class ProposalLayer")
        (tmp_path / "rpn" / "proposal_layer.py").write_text(text)
    net = make(
        """
    layer { name: "in" type: "Input" top: "s" top: "b" top: "i" input_param {
      shape { dim: 1 dim: 18 dim: 3 dim: 3 } shape { dim: 1 dim: 36 dim: 3 dim: 3 }
      shape { dim: 1 dim: 3 } } }
    layer { name: "p" type: "Python" bottom: "s" bottom: "b" bottom: "i" top: "rois"
      python_param { module: "rpn.proposal_layer" layer: "ProposalLayer"
        param_str: "BEGIN" } }
    """.replace("BEGIN", "2" if own else "'feat_stride': 16")
    )
    assert hasattr(net.layers[1], "scale") is own
    assert ("protonet's own" in capsys.readouterr().err) is not own
