"""Training on a GPU: Caffe's trajectories, resumed bits, and nothing that waits in a step."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import solved
import torch

import protonet
from protonet.diagnostics import NetError
from protonet.training.log import Log
from protonet.training.loop import step
from protonet.training.plan import plan
from protonet.training.reading import Reading
from protonet.training.session import opened

SOLVERS = sorted(path.name for path in solved.GOLDEN.iterdir())
_SLEEP = 10**9  # clock cycles of a GPU, about half a second


class Losses(Log):
    def __init__(self):
        self.losses = []

    def stepped(self, iteration, loss, rate, items):
        self.losses.append(loss)


@pytest.mark.parametrize("name", SOLVERS)
def test_solvers_follow_caffe(name, folder, device):
    pytest.importorskip("h5py")
    import shutil

    import test_trajectories

    for path in (solved.GOLDEN / name).iterdir():
        if not path.name.startswith("snap"):
            shutil.copy(path, folder)
    test_trajectories.follow(solved.GOLDEN / name, device=device)


def lenet(digits, more, **options):
    """The loss of each iteration of the zoo's LeNet."""
    text = (digits / "solver.prototxt").read_text().replace("max_iter: 1000", "")
    text = text.replace("test_interval: 250", "test_interval: 1000")
    text = text.replace('snapshot_prefix: "lenet"', f'snapshot_prefix: "{digits}/own"')
    (digits / "own.prototxt").write_text(f"{text}\ntest_initialization: false\n{more}")
    heard = Losses()
    protonet.train(digits / "own.prototxt", log=heard, **options)
    return heard.losses


def test_lenet_goes_where_it_goes_on_the_cpu(digits, device):
    wanted = lenet(digits, "max_iter: 50\n", device="cpu")
    found = lenet(digits, "max_iter: 50\n", device=device)
    assert found[0] == pytest.approx(wanted[0], rel=1e-4)
    np.testing.assert_allclose(found, wanted, rtol=2e-2, atol=2e-3)
    assert np.mean(found[-10:]) < 0.5 * found[0]


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("options", [{}, {"precision": "bf16"}], ids=["fp32", "bf16"])
def test_resumed_bits_are_those_of_an_unbroken_run(folder, device, options):
    solved.write(folder, "max_iter: 23\nsnapshot: 9\naverage_loss: 4\n")
    whole = protonet.train("solver.prototxt", log="none", device=device, **options)
    wanted = Path("tiny_iter_23.caffemodel").read_bytes()
    torch.manual_seed(99)
    again = protonet.train(
        "solver.prototxt", snapshot="tiny_iter_9.solverstate", log="none", device=device, **options
    )
    assert Path("tiny_iter_23.caffemodel").read_bytes() == wanted
    assert again.loss == whole.loss


@pytest.mark.usefixtures("deterministic")
def test_lenets_resumed_bits(digits, device):
    more = "max_iter: 30\nsnapshot: 12\n"
    lenet(digits, more, device=device)
    last = digits / "own_iter_30.caffemodel"
    wanted = last.read_bytes()
    last.unlink()
    lenet(digits, more, device=device, snapshot=f"{digits}/own_iter_12.solverstate")
    assert last.read_bytes() == wanted


def test_bf16_learns_as_single_precision_does(digits, device):
    plain = lenet(digits, "max_iter: 60\n", device=device)
    half = lenet(digits, "max_iter: 60\n", device=device, precision="bf16")
    assert half[0] == pytest.approx(plain[0], rel=0.05)
    assert np.mean(half[-10:]) == pytest.approx(np.mean(plain[-10:]), rel=0.25)
    assert half != plain


