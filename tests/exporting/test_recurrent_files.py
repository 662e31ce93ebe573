"""Nets that keep a state: files begin from zeros, and take any number of sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from trial import fill

import protonet

pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore:in the file every run")
STEPS = """
input: "x" input_shape { dim: 3 dim: 2 dim: 5 }
input: "cont" input_shape { dim: 3 dim: 2 }
layer { name: "l" type: "TYPE" bottom: "x" bottom: "cont" top: "y"
  recurrent_param { num_output: 4 } }
"""


def sequences(count):
    """Inputs of three steps, the first of which goes on as well: from a state of zeros."""
    x = np.random.default_rng(count).standard_normal((3, count, 5)).astype(np.float32)
    return {"x": x, "cont": np.ones((3, count), np.float32)}


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
def test_any_number_of_sequences_from_zeros(kind, tmp_path):
    source = STEPS.replace("TYPE", kind)
    net, path = protonet.compile(source), tmp_path / "net.onnx"
    fill(net)
    with torch.no_grad():
        net(*(torch.from_numpy(each) for each in sequences(2).values()))
    state = net.l.hidden.clone()
    assert state.abs().max() > 0.01
    written = protonet.export(net, path, batch="dynamic")
    assert written.inputs == {"x": (3, "batch", 5), "cont": (3, "batch")}
    torch.testing.assert_close(net.l.hidden, state, rtol=0, atol=0)
    run = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for count in (1, 2, 4):
        given, fresh = sequences(count), protonet.compile(source)
        fresh.load_state_dict(net.state_dict())
        with torch.no_grad():
            expected = fresh(*(torch.from_numpy(each) for each in given.values())).numpy()
        np.testing.assert_allclose(run.run(None, given)[0], expected, rtol=1e-4, atol=1e-6)


def test_a_batch_is_of_sequences_not_of_steps(tmp_path):
    written = protonet.export(STEPS.replace("TYPE", "LSTM"), tmp_path / "net.onnx", batch=1)
    assert written.inputs == {"x": (3, 1, 5), "cont": (3, 1)}


@pytest.mark.parametrize("suffix", ["pt2", "torchscript"])
def test_torchs_files_begin_from_zeros_at_every_run(suffix, tmp_path):
    net = protonet.compile(STEPS.replace("TYPE", "LSTM"))
    fill(net)
    given = [torch.from_numpy(each) for each in sequences(2).values()]
    with torch.no_grad():
        expected = net(*given)
        protonet.export(net, tmp_path / f"net.{suffix}")
        found = opened(tmp_path / f"net.{suffix}")
        for _ in range(2):
            torch.testing.assert_close(found(*given), expected)


def opened(path):
    """A file as torch has it."""
    if path.suffix == ".pt2":
        return torch.export.load(path).module()
    with pytest.warns(DeprecationWarning, match="deprecated"):
        return torch.jit.load(str(path))
