"""Solvers as they are written: which nets they mean, and what is refused at which place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import protonet
from protonet.diagnostics import NetError
from protonet.training.plan import check_prefix, net_plan, plan

NET = """name: "tiny"
layer { name: "data" type: "DummyData" top: "x" top: "t" include { phase: TRAIN }
  dummy_data_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
  inner_product_param { num_output: 2 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "t" top: "loss" }
"""
GOOD = 'net: "net.prototxt"\nmax_iter: 4\nbase_lr: 0.1\nlr_policy: "fixed"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)


def problems(text):
    """(line, message) of everything that is wrong with a solver."""
    Path("solver.prototxt").write_text(text)
    with pytest.raises(NetError) as raised:
        plan("solver.prototxt")
    return [(e.span.line, e.message) for e in raised.value.all]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD + "momentun: 0.9\n", 5, "no field 'momentun'"),
        (GOOD + 'type: "Adm"\n', 5, "type 'Adm' is unknown"),
        (GOOD + 'train_net: "a"\n', 5, "given twice, by net and train_net"),
        (GOOD.replace("fixed", "steps"), 4, "lr_policy 'steps' is unknown"),
        (GOOD.replace("fixed", "step"), 4, "needs gamma"),
        (GOOD.replace("fixed", "multistep") + "gamma: 1 ", 4, "needs stepvalue"),
        (GOOD.replace("max_iter: 4\n", ""), 1, "no max_iter"),
        (GOOD + "average_loss: 0\n", 5, "average_loss must be at least 1"),
        (GOOD + "iter_size: 0\n", 5, "iter_size must be at least 1"),
        (GOOD + "test_iter: 3\n", 1, "test_interval is not above 0"),
        (GOOD + "test_iter: -1\ntest_interval: 1\n", 5, "test_iter can't be below 0"),
        (GOOD + 'test_net: "a"\ntest_interval: 1\n', 5, "test_iter is given 0 times for 1"),
        (
            GOOD + "test_iter: 1\ntest_interval: 1\ntest_state {}\ntest_state {}\n",
            7,
            "test_state is given 2 times for 1",
        ),
        (GOOD + 'type: "AdaGrad"\nmomentum: 0.9\n', 6, "momentum can't be used with AdaGrad"),
        (GOOD + 'type: "RMSProp"\nrms_decay: 1\n', 6, "rms_decay must be"),
        (GOOD + 'type: "SGD"\nsolver_type: SGD\n', 6, "both given"),
        (GOOD + 'regularization_type: "L3"\n', 5, "'L3' is unknown"),
        (GOOD + 'larc: true\nlarc_policy: "x"\n', 6, "larc_policy 'x' is unknown"),
        (GOOD + "larc: true\nlocal_lr_auto: true\n", 6, "both given"),
        (GOOD + "rampup_interval: 3\nwarmup_iter: 3\n", 6, "both given"),
        (GOOD + 'larc: true\ntype: "Adam"\n', 5, "not with Adam"),
        (GOOD + 'eval_type: "segmentation"\n', 5, "the eval_type 'segmentation'"),
        (GOOD + 'ap_version: "12point"\n', 5, "the ap_version '12point' is unknown"),
        (GOOD + "update_interval: 2\n", 5, "not supported"),
        (GOOD.replace("net.proto", "nets.proto"), 1, "'nets.prototxt' is not there"),
        (GOOD + "train_state { phase: TEST }\n", 5, "can't have the phase TEST"),
    ],
)
def test_what_is_refused_and_where(text, line, words):
    assert any(at == line and words in message for at, message in problems(text)), problems(text)


def test_every_problem_is_said():
    found = problems(GOOD + "iter_size: 0\naverage_loss: 0\n")
    assert [line for line, _ in found] == [5, 6]


def test_nets_and_their_states():
    Path("test.prototxt").write_text(NET.replace("TRAIN", "TEST"))
    made = plan(
        GOOD
        + 'test_net: "test.prototxt" test_net_param { name: "inner" layer { name: "i" } }\n'
        + "test_iter: 5 test_iter: 6 test_iter: 7 test_interval: 2\n"
        + 'train_state { stage: "a" level: 2 } test_state { level: 1 } test_state { }\n'
        + 'test_state { stage: "b" }'
    )
    assert list(made.train.loaded.message.state.stage) == ["a"]
    assert made.train.loaded.message.state.level == 2
    # test_net_param come first, then test_net, then the net itself. Solver::InitTestNets.
    assert [t.title for t in made.tests] == [
        "test_net_param.0",
        "test_net file: test.prototxt",
        "net file: net.prototxt",
    ]
    assert [t.iterations for t in made.tests] == [5, 6, 7]
    assert [t.loaded.message.state.level for t in made.tests] == [1, 0, 0]
    assert list(made.tests[2].loaded.message.state.stage) == ["b"]


def test_a_nested_net_keeps_its_places():
    text = GOOD.replace('net: "net.prototxt"\n', "") + "net_param {\n" + NET + "}\n"
    made = plan(text)
    span = made.train.loaded.sourcemap.span(("layer", 2, "bottom", 1))
    assert span.line == 10
    assert 'bottom: "t"' in span.excerpt()


def test_paths_are_taken_from_here_or_from_beside_the_solver(tmp_path):
    (tmp_path / "far").mkdir()
    Path("far/solver.prototxt").write_text(GOOD)
    Path("net.prototxt").rename("far/net.prototxt")
    assert plan("far/solver.prototxt").train.folder == "far"


def test_the_prefix_of_snapshots():
    Path("solver.prototxt").write_text(GOOD)
    assert plan("solver.prototxt").prefix == "solver"
    Path("out").mkdir()
    assert plan(GOOD + 'snapshot_prefix: "out/x"').prefix == "out/x"
    Path("solver.prototxt").write_text(GOOD + 'snapshot_prefix: "out"')
    assert plan("solver.prototxt").prefix == "out/solver"
    with pytest.raises(NetError, match="a folder that is not there") as raised:
        check_prefix(plan(GOOD + 'snapshot_prefix: "nowhere/x"'))
    assert raised.value.span.line == 5
    assert raised.value.hint == "mkdir -p nowhere"


def test_a_plan_needs_no_torch():
    code = "import sys, protonet.training.plan\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_net_in_the_solvers_place():
    with pytest.raises(NetError, match="this file is a net, not a solver") as raised:
        plan("net.prototxt")
    assert raised.value.span.line == 1
    assert 'whose net: "..." names this file' in raised.value.hint


def test_a_solver_in_the_nets_place():
    Path("solver.prototxt").write_text(GOOD)
    with pytest.raises(NetError, match="this file is a solver, not a net") as raised:
        net_plan("solver.prototxt", "TEST")
    assert "give its net, net.prototxt" in raised.value.hint


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("test_interval: 2\n", True),  # which Caffe's InitTestNets lets pass, and tests nothing
        ("test_interval: 2\ntest_iter: 1\n", False),
        ("", False),
    ],
)
def test_an_interval_at_which_nothing_is_tested_is_said(more, said):
    Path("solver.prototxt").write_text(GOOD + more)
    notices = [line for line in plan("solver.prototxt").notices if "no net is tested" in line]
    assert bool(notices) == said


def test_a_name_too_long_for_a_file_is_an_error_at_its_place(tmp_path):
    """Of a solver's net, of a layer's source, of a file of a list: ENAMETOOLONG has no place."""
    long = "x" * 3000
    with pytest.raises(NetError, match=r"the net 'x+' is not there") as caught:
        plan(f'net: "{long}"\nbase_lr: 0.1 lr_policy: "fixed" max_iter: 1')
    assert caught.value.span.line == 1
    layer = 'layer {{ name: "d" type: "{}" top: "data" top: "label" {} {{ source: "{}" {} }} }}'
    (tmp_path / "list.txt").write_text(long)
    for kind, field, source, more in (
        ("Data", "data_param", long, "batch_size: 1"),
        ("Data", "data_param", long, "batch_size: 1 backend: LMDB"),
        ("HDF5Data", "hdf5_data_param", long, "batch_size: 1"),
        ("HDF5Data", "hdf5_data_param", str(tmp_path / "list.txt"), "batch_size: 1"),
        ("ImageData", "image_data_param", long, "batch_size: 1"),
    ):
        net = layer.format(kind, field, source, more)
        with pytest.raises(NetError) as caught:
            protonet.batches(net, phase="TRAIN").__enter__()
        assert caught.value.span is not None