@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_compiled_it_trains_the_same(folder, device, precision):
    solved.write(folder, "max_iter: 6\ntest_iter: 2\ntest_interval: 3\n", dropout=0)
    options = {"log": "none", "device": device, "precision": precision}
    plain = protonet.train("solver.prototxt", **options)
    compiled = protonet.train("solver.prototxt", compile=True, **options)
    close = {"fp32": 1e-4, "bf16": 3e-2}[precision]
    assert compiled.loss == pytest.approx(plain.loss, rel=close)


def watched(device):
    """Have CUDA raise where something waits for the GPU; whether it does."""
    if device == "cuda":
        torch.cuda.set_sync_debug_mode("error")


STEPS = {
    "plain": "",
    "clipped": "clip_gradients: 0.01\n",
    "two passes": "iter_size: 2\n",
    "Adam": 'type: "Adam"\nmomentum2: 0.999\n',
}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("more", STEPS.values(), ids=STEPS.keys())
def test_nothing_in_a_step_waits_for_the_gpu(folder, device, more, precision):
    solved.write(folder, f"max_iter: 99\n{more}")
    with opened(plan("solver.prototxt"), device=device, precision=precision) as run:
        for _ in range(3):
            step(run)
        before = run.iteration
        watched(device)
        try:
            for _ in range(5):
                step(run)
        finally:
            if device == "cuda":
                torch.cuda.set_sync_debug_mode("default")
    assert run.iteration == before + 5
    assert len(run.losses) == 1
    assert np.isfinite(run.losses[0])


def test_what_waits_would_be_noticed(gpu):
    x = torch.ones(3, device=gpu)
    watched("cuda")
    try:
        with pytest.raises(RuntimeError, match="synchroni"):
            float(x.sum())
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_number_is_read_before_what_came_after_it_is_done(gpu):
    Reading(torch.ones((), device=gpu))  # the first pinned memory takes its time
    torch.cuda.synchronize()
    reading = Reading(torch.full((2,), 3.5, device=gpu).sum())
    torch.cuda._sleep(_SLEEP)
    start = time.perf_counter()
    assert float(reading) == 7
    read = time.perf_counter() - start
    torch.cuda.synchronize()
    assert read < 0.2 * (time.perf_counter() - start)


@pytest.mark.usefixtures("gpu")
def test_a_batch_moves_while_the_step_before_it_runs(folder):
    solved.write(folder, "max_iter: 9\n")
    with opened(plan("solver.prototxt"), device="cuda") as run:
        step(run)
        net = run.net
        while not all(made.done() for made in net.batches._pending):
            time.sleep(0.01)
        assert all(x.is_pinned() for x in net.batches.following().values())
        torch.cuda.synchronize()
        net.next_batch()
        torch.cuda._sleep(_SLEEP)
        busy = torch.cuda.Event()
        busy.record()
        ahead = net.moved._ahead
        while ahead is not None and not ahead.done.query():
            assert not busy.query(), "the copy waits for the step"
        assert ahead is not None
        assert not busy.query()
        torch.cuda.synchronize()
        for top, x in net.next_batch().items():
            assert torch.equal(x.cpu(), ahead.read[top])


def test_the_batches_are_those_of_the_cpu(folder, device):
    solved.write(folder, "max_iter: 9\n")
    batches = {}
    for kind in ("cpu", device):
        with opened(plan("solver.prototxt"), device=kind) as run:
            taken = [run.net.next_batch() for _ in range(9)]
            batches[kind] = [{top: x.cpu() for top, x in batch.items()} for batch in taken]
    for one, other in zip(batches["cpu"], batches[device], strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[top], other[top]) for top in one)


def test_a_loss_that_is_no_number_stops_before_the_update(folder, device):
    h5py = pytest.importorskip("h5py")
    solved.write(folder, "max_iter: 30\n", shuffle=False)
    with h5py.File("train.h5", "r+") as file:
        file["data"][6, 0, 0, 0] = np.nan
    with pytest.raises(NetError, match=r"iteration 1: .*the data blob 'data' itself is not finite"):
        protonet.train("solver.prototxt", log="none", device=device)
