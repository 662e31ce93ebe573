"""Solvers stepped from a script: Caffe's trajectories, and those of ``protonet train`` exactly."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import protonet
import protonet.pycaffe as caffe
from protonet.diagnostics import NetError

GOLDEN = Path(__file__).parents[1] / "golden" / "solvers"
CASES = sorted(path.name for path in GOLDEN.iterdir())
CLOSE = {"rtol": 1e-4, "atol": 1e-5}

NET = """name: "tiny"
layer { name: "data" type: "HDF5Data" top: "data" top: "label"
  hdf5_data_param { source: "train_list.txt" batch_size: 4 shuffle: true } }
layer { name: "ip1" type: "InnerProduct" bottom: "data" top: "ip1"
  inner_product_param { num_output: 12 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "drop" type: "Dropout" bottom: "ip1" top: "ip1" }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "ip2" bottom: "label" top: "accuracy"
  include { phase: TEST } }
"""
SOLVER = """net: "net.prototxt" base_lr: 0.05 lr_policy: "inv" gamma: 0.1 power: 0.75
momentum: 0.9 weight_decay: 0.001 snapshot_prefix: "tiny" random_seed: 7
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("train.h5", "train_list.txt"):
        shutil.copy(GOLDEN / "sgd_fixed" / name, tmp_path)
    (tmp_path / "net.prototxt").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLOG_minloglevel", "2")
    return tmp_path


def solver_file(folder, more="max_iter: 9 test_iter: 2 test_interval: 4"):
    (folder / "solver.prototxt").write_text(SOLVER + more)
    return "solver.prototxt"


def params(net):
    return {name: [np.array(b.data) for b in blobs] for name, blobs in net.params.items()}


def same(one, other):
    assert one.keys() == other.keys()
    for name, blobs in one.items():
        for own, wanted in zip(blobs, other[name], strict=True):
            np.testing.assert_array_equal(own, wanted, err_msg=name)


@pytest.mark.parametrize("name", CASES)
def test_steps_as_caffe(name, tmp_path, monkeypatch):
    for path in (GOLDEN / name).iterdir():
        if not path.name.startswith("snap"):
            shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLOG_minloglevel", "2")
    solver = caffe.get_solver("solver.prototxt")
    solver.net.copy_from("init.caffemodel")
    wanted = np.load("trajectory.npz")
    for iteration in range(1, 13):
        solver.step(1)
        assert solver.iter == iteration
        loss = solver.net.blobs[solver.net.outputs[0]].data
        np.testing.assert_allclose(loss, wanted[f"loss/{iteration}"], **CLOSE)
        for key in [k for k in wanted if k.startswith(f"w{iteration}/")]:
            _, layer, index = key.split("/")
            blob = solver.net.params[layer][int(index)]
            np.testing.assert_allclose(blob.data, wanted[key], **CLOSE, err_msg=key)


@pytest.mark.parametrize("kind", ["SGD", "Nesterov", "AdaDelta", "Adam"])
def test_is_protonet_train_to_the_bit(folder, kind):
    path = solver_file(folder, f'max_iter: 9 test_iter: 2 test_interval: 4 type: "{kind}"')
    solver = caffe.get_solver(path)
    assert type(solver).__name__ == f"{kind}Solver"
    solver.solve()
    trained = protonet.train(path, log="none")
    same(params(solver.net), protonet.dump_blobs(trained.net))


def test_the_class_says_the_method(folder):
    path = solver_file(folder)
    solver = caffe.AdamSolver(path)
    solver.step(3)
    more = 'max_iter: 9 test_iter: 2 test_interval: 4 type: "Adam"'
    other = caffe.get_solver(solver_file(folder, more))
    other.step(3)
    same(params(solver.net), params(other.net))


def test_a_method_that_takes_no_momentum_says_so(folder):
    with pytest.raises(NetError, match="momentum"):
        caffe.AdaGradSolver(solver_file(folder))


def test_a_solver_goes_on_from_its_snapshot(folder):
    whole = caffe.SGDSolver(solver_file(folder))
    whole.step(8)
    first = caffe.SGDSolver("solver.prototxt")
    first.step(5)
    first.snapshot()
    again = caffe.SGDSolver("solver.prototxt")
    again.restore("tiny_iter_5.solverstate")
    assert again.iter == 5
    again.step(3)
    same(params(again.net), params(whole.net))


