"""What must agree, of a right net, without anybody to ask what is right."""

from __future__ import annotations

import traceback

import numpy as np
import torch
from text_contract import SECONDS, TooLong, within

import protonet
from protonet import NetError, Source
from protonet.api import graph, read
from protonet.graph.difference import differences
from protonet.schema.load import load
from protonet.schema.unbind import to_text
from protonet.text.format import format_text
from protonet.text.parse import parse

# Where a small change of a number makes a large one of the result, float says little of double.
JUMPS = ("Pooling", "ArgMax", "Threshold", "MVN", "BatchNorm", "Normalize", "SPP", "LRN", "Power")


def disagreement(text, seed):
    """What does not agree, and how; "" where all does."""
    for agrees in (formats, compiles, folds, doubles):
        try:
            with within(2 * SECONDS):
                found = agrees(text, seed)
        except TooLong:
            found = f"more than {2 * SECONDS} s"
        except Exception:  # noqa: BLE001 (whatever it is, it is a find)
            found = traceback.format_exc()[-1500:]
        if found:
            return f"{agrees.__name__}: {found}"
    return ""


def formats(text, _seed):
    """A net is the same after fmt, after upgrade, and after both again."""
    source = Source("<text>", text)
    formed = format_text(parse(source))
    if format_text(parse(Source("<fmt>", formed))) != formed:
        return "fmt changes what it has written"
    once, again = load(source).message, load(Source("<fmt>", formed)).message
    if once.SerializeToString(deterministic=True) != again.SerializeToString(deterministic=True):
        return "fmt changes the message"
    upgraded = to_text(read(source).message)
    nets = [graph(Source("<net>", each)) for each in (text, formed, upgraded)]
    for other in nets[1:]:
        if changes := differences(nets[0], other):
            return f"diff tells of changes: {changes[:3]}"
    emitted = {protonet.emit(Source("<net>", each)) for each in (text, formed, upgraded)}
    return "" if len(emitted) == 1 else "the emitted texts differ"


def compiles(text, _seed):
    """What check finds right in a phase is compiled in it."""
    phases = ("TRAIN", "TEST")
    for phase in (p for p in phases if not protonet.check(Source("<text>", text), phase=p)):
        for faithful in (True, False):
            try:
                protonet.emit(Source("<text>", text), phase=phase, faithful=faithful)
            except NetError as error:
                return f"check is silent, emit is not: {error}"
    return ""


def folds(text, seed):
    """The faithful module and the folded one give the same, of the shapes that the graph says."""
    net = graph(Source("<text>", text))
    plain = module(text, faithful=True).double()
    folded = module(text, faithful=False).double()
    weigh(plain, seed)
    protonet.load_blobs(folded, protonet.dump_blobs(plain))
    given = inputs(net, seed)
    one, two = run(plain, given, net), run(folded, given, net)
    if set(one) != set(two):
        return f"the outputs are {sorted(one)} and {sorted(two)}"
    for blob, values in one.items():
        shape = net.blobs[blob].shape
        if tuple(values.shape) != tuple(shape):
            return f"{blob} is {tuple(values.shape)}, inferred {shape}"
        if not close(values, two[blob], 1e-6):
            return f"{blob} differs: {worst(values, two[blob])}"
    return ""


def doubles(text, seed):
    """In single precision the results are near those in double, where nothing jumps."""
    if any(f'"{kind}"' in text for kind in JUMPS):
        return ""
    net = graph(Source("<text>", text))
    double, single = module(text, faithful=True).double(), module(text, faithful=True)
    weigh(double, seed)
    protonet.load_blobs(single, protonet.dump_blobs(double))
    given = inputs(net, seed)
    one, two = run(double, given, net), run(single, [value.float() for value in given], net)
    for blob, values in one.items():
        other = two[blob].double()
        if values.numel() and values.abs().max() < 1e4 and not close(values, other, 1e-2):
            return f"{blob} in single precision: {worst(values, other)}"
    return ""


def module(text, *, faithful):
    torch.manual_seed(0)
    return protonet.compile(Source("<text>", text), faithful=faithful).eval()


def weigh(net, seed):
    """Random blobs; statistics that a net can have, and a divisor of one."""
    draw = np.random.default_rng(seed)
    blobs = {
        name: [draw.uniform(0.2, 1.2, np.shape(blob)) for blob in given]
        for name, given in protonet.dump_blobs(net).items()
    }
    protonet.load_blobs(net, blobs)


def inputs(net, seed):
    draw = np.random.default_rng(seed + 1)
    return [torch.from_numpy(draw.uniform(-1, 1, value.shape)) for value in net.inputs]


def run(net, given, built):
    with torch.no_grad():
        found = net(*given)
    made = [value.blob for value in built.outputs if not value.producer.layer.is_data]
    return found if isinstance(found, dict) else dict.fromkeys(made, found)


def close(one, two, tolerance):
    both = torch.isfinite(one) & torch.isfinite(two)
    if not torch.equal(torch.isfinite(one), torch.isfinite(two)):
        return False
    scale = float(one[both].abs().max()) if both.any() else 1.0
    return torch.allclose(one[both], two[both], rtol=tolerance, atol=tolerance * max(scale, 1e-3))


def worst(one, two):
    return f"up to {(one - two).abs().max():.3g} of {one.abs().max():.3g}"
