"""A wrong type in a call from Python: one error that says what it is and what would be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import protonet
from protonet import NetError

NET = (
    'layer { name: "d" type: "DummyData" top: "a" top: "b" dummy_data_param { '
    "shape { dim: [2, 3] } } }\n"
    'layer { name: "i" type: "InnerProduct" bottom: "a" top: "i" '
    "inner_product_param { num_output: 3 } }\n"
    'layer { name: "e" type: "EuclideanLoss" bottom: "i" bottom: "b" top: "e" }\n'
)
SOLVER = (
    'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 1 solver_mode: CPU '
    "snapshot_after_train: false"
)
MEMORY = (
    'layer { name: "m" type: "MemoryData" top: "x" top: "y" '
    "memory_data_param { batch_size: 1 channels: 1 height: 2 width: 2 } }"
)
NUMBER = [1.5, "x", b"x", [5], {"a": 1}, object(), np.zeros(3), torch.zeros(2)]
FLAG = ["no", None, 5, [True], np.ones(2, bool), torch.zeros(2)]
WORD = [5, None, b"x", ["auto"], "nix", np.zeros(3)]
PATH = [5, 1.5, b"x", ["x"], {}, object(), np.zeros(3), torch.zeros(2), ""]
MAPPING = [5, "x", ["x"], object(), np.zeros(3), torch.zeros(2)]
IMAGE = np.zeros((1, 1, 2, 2))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)
    Path("solver.prototxt").write_text(SOLVER)


def train(**given):
    return protonet.train("solver.prototxt", **{"log": "none", **given})


def drawn(**given):
    return protonet.draw(NET, **given)


def batches(**given):
    return protonet.batches(NET, **given)


def compiled(**given):
    return protonet.compile(NET, **given)


def saved(path):
    protonet.save(compiled(), path)


CALLS = [
    (train, "weights", [5, 1.5, b"x", [5], {"a": 1}, object(), torch.zeros(2)]),
    (train, "snapshot", PATH),
    (train, "tensorboard", PATH),
    (train, "log", WORD),
    (train, "device", WORD),
    (train, "precision", WORD),
    (train, "compile", FLAG),
    (train, "allow_python", FLAG),
    (train, "effects", MAPPING),
    (compiled, "phase", WORD),
    (compiled, "level", NUMBER),
    (compiled, "faithful", FLAG),
    (compiled, "allow_python", FLAG),
    (drawn, "direction", WORD),
    (drawn, "layout", WORD),
    (drawn, "collapse", FLAG),
    (drawn, "show_shapes", FLAG),
    (batches, "seed", NUMBER),
    (batches, "rank", [*NUMBER, -1, 1]),
    (batches, "world", [*NUMBER, 0]),
    (batches, "workers", [*NUMBER, 0]),
    (batches, "pin", FLAG),
    (batches, "memory", MAPPING),
    (protonet.read_mean, "path", PATH),
    (saved, "path", PATH),
    (lambda **given: drawn().save(**given), "path", PATH),
]


@pytest.mark.parametrize(
    "call, name, wrong", CALLS, ids=[f"{c[1]}-{i}" for i, c in enumerate(CALLS)]
)
def test_a_wrong_type_is_one_error(call, name, wrong):
    for value in wrong:
        with pytest.raises(NetError) as caught:
            call(**{name: value})
        assert caught.value.message
        assert caught.value.hint, value
    assert sorted(p.name for p in Path().iterdir()) == ["net.prototxt", "solver.prototxt"]


@pytest.mark.parametrize("phase", [5, b"TEST", "", np.zeros(3), torch.zeros(2)])
def test_a_phase_that_is_none_is_the_problem_that_check_finds(phase):
    (problem,) = protonet.check(NET, phase)
    assert "the phase is TRAIN or TEST" in problem.message


@pytest.mark.parametrize(
    "given, words",
    [
        (5, "is given 5, not its data and their labels"),
        ((IMAGE,), "not its data and their labels"),
        (("ab", [0]), "the data given are no array of numbers"),
        ((IMAGE, ["a"]), "the labels given are no array of numbers"),
        ((IMAGE, [[1, 2], [3]]), "the labels given are no array of numbers"),
    ],
)
def test_arrays_of_memory_data_that_are_none(given, words):
    with pytest.raises(NetError, match=words):
        protonet.batches(MEMORY, memory={"m": given})


def test_what_is_right_is_taken():
    protonet.save(compiled(), "w.caffemodel")
    for weights in (None, (), "w.caffemodel", Path("w.caffemodel"), ["w.caffemodel"]):
        assert train(weights=weights).iteration == 1
    with protonet.batches(MEMORY, memory={"m": (IMAGE, [3])}, seed=np.int64(3)) as feed:
        assert next(feed)["y"].tolist() == [3]
    assert compiled(faithful=np.bool_(True)) is not None


@pytest.mark.parametrize(
    "form",
    [
        torch.Tensor.bfloat16,
        torch.Tensor.half,
        torch.Tensor.double,
        torch.Tensor.int,
        torch.Tensor.to_sparse,
        torch.nn.Parameter,
        lambda given: given.to(torch.float8_e4m3fn),
        lambda given: given.t().contiguous().t(),
    ],
)
def test_blobs_are_tensors_of_any_precision_and_layout(form):
    net = compiled()
    weight = torch.tensor([[1.0, 2.0, -3.0], [0.0, 4.0, 0.0], [0.0, 0.0, 8.0]])
    protonet.load_blobs(net, {"i": [form(weight), torch.zeros(3)]})
    assert protonet.dump_blobs(net)["i"][0].tolist() == weight.tolist()


@pytest.mark.parametrize("blob", [torch.zeros(3, 3, device="meta"), torch.zeros(3, 3).cfloat()])
def test_tensors_without_real_numbers_are_told(blob):
    with pytest.raises(NetError, match="blob 0 of layer 'i' is no array of numbers"):
        protonet.load_blobs(compiled(), {"i": [blob, torch.zeros(3)]})
