"""Python layers: classes written for pycaffe, inside autograd, at the user's word alone."""

from __future__ import annotations

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from one_process import run

import protonet
from protonet import NetError
from protonet.layers.python import MAPPED, map_to_torch

CLASSES = '''
import caffe
import numpy as np
import torch


class Double(caffe.Layer):
    """y = factor * x, with a backward of its own that says so."""

    def setup(self, bottom, top):
        self.factor = float(self.param_str or 2)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.factor * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            bottom[0].diff[...] = 100 * top[0].diff


class Sizes(caffe.Layer):
    def setup(self, bottom, top):
        if len(bottom) != 2:
            raise Exception("it takes two bottoms")

    def reshape(self, bottom, top):
        x = bottom[0]
        top[0].reshape(1, x.num, x.channels)
        top[1].reshape(1)

    def forward(self, bottom, top):
        x = bottom[0]
        top[0].data[0] = x.data.sum(axis=tuple(range(2, x.data.ndim)))
        top[1].data[0] = x.num * 1000 + x.channels * 100 + x.height * 10 + x.width

    def backward(self, top, propagate_down, bottom):
        pass


class Gain(caffe.Layer):
    """y = gain * x + shift, learned, zero outside of training where param_str says so."""

    def setup(self, bottom, top):
        assert self.phase in (caffe.TRAIN, caffe.TEST)
        self.blobs.add_blob(1, bottom[0].channels)
        self.blobs.add_blob(1)
        self.blobs[0].data[...] = 2

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        gain = self.blobs[0].data.reshape(1, -1, 1, 1)
        top[0].data[...] = gain * bottom[0].data + self.blobs[1].data
        if self.phase == caffe.TEST:
            top[0].data[...] += 1000

    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[0] += (top[0].diff * bottom[0].data).sum((0, 2, 3))
        self.blobs[1].diff[0] += top[0].diff.sum()
        self.down = list(propagate_down)
        if propagate_down[0]:
            bottom[0].diff[...] = self.blobs[0].data.reshape(1, -1, 1, 1) * top[0].diff


class Half(caffe.Layer):
    """Written for in-place use: what it does not touch stays."""

    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[:, 0] = 7

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[:, 0] = 0


class TorchDouble(torch.nn.Module):
    def __init__(self, param_str):
        super().__init__()
        self.factor = float(param_str or 2)

    def forward(self, x):
        return self.factor * x
'''
NET = """
layer {{ name: "in" type: "Input" top: "x"
        input_param {{ shape {{ dim: 2 dim: 3 dim: 4 dim: 5 }} }} }}
layer {{ name: "l" type: "Python" bottom: "x" {more}
        python_param {{ module: "pycaffe_example" layer: "{layer}" param_str: "{param}" }} }}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "pycaffe_example.py").write_text(CLASSES)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("pycaffe_example", None)
    MAPPED.clear()


def net_of(layer="Double", more='top: "y"', param="3", **options):
    text = NET.format(layer=layer, more=more, param=param)
    return protonet.compile(text, allow_python=True, **options)


@pytest.mark.usefixtures("folder")
def test_forward_and_its_own_backward():
    net = net_of()
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    y = net(x)
    assert torch.equal(y, 3 * x)
    y.sum().backward()
    assert torch.equal(x.grad, torch.full_like(x, 100))
    assert torch.equal(net(torch.ones(7, 1)), torch.full((7, 1), 3.0))
    assert net.double()(x.double()).dtype == torch.float64


@pytest.mark.usefixtures("folder")
def test_several_bottoms_and_tops():
    net = net_of("Sizes", 'bottom: "x" top: "y" top: "z"')
    x = torch.rand(2, 3, 4, 5)
    given = net(x)
    np.testing.assert_allclose(given["y"][0], x.sum((2, 3)), rtol=1e-5)
    assert given["z"].item() == 2345


@pytest.mark.usefixtures("folder")
def test_blobs_that_the_class_adds_are_parameters():
    net = net_of("Gain", phase="TRAIN")
    assert [tuple(p.shape) for p in net.parameters()] == [(1, 3), (1,)]
    gain = np.array([[1.0, 2.0, 3.0]])
    protonet.load_blobs(net, {"l": [gain, np.array([0.5])]})
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    for other in (net, copy.deepcopy(net)):
        y = other(x)
        torch.testing.assert_close(y, torch.tensor(gain).float().view(1, 3, 1, 1) * x + 0.5)
        x.grad = None
        y.sum().backward()
        assert other.l.layer.down == [True]
        torch.testing.assert_close(x.grad[0, :, 0, 0], torch.tensor([1.0, 2.0, 3.0]))
        gradients = protonet.dump_blobs(other, diff=True)["l"]
        np.testing.assert_allclose(gradients[0][0], x.detach().sum((0, 2, 3)), rtol=1e-4)
        assert gradients[1] == y.numel()
    optimiser = torch.optim.SGD(net.parameters(), lr=1)
    optimiser.step()
    net(x.detach()).sum().backward()
    assert net.l.layer.down == [False]
    assert (net_of("Gain")(torch.zeros(1, 3, 1, 1)) == 1000).all()


@pytest.mark.usefixtures("folder")
def test_a_class_that_works_in_place():
    net = net_of("Half", 'top: "x"')
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    y = net(x)
    assert torch.equal(y[:, 1:], x[:, 1:])
    assert (y[:, 0] == 7).all()
    y.sum().backward()
    assert x.grad[:, 0].sum() == 0
    assert (x.grad[:, 1:] == 1).all()


@pytest.mark.usefixtures("folder")
def test_the_class_copies():
    net = net_of()
    assert torch.equal(copy.deepcopy(net)(torch.ones(2)), torch.full((2,), 3.0))


def test_it_runs_nothing_without_the_users_word(folder):
    (folder / "pycaffe_example.py").write_text("raise SystemExit('it was run')")
    text = NET.format(layer="Double", more='top: "y"', param="")
    with pytest.raises(NetError, match="would run the Python class 'Double'") as caught:
        protonet.compile(text)
    assert "--allow-python" in caught.value.hint
    assert protonet.check(text) == []


@pytest.mark.usefixtures("folder")
def test_what_the_class_does_wrong_is_told():
    with pytest.raises(NetError, match=r"Sizes fails: Exception: it takes two bottoms"):
        net_of("Sizes", 'top: "y" top: "z"')
    with pytest.raises(NetError, match="has no attribute 'Missing'"):
        net_of("Missing")


@pytest.mark.usefixtures("folder")
def test_a_torch_module_in_its_place():
    map_to_torch("pycaffe_example.Double", "pycaffe_example:TorchDouble")
    text = protonet.emit(NET.format(layer="Double", more='top: "y"', param="3"), allow_python=True)
    assert 'self.l = pycaffe_example.TorchDouble("3")' in text
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    y = net_of()(x)
    assert torch.equal(y, 3 * x)
    y.sum().backward()
    assert torch.equal(x.grad, torch.full_like(x, 3))


@pytest.mark.parametrize("mapped", [False, True])
def test_the_file_runs_alone_and_is_formatted(folder, mapped):
    if mapped:
        map_to_torch("pycaffe_example.Double", "pycaffe_example:TorchDouble")
        (folder / "pycaffe_example.py").write_text(
            CLASSES.replace("(caffe.Layer)", "").replace("import caffe\n", "")
        )
    text = protonet.emit(NET.format(layer="Double", more='top: "y"', param="3"), allow_python=True)
    (folder / "net.py").write_text(text)
    for command in (["net.py"], ["-m", "ruff", "format", "--check", "--isolated", "net.py"]):
        done = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, check=False, cwd=folder
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_takes_the_word(folder):
    (folder / "net.prototxt").write_text(NET.format(layer="Double", more='top: "y"', param="3"))
    for words, code in ((["--allow-python"], 0), ([], 1)):
        done = run("compile", "net.prototxt", "--run", *words, cwd=folder)
        assert done.returncode == code, done.stderr
