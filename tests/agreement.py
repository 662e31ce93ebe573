"""What must agree between a net in blocks and the same net in one class, to the bit."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sizes import made
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.weak import WeakTensorKeyDictionary

import protonet
from protonet.api import graph, graph_of, lowered
from protonet.program.source import source as source_of
from protonet.runtime.module import instantiate
from protonet.selection import Selection
from protonet.weights.mapping import places_of


def pair(source, **options):
    """A net in blocks and in one class, each from the same seed."""
    made = []
    for flat in (False, True):
        torch.manual_seed(0)
        made.append(protonet.compile(source, flat=flat, **options))
    return made


def difference(source, phase="TEST", **options):
    """In what the two differ: blobs, values, gradients, statistics; "" where in nothing."""
    nets = pair(source, phase=phase, **options)
    shapes = {k: v for k, v in options.items() if k in ("shapes", "allow_python", "plugins")}
    inputs = numbers(graph(source, phase, **shapes).inputs)
    if what := unlike(*(protonet.dump_blobs(net) for net in nets)):
        return f"{what} begin otherwise"
    weigh(*nets)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # of nets so small, the threads of several tests only wait
    try:
        results = [run(net, inputs) for net in nets]
    finally:
        torch.set_num_threads(threads)
    for part, (one, other) in zip(PARTS, zip(*results, strict=True), strict=True):
        if what := unlike(one, other):
            return f"{part}: {what} differs"
    return ""


def agrees(source, phases=("TRAIN",), **options):
    """Fail where the two differ in one of the phases."""
    for phase in phases:
        assert not difference(source, phase, **options), phase


PARTS = "results", "gradients of inputs", "gradients", "blobs"


def numbers(values):
    """A tensor for each input; as labels they are all 0."""
    draw = np.random.default_rng(1)
    return [torch.from_numpy(draw.uniform(-1, 1, v.shape).astype("f4")) for v in values]


def weigh(*nets):
    """Give nets the same random blobs."""
    draw = np.random.default_rng(2)
    blobs = {
        name: [draw.uniform(0.1, 0.6, blob.shape).astype("f4") for blob in own]
        for name, own in protonet.dump_blobs(nets[0]).items()
    }
    for net in nets:
        protonet.load_blobs(net, blobs)


def run(net, inputs):
    """Results, gradients and blobs after a forward and a backward pass, or the error's name."""
    given = [x.clone().requires_grad_() for x in inputs]
    torch.manual_seed(3)
    try:
        found = net(*given)
    except RuntimeError as error:
        return ({"error": [np.array(type(error).__name__)]}, {}, {}, {})
    found = found if isinstance(found, dict) else {"": found}
    driven = [y for y in found.values() if y.requires_grad]
    if driven:
        total = sum((y * torch.linspace(0.5, 1.5, y.numel()).view_as(y)).sum() for y in driven)
        total.backward()
    results = {name: [y.detach().numpy()] for name, y in found.items()}
    gradients = {str(i): [array(x.grad)] for i, x in enumerate(given)}
    return results, gradients, protonet.dump_blobs(net, diff=True), protonet.dump_blobs(net)


def array(tensor):
    return np.zeros(0) if tensor is None else tensor.numpy()


def unlike(one, other):
    """The first name under which two dicts of arrays differ, to the bit; "" if there is none."""
    if list(one) != list(other):
        return f"{list(one)} against {list(other)}"
    for name, arrays in one.items():
        pairs = list(zip(arrays, other[name], strict=True))
        if any(a.shape != b.shape or a.tobytes() != b.tobytes() for a, b in pairs):
            return name or "the result"
    return ""


class Traced(TorchDispatchMode):
    """Gives each tensor a name made of the operation and of its operands' names.

    Two tensors have one name if they are computed alike, whatever classes that happens in.
    """

    def __init__(self):
        super().__init__()
        self.names = WeakTensorKeyDictionary()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func.overloadpacket in VIEWS:
            out = func(*args, **kwargs)
            self.names[out] = f"{self.name(args[0])[:64]}{shape(out)}"
            return out
        flat, form = tree_flatten((args, kwargs))
        out = made(func, args, kwargs, flat, form)
        given = [self.name(a) if isinstance(a, torch.Tensor) else repr(a) for a in flat]
        if func.overloadpacket in (aten.add, aten.add_):
            given.sort()  # a sum of two is the same both ways
        elif func is aten.mean.dim:
            given, form = given[:2], None  # with its axes of one or without
        key = digest(f"{func}{form}{given}")
        for index, one in enumerate(t for t in tree_flatten(out)[0] if isinstance(t, torch.Tensor)):
            self.names[one] = f"{key}{shape(one)}{index or ''}"
        for argument, known in zip(func._schema.arguments, args, strict=False):
            written = argument.alias_info is not None and argument.alias_info.is_write
            if written and isinstance(known, torch.Tensor):
                self.names[known] = f"{key}{shape(known)}{argument.name}"
        return out

    def name(self, tensor):
        return self.names.get(tensor, digest("something"))

    def call(self, tensor, name):
        self.names[tensor] = f"{digest(name)}{shape(tensor)}"


aten = torch.ops.aten
VIEWS = aten.view, aten._unsafe_view, aten.squeeze, aten.unsqueeze, aten.alias, aten.detach


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def shape(tensor):
    """The axes but for those of one, which a view adds and takes."""
    return [n for n in tensor.shape if n != 1]


def traces(source, phase, **options):
    """What a net computes in blocks and in one class, by names instead of numbers."""
    selection = Selection.of(phase, **options)
    net = graph_of(source, selection)
    forms = [lowered(source, replace(selection, flat=flat), net) for flat in (False, True)]
    tidy({"net.py": source_of(forms[0].program)})
    return [traced(form) for form in forms]


def tidy(texts):
    """Fail where ruff would format emitted files otherwise, or finds fault with them."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        for check in (("format", "--check"), ("check",)):
            command = [sys.executable, "-m", "ruff", *check, "--isolated", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout


def traced(form):
    """The names of the results, and of the gradients by Caffe's layers."""
    with torch.device("meta"):
        net = instantiate(form)
        inputs = [torch.empty(value.shape, requires_grad=True) for value in form.graph.inputs]
    mode = Traced()
    held = {}
    for layer, own in places_of(net).items():
        for index, place in enumerate(p for p in own if p.path):
            held[f"{layer} {index}"] = place.tensor(net)
    for name, tensor in [*held.items(), *enumerate(inputs)]:
        mode.call(tensor, f"{name}")
    with mode:
        found = net(*inputs)
        found = found if isinstance(found, dict) else {"": found}
        results = {name: mode.name(y) for name, y in found.items()}
        driven = [y for y in found.values() if y.requires_grad]
        if driven:
            torch.autograd.backward(driven, [torch.ones_like(y) for y in driven])
    every = [*held.items(), *enumerate(inputs)]
    gradients = {n: mode.name(t.grad) for n, t in every if t.grad is not None}
    return results, gradients, {name: mode.name(t) for name, t in held.items()}
