"""A compiled net is a plain module: it copies, pickles, saves, compiles and exports."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
import torch

import protonet

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
LENET = ZOO / "lenet" / "deploy.prototxt"
SHARED = """
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" } param { name: "b" }
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param { name: "w" } param { name: "b" }
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
"""


@pytest.fixture
def lenet():
    return protonet.compile(LENET)


@pytest.fixture
def digits():
    return torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(1))


def test_it_is_what_it_prints(lenet):
    assert type(lenet).protonet_source == protonet.emit(LENET)


def test_deepcopy_and_pickle(lenet, digits):
    for other in (copy.deepcopy(lenet), pickle.loads(pickle.dumps(lenet))):
        assert torch.equal(other(digits), lenet(digits))
        assert other.conv1.weight is not lenet.conv1.weight
        assert other.training is lenet.training
        assert protonet.dump_blobs(other).keys() == protonet.dump_blobs(lenet).keys()


def test_saved_and_loaded_in_another_process(lenet, digits, tmp_path):
    torch.save(lenet, tmp_path / "net.pt")
    torch.save((digits, lenet(digits)), tmp_path / "pair.pt")
    code = (
        "import torch, sys\n"
        "net = torch.load(sys.argv[1], weights_only=False)\n"
        "x, y = torch.load(sys.argv[2])\n"
        "assert torch.allclose(net(x), y, atol=1e-6)\n"
        "print(type(net).__name__)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "net.pt"), str(tmp_path / "pair.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "LeNet\n"), done.stderr


@pytest.mark.usefixtures("guards_unmeasured")
# Blocks and every layer: test_outline_module.py, test_citizens.py.
@pytest.mark.parametrize(
    "name", ["lenet", *(pytest.param(n, marks=pytest.mark.slow) for n in ("googlenet", "resnet50"))]
)
def test_torch_compile_takes_the_whole_graph(name):
    net = protonet.compile(ZOO / name / "deploy.prototxt")
    size = 28 if name == "lenet" else 224
    x = torch.rand(2, 1 if name == "lenet" else 3, size, size)
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    with torch.no_grad():
        assert torch.allclose(compiled(x), net(x), atol=1e-6)


def test_torch_export_with_any_batch(lenet, digits):
    batch = torch.export.Dim("batch", min=1, max=512)
    exported = torch.export.export(lenet, (digits,), dynamic_shapes={"data": {0: batch}})
    x = torch.rand(9, 1, 28, 28)
    assert torch.allclose(exported.module()(x), lenet(x), atol=1e-6)


def test_any_batch_and_image_size():
    net = protonet.compile(ZOO / "resnet50" / "deploy.prototxt")
    with torch.no_grad():
        assert net(torch.rand(2, 3, 160, 192)).shape == (2, 1000)


def test_inputs_by_position_or_name(lenet, digits):
    assert torch.equal(lenet(digits), lenet(data=digits))
    with pytest.raises(TypeError):
        lenet()


def test_double_precision(lenet, digits):
    assert lenet.double()(digits.double()).dtype == torch.float64


def test_everything_moves_to_another_device():
    net = protonet.compile(ZOO / "resnet50" / "deploy.prototxt", faithful=True).to("meta")
    assert {t.device.type for t in net.state_dict().values()} == {"meta"}
    assert net(torch.empty(1, 3, 224, 224, device="meta")).shape == (1, 1000)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_cuda_gives_the_same(lenet, digits):
    wanted = lenet(digits)
    assert torch.allclose(lenet.cuda()(digits.cuda()).cpu(), wanted, atol=1e-4)


def test_a_shared_parameter_is_one_tensor(tmp_path):
    net = protonet.compile(SHARED)
    assert net.a.weight is net.b.weight
    assert sum(p.numel() for p in net.parameters()) == 12
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.a.weight is other.b.weight
    torch.save(net.state_dict(), tmp_path / "state.pt")
    other = protonet.compile(SHARED)
    other.load_state_dict(torch.load(tmp_path / "state.pt"))
    assert torch.equal(other.b.weight, net.b.weight)
    assert other.a.weight is other.b.weight


def test_a_traceback_shows_the_emitted_line(lenet):
    with pytest.raises(RuntimeError) as caught:
        lenet.forward(torch.rand(1, 2, 28, 28))
    lines = "".join(traceback.format_exception(caught.value))
    assert "conv1 = self.conv1(data)" in lines
