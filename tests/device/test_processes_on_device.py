"""What several processes use, in a group of one: NCCL on a GPU, and DDP."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

import protonet
from protonet.training.gradients import Gradients
from protonet.training.parallel import Group

LENET = Path(__file__).parents[2] / "zoo_prototxt" / "lenet" / "train_val.prototxt"

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this torch has no torch.distributed"
)


@pytest.fixture
def alone(device):
    backend = "nccl" if device == "cuda" else "gloo"
    torch.distributed.init_process_group(
        backend, store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


@pytest.fixture
def net(device):
    torch.manual_seed(3)
    shapes = {"data": (4, 1, 28, 28), "label": (4,)}
    return protonet.compile(LENET, phase="TRAIN", shapes=shapes).to(device)


@pytest.fixture
def batch(device):
    draw = torch.Generator().manual_seed(5)
    data = torch.rand(4, 1, 28, 28, generator=draw).to(device)
    return data, torch.tensor([1.0, 7.0, 0.0, 9.0]).to(device)


def gradients(net):
    return {name.removeprefix("module."): p.grad for name, p in net.named_parameters()}


@pytest.mark.usefixtures("alone")
def test_ddp_takes_a_compiled_net(net, batch):
    plain = copy.deepcopy(net)
    plain(*batch)["objective"].backward()
    parallel = DistributedDataParallel(net)
    parallel(*batch)["objective"].backward()
    for name, wanted in gradients(plain).items():
        torch.testing.assert_close(gradients(parallel)[name], wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("layer_wise", [True, False])
def test_gradients_are_summed_and_averaged(net, batch, layer_wise):
    plain = copy.deepcopy(net)
    plain(*batch)["objective"].backward()
    # Of two processes it only says so: the sum over this one, halved, is half the gradient.
    held = Gradients(list(net.parameters()), Group(0, 2), layer_wise)
    for _ in range(2):
        held.zero()
        net(*batch)["objective"].backward()
        held.reduce()
    for name, wanted in gradients(plain).items():
        torch.testing.assert_close(gradients(net)[name], wanted / 2, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("alone")
def test_what_the_processes_tell_each_other(device):
    group = Group(0, 2)
    told = group.sum(torch.tensor([2.5, 1.0, 0.0], dtype=torch.float64, device=device))
    assert told.tolist() == [2.5, 1.0, 0.0]
    weight = torch.arange(6.0, device=device).reshape(2, 3)
    group.from_root(weight)
    assert weight.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    gathered: list = [None]
    torch.distributed.all_gather_object(gathered, {"seed": 5})
    assert gathered == [{"seed": 5}]
