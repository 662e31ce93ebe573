"""Which layer of a net fails on a batch, or gives what is no number: told in words."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from protonet.diagnostics import NetError
from protonet.graph import Node, Value
from protonet.runtime.net import RunnableNet, kept_state
from protonet.runtime.stage import Stage


def first_bad_layer(net: RunnableNet, batch: Mapping[str, Tensor]) -> str:
    """Where the numbers of a forward pass stop being finite, in words."""
    values = net.inputs(batch)
    for value, tensor in values.items():
        if not _is_finite(tensor):
            return f"the data blob {value.blob!r} itself is not finite"
    with torch.no_grad(), kept_state(net.module):
        for stage in net.stages:
            for blob, parameter in net.parameters(stage.node).items():
                if not _is_finite(parameter):
                    return f"the {blob} of {_called(stage.node)} is not finite"
            found = stage.run(net.module, values)
            for value, tensor in found.items():
                if not _is_finite(tensor):
                    where = f"the first blob that is not finite is {value.blob!r}"
                    return f"{where}, of {_called(stage.node)}"
            values |= found
    return "a second pass over the same batch was finite in every layer"


def failing_layer(net: RunnableNet, batch: Mapping[str, Tensor]) -> NetError | None:
    """The error of the layer that can't take a batch; None where every layer can.

    Not for after an error of a GPU's own: nothing more can be run there.
    """
    values = net.inputs(batch)
    with torch.no_grad(), kept_state(net.module):
        for stage in net.stages:
            try:
                values |= stage.run(net.module, values)
            except (RuntimeError, ValueError, IndexError) as error:
                return _refused(stage, values, error)
    return None


def _refused(stage: Stage, values: Mapping[Value, Tensor], error: Exception) -> NetError:
    """What a layer was given when it failed, in words."""
    given = ", ".join(_described(value.blob, values[value]) for value in stage.bottoms)
    reason = first_line(error)
    what = f"{_called(stage.node)} can't take this batch: {reason}; it is given {given}"
    hint = "labels count from 0 and must be below the number of classes"
    # A layer that raises a ValueError of its own has said what is wrong.
    guesses = len(stage.bottoms) > 1 and not isinstance(error, ValueError)
    return NetError(what, stage.node.span, hint if guesses else None)


def first_line(error: BaseException) -> str:
    """What an error says, without what follows."""
    return str(error).strip().partition("\n")[0].rstrip(".")


def _described(blob: str, tensor: Tensor) -> str:
    size = "x".join(map(str, tensor.shape))
    if not tensor.numel():
        return f"{blob!r} ({size})"
    return f"{blob!r} ({size}, from {float(tensor.min()):g} to {float(tensor.max()):g})"


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _called(node: Node) -> str:
    return f"layer {node.name!r} ({node.type})"