def test_solve_resumes(folder):
    first = caffe.SGDSolver(solver_file(folder))
    first.step(5)
    first.snapshot()
    again = caffe.SGDSolver("solver.prototxt")
    again.solve("tiny_iter_5.solverstate")
    assert again.iter == 9
    assert (folder / "tiny_iter_9.caffemodel").exists()


def test_an_update_of_ones_moves_by_the_rate(folder):
    solver = caffe.SGDSolver(solver_file(folder, "max_iter: 9"))
    weight = solver.net.params["ip2"][0]
    weight.data[...] = 0
    weight.diff[...] = 1
    solver.apply_update()
    np.testing.assert_allclose(weight.data, np.full(weight.shape, -0.05), rtol=1e-6)
    np.testing.assert_allclose(weight.diff, np.full(weight.shape, 0.05), rtol=1e-6)
    assert solver.iter == 0
    assert solver.lr == pytest.approx(0.05)


def test_a_changed_rate_counts(folder):
    solver = caffe.SGDSolver(solver_file(folder, "max_iter: 9"))
    solver.param.base_lr = 0.5
    weight = solver.net.params["ip2"][0]
    weight.data[...], weight.diff[...] = 0, 1
    solver.apply_update()
    np.testing.assert_allclose(weight.data, np.full(weight.shape, -0.5), rtol=1e-6)


def test_diffs_hold_what_was_taken_off(folder):
    solver = caffe.SGDSolver(solver_file(folder, "max_iter: 9"))
    solver.step(2)
    before = params(solver.net)
    solver.step(1)
    for name, blobs in solver.net.params.items():
        for own, blob in zip(before[name], blobs, strict=True):
            np.testing.assert_allclose(own - blob.diff, blob.data, rtol=1e-5, atol=1e-7)


def test_callbacks_see_the_gradients_before_the_update(folder):
    solver = caffe.SGDSolver(solver_file(folder, "max_iter: 9"))
    heard = []
    diff = solver.net.params["ip1"][0].diff
    solver.add_callback(
        lambda: heard.append(("start", float(np.abs(diff).sum()))),
        lambda: heard.append(("ready", float(np.abs(diff).sum()))),
    )
    solver.step(2)
    assert [name for name, _ in heard] == ["start", "ready"] * 2
    assert heard[0][1] == heard[2][1] == 0
    assert heard[1][1] > 0


def test_test_nets_share_the_weights_and_show_their_blobs(folder):
    solver = caffe.SGDSolver(solver_file(folder))
    (test,) = solver.test_nets
    weight = test.params["ip1"][0].data
    solver.step(3)
    np.testing.assert_array_equal(weight, solver.net.params["ip1"][0].data)
    assert test.forward().keys() == {"loss", "accuracy"}
    assert 0 <= float(test.blobs["accuracy"].data) <= 1


def test_a_net_whose_input_the_script_fills_is_trained(folder):
    (folder / "net.prototxt").write_text("""
    layer { name: "x" type: "Input" top: "x" top: "t"
      input_param { shape { dim: 8 dim: 3 } shape { dim: 8 dim: 2 } } }
    layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip"
      inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
    layer { name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "t" top: "loss" }
    """)
    solver = caffe.SGDSolver(solver_file(folder, "max_iter: 0"))
    random = np.random.default_rng(0)
    truth = random.normal(size=(3, 2))
    for _ in range(200):
        x = random.normal(size=(8, 3))
        solver.net.blobs["x"].data[...] = x
        solver.net.blobs["t"].data[...] = x @ truth
        solver.step(1)
    np.testing.assert_allclose(solver.net.params["ip"][0].data, truth.T, atol=0.02)


def test_a_loss_that_is_no_number_is_said_once_and_goes_on(folder, capsys):
    solver = caffe.SGDSolver(solver_file(folder, "max_iter: 9"))
    solver.net.params["ip2"][1].data[...] = np.nan
    solver.step(2)
    assert solver.iter == 2
    assert capsys.readouterr().err.count("the loss is no number") == 1
