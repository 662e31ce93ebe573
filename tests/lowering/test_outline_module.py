"""A net in blocks is a plain module, and its state is the flat one's under other names."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from blocks import conv, net, relu, residual, row

import protonet

SOURCE = net(
    conv("conv1", "data", 4, 3),
    relu("conv1"),
    residual("res2a", "conv1", 8, projection=True),
    *row(residual, ["res2b", "res2c", "res2d", "res2e"], "res2a", out=8),
    conv("score", "res2e", 3),
)


@pytest.fixture
def blocks():
    torch.manual_seed(0)
    return protonet.compile(SOURCE)


@pytest.fixture
def flat():
    torch.manual_seed(1)
    return protonet.compile(SOURCE, flat=True)


@pytest.fixture
def x():
    return torch.rand(3, 4, 6, 6, generator=torch.Generator().manual_seed(1))


def same_blobs(one, other):
    blobs, others = protonet.dump_blobs(one), protonet.dump_blobs(other)
    assert list(blobs) == list(others)
    assert all(
        (a == b).all() for name in blobs for a, b in zip(blobs[name], others[name], strict=True)
    )


def test_it_has_blocks(blocks, flat):
    assert "res2.3.conv1.weight" in blocks.state_dict()
    assert "res2d_branch2a.weight" in flat.state_dict()


def test_copies(blocks, x):
    for other in (copy.deepcopy(blocks), pickle.loads(pickle.dumps(blocks))):
        assert torch.equal(other(x), blocks(x))
        assert other.res2[1].conv1.weight is not blocks.res2[1].conv1.weight
        same_blobs(other, blocks)


def test_a_pickle_opens_in_another_process(blocks, x, tmp_path):
    torch.save(blocks, tmp_path / "net.pt")
    torch.save((x, blocks(x)), tmp_path / "pair.pt")
    code = (
        "import torch, sys\n"
        "net = torch.load(sys.argv[1], weights_only=False)\n"
        "x, y = torch.load(sys.argv[2])\n"
        "assert torch.allclose(net(x), y, atol=1e-6)\n"
        "print(type(net.res2[0]).__name__)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "net.pt"), str(tmp_path / "pair.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "BasicBlock\n"), done.stderr


@pytest.mark.usefixtures("guards_unmeasured", "operators_once")
def test_torch_compiles_and_exports_it(blocks, x):
    compiled = torch.compile(blocks, fullgraph=True, backend="eager")
    assert torch.equal(compiled(x), blocks(x))
    batch = torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(blocks, (x,), dynamic_shapes={"data": {0: batch}}).module()
    assert torch.allclose(exported(torch.cat([x, x])), blocks(torch.cat([x, x])), atol=1e-6)


def test_its_own_state(blocks, x):
    torch.manual_seed(5)
    other = protonet.compile(SOURCE)
    assert not torch.equal(other(x), blocks(x))
    other.load_state_dict(blocks.state_dict())
    assert torch.equal(other(x), blocks(x))


@pytest.mark.parametrize("file", ["net.safetensors", "net.caffemodel", "net.h5", "net.pt"])
def test_weights_go_over_and_back(blocks, flat, file, tmp_path):
    """From blocks to one class and the other way, by every kind of file."""

    def saved(module, name):
        path = tmp_path / name
        if name.endswith(".pt"):
            torch.save(module.state_dict(), path)
        else:
            protonet.save(module, path)
        return path

    protonet.load_weights(flat, saved(blocks, f"a_{file}"), strict=True, variants=forms())
    same_blobs(flat, blocks)
    torch.nn.init.zeros_(flat.conv1.weight)
    protonet.load_weights(blocks, saved(flat, f"b_{file}"), strict=True, variants=forms())
    same_blobs(flat, blocks)
    for form in ({}, {"flat": True}, {"faithful": True}):
        made = protonet.compile(SOURCE, weights=tmp_path / f"b_{file}", **form)
        same_blobs(made, blocks)


def forms():
    from protonet.api import variants
    from protonet.selection import Selection

    return variants(SOURCE, Selection.of())
