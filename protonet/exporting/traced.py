"""A net as torch.export sees it: one graph of operations, with every value given out."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental.symbolic_shapes import is_concrete_int

from protonet.diagnostics import NetError, lacks_memory
from protonet.exporting.batches import BATCH, batch_axes
from protonet.exporting.options import AXES, DYNAMIC, ExportOptions
from protonet.exporting.statistics import BatchStatistics
from protonet.exporting.steps import Steps
from protonet.graph import Node, Value
from protonet.layers.base import LayerError
from protonet.lowering import Lowered
from protonet.runtime.failure import first_line

_FreeAxes = dict[int, object]


@dataclass(frozen=True)
class Traced:
    """A net's operations; ``steps`` says which layer each is there for.

    ``axes`` are those of each input that may be of any size, by their names.
    """

    program: ExportedProgram
    steps: Steps
    axes: tuple[dict[int, str], ...]


def traced(lowered: Lowered, net: nn.Module, options: ExportOptions) -> Traced:
    """Trace a net.

    NetError, with the layer's place, where one does what follows from numbers in the data.
    """
    axes = free_axes(lowered, options)
    steps = Steps(lowered, net, axes, options.runtime).train(net.training)
    free: list[_FreeAxes | None] = [dict.fromkeys(own, Dim.AUTO) or None for own in axes]
    free += [{0: Dim.AUTO}] * len(steps.growing)
    with torch.no_grad(), without_warnings(), BatchStatistics():
        try:
            program = torch.export.export(
                steps, steps.samples(), dynamic_shapes=(tuple(free),), strict=False
            )
        except LayerError as error:
            raise _refused_by_layer(steps.progress.node, error) from None
        except Exception as error:
            if lacks_memory(error) or isinstance(error, NetError):
                raise
            raise refused(steps.progress.node, error) from error
    _verify(program, steps, axes)
    return Traced(program, steps, axes)


def free_axes(lowered: Lowered, options: ExportOptions) -> tuple[dict[int, str], ...]:
    """The axes of each input that may be of any size, by their names."""
    batches = batch_axes(lowered.graph) if options.batch == DYNAMIC else {}
    return tuple(_axes(value, batches, options) for value in lowered.graph.inputs)


def _axes(value: Value, batches: Mapping[Value, int], options: ExportOptions) -> dict[int, str]:
    """The axes of an input that may be of any size."""
    found = {batches[value]: BATCH} if value in batches else {}
    if len(value.shape) == 4:
        found.update((2 + AXES.index(axis), axis) for axis in options.dynamic)
    return found


def _refused_by_layer(node: Node | None, error: LayerError) -> NetError:
    assert node is not None
    return NetError(f"layer {node.name!r} ({node.type}): {error.message}", node.span, error.hint)


def refused(node: Node | None, error: BaseException) -> NetError:
    """The error of the layer that can't be traced."""
    reason = first_line(error)
    operation = re.search(r"target=torch\.ops\.([\w.]+)\]", reason)
    reason = operation[1] if operation else reason
    if "data-dependent" in reason:
        reason = "what it does follows from the numbers that it is given"
    if node is None:
        return NetError(f"the net can't be exported: {reason}")
    what = f"layer {node.name!r} ({node.type}) can't be exported: {reason}"
    return NetError(what, node.span, "--outputs ends the net at blobs before it")


def _verify(program: ExportedProgram, steps: Steps, axes: tuple[dict[int, str], ...]) -> None:
    """NetError where a size became fixed that was to be free, or a layer draws at random."""
    for node in program.graph.nodes:
        tags = getattr(node.target, "tags", ())
        if torch.Tag.nondeterministic_seeded in tags and _draws(node):
            layer = layer_of(node, steps)
            assert layer is not None
            what = f"layer {layer.name!r} ({layer.type}) draws at random in this phase"
            raise NetError(what, layer.span, "export the TEST phase")
    given = [node for node in program.graph.nodes if node.op == "placeholder"]
    for own, value, node in zip(axes, steps.inputs, given[-_count(steps) :], strict=False):
        for axis, name in own.items():
            if is_concrete_int(node.meta["val"].shape[axis]):
                raise _fixed(steps, value, axis, name)


def _fixed(steps: Steps, value: Value, axis: int, name: str) -> NetError:
    """The error where a size that was to be free is fixed, with the layer that fixes it."""
    layer = steps.progress.fixing.get((value, axis))
    who = f"layer {layer.name!r} ({layer.type}) makes it so" if layer else "a layer fixes it"
    what = f"{value.blob!r} can't be of any {name}, only of {value.shape[axis]}: {who}"
    hint = "--batch takes a number, too" if name == BATCH else "--shape gives it another size"
    return NetError(what, layer.span if layer else None, hint)


def _count(steps: Steps) -> int:
    return len(steps.inputs) + len(steps.growing)


def _draws(node: torch.fx.Node) -> bool:
    """Whether a random operation is at work: a dropout that does not train is none."""
    if node.target is torch.ops.aten.dropout.default:
        return bool(node.args[2])
    return True


def layer_of(node: torch.fx.Node, steps: Steps) -> Node | None:
    """The layer that an operation is there for; none for the sizes of the inputs."""
    for path, _ in node.meta.get("nn_module_stack", {}).values():
        index = step_index(path)
        if index is not None:
            return steps.nodes[index]
    return None


def step_index(path: str) -> int | None:
    """Which step a module's path is; None for another module."""
    start, _, number = path.rpartition("steps.")
    return int(number) if number.isdecimal() and not start.strip(".") else None


@contextmanager
def without_warnings() -> Iterator[None]:
    """Leave out what torch and its exporter say to those who work on them."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
