"""Small solvers for the tests of runs: dropout, shuffled data, a test net."""

from __future__ import annotations

import shutil
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden" / "solvers"

NET = """name: "tiny"
layer {{ name: "data" type: "HDF5Data" top: "data" top: "label"
  hdf5_data_param {{ source: "train_list.txt" batch_size: {batch} shuffle: {shuffle} }} }}
layer {{ name: "ip1" type: "InnerProduct" bottom: "data" top: "ip1"
  inner_product_param {{ num_output: 12 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu" type: "ReLU" bottom: "ip1" top: "ip1" }}
layer {{ name: "drop" type: "Dropout" bottom: "ip1" top: "ip1"
  dropout_param {{ dropout_ratio: {dropout} }} }}
layer {{ name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
  inner_product_param {{ num_output: 3 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }}
layer {{ name: "accuracy" type: "Accuracy" bottom: "ip2" bottom: "label" top: "accuracy"
  include {{ phase: TEST }} }}
"""
SOLVER = """net: "net.prototxt"
base_lr: 0.05
lr_policy: "inv"
gamma: 0.1
power: 0.75
momentum: 0.9
weight_decay: 0.001
snapshot_prefix: "tiny"
random_seed: 7
"""


def write(folder, more="", batch=4, shuffle=True, dropout=0.4, net=NET):
    """Write net.prototxt, solver.prototxt and their data into a folder."""
    for name in ("train.h5", "train_list.txt"):
        shutil.copy(GOLDEN / "sgd_fixed" / name, folder)
    fields = {"batch": batch, "shuffle": str(shuffle).lower(), "dropout": dropout}
    (folder / "net.prototxt").write_text(net.format(**fields))
    (folder / "solver.prototxt").write_text(SOLVER + more)
