"""A net of tests/cases/oracle against what Caffe measured on it, as one verdict."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch

import protonet
from protonet.api import graph
from protonet.diagnostics import NetError, UnlikeCaffe
from protonet.schema.load import load
from protonet.training.settings import problems

FOLDER = Path(__file__).parent / "cases" / "oracle"
TABLE = FOLDER / "README.md"
SOLVER = "solver"


def rows():
    """The table: {case: (phase, verdict)}."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    cells = ([c.strip() for c in line.strip("|").split("|")] for line in lines if "|" in line)
    phases = ("TRAIN", "TEST", SOLVER)
    return {row[0]: (row[1], row[2]) for row in cells if len(row) == 4 and row[1] in phases}


def verdict(name, phase, *, faithful):
    """Agrees, refused, differs or warned with in what; accepted where no numbers are kept."""
    path = FOLDER / f"{name}.prototxt"
    if phase == SOLVER:
        return "refused" if list(problems(load(path, "SolverParameter").message)) else "agrees"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            differences = list(dict.fromkeys(_run(name, path, phase, faithful=faithful)))
        except NetError:
            return "refused"
    if not differences:
        return "agrees" if (FOLDER / f"{name}.npz").exists() else "accepted"
    warned = any(issubclass(one.category, UnlikeCaffe) for one in said)
    return f"{'warned' if warned else 'differs'}: {', '.join(differences)}"


def _run(name, path, phase, *, faithful):
    """In what a net differs from Caffe, one word for each number that does."""
    net_graph = graph(path, phase=phase)
    measured = FOLDER / f"{name}.npz"
    if not measured.exists():
        protonet.compile(path, phase=phase, faithful=faithful)
        return
    data = np.load(measured)
    blobs = {blob: x for blob, x in _named(data, "data/").items() if blob in net_graph.blobs}
    wanted = [*blobs, "objective"] if net_graph.has_objective else [*blobs]
    net = protonet.compile(path, phase=phase, outputs=wanted, faithful=faithful)
    protonet.load_blobs(net, _by_layer(data, "pre/"))
    inputs = [_input(data, value.blob) for value in net_graph.inputs]
    results = net(*inputs)
    yield from ("blob" for blob in blobs if not _same(results[blob], blobs[blob]))
    if faithful:
        yield from _blobs(protonet.dump_blobs(net), _by_layer(data, "post/"), "statistics")
    objective = results.get("objective", torch.zeros(()))
    if not _same(objective, data["loss"]):
        yield "objective"
    yield from _gradients(net, net_graph, objective, inputs, data)


def _gradients(net, net_graph, objective, inputs, data):
    diffs = _named(data, "diff/")
    if not diffs:  # Caffe did not come to its backward pass
        return
    if objective.requires_grad:
        objective.backward()
    for value, x in zip(net_graph.inputs, inputs, strict=True):
        gradient = torch.zeros_like(x) if x.grad is None else x.grad
        if net_graph.force_backward and not _same(gradient, diffs[value.blob]):
            yield "input gradient"
    found = protonet.dump_blobs(net, diff=True)
    yield from _blobs(found, _by_layer(data, "pdiff/"), "parameter gradient")


def _blobs(found, measured, word):
    for layer, wanted in measured.items():
        for ours, theirs in zip(found.get(layer, ()), wanted, strict=False):
            if not _same(torch.from_numpy(ours), theirs):
                yield word


def _named(data, prefix):
    return {key[len(prefix) :]: data[key] for key in data.files if key.startswith(prefix)}


def _by_layer(data, prefix):
    """{layer: [blob, ...]} of the entries PREFIX/place/layer/number."""
    grouped = {}
    for key, value in _named(data, prefix).items():
        layer, number = key.partition("/")[2].rsplit("/", 1)
        grouped.setdefault(layer, {})[int(number)] = value
    return {layer: [blobs[i] for i in sorted(blobs)] for layer, blobs in grouped.items()}


def _input(data, blob):
    stated = data.get(f"in/{blob}")
    values = data[f"data/{blob}"] if stated is None else stated
    return torch.from_numpy(values.copy()).requires_grad_()


def _same(ours, theirs):
    """One shape, and the numbers within a ten thousandth of the largest."""
    ours = ours.detach().numpy()
    if ours.shape != theirs.shape:
        return False
    finite = np.isfinite(theirs)
    if not np.array_equal(ours[~finite], theirs[~finite], equal_nan=True):
        return False
    room = 1e-4 * np.abs(theirs[finite]).max(initial=1)
    return bool(np.isclose(ours[finite], theirs[finite], rtol=0, atol=room).all())
