"""A net run layer by layer, each as a module of its own over the same weights.

It says what a compiled whole does not show: the means that debug_info prints, the layer whose
output is no number, the time of each layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from protonet import api
from protonet.codegen import instantiate, source, write
from protonet.diagnostics import NetError
from protonet.graph import Node, Value
from protonet.schema.pool import message
from protonet.selection import Selection
from protonet.training.nets import Net
from protonet.training.sharing import lend_weights

Values = dict[Value, Tensor]


@dataclass
class Stage:
    """One layer that computes something: its node, and a module that takes its bottoms."""

    node: Node
    module: nn.Module
    bottoms: tuple[Value, ...]

    def run(self, values: Mapping[Value, Tensor]) -> dict[Value, Tensor]:
        """The layer's tops from the values of its bottoms."""
        try:
            found = self.module(*(values[value] for value in self.bottoms))
        except (RuntimeError, IndexError) as error:
            raise _refused(self, values, error) from error
        return {value: found[value.blob] for value in self.node.outputs}


def stages(net: Net, allow_python: bool = True) -> list[Stage]:
    """The layers of a net that have tops, in their order, sharing its weights."""
    made = []
    selection = Selection(net.plan.phase, allow_python=allow_python)
    nodes = [n for n in net.graph.nodes if n.outputs and not n.layer.is_data]
    with torch.random.fork_rng(devices=[]):
        for node in nodes:
            bottoms = tuple({value.blob: value for value in node.inputs}.values())
            graph = api.graph_of(_alone(node, bottoms), selection)
            program = write(graph, [value.blob for value in node.outputs], False, node.name)
            module = instantiate(program, source(program)).to(net.device)
            module.train(net.module.training)
            lend_weights(module, net.module)
            made.append(Stage(node, module, bottoms))
    return made


def _alone(node: Node, bottoms: tuple[Value, ...]) -> Any:
    """A net of Input blobs of the layer's bottoms, and the layer."""
    definition = message("NetParameter")
    definition.name = "Stage"
    if bottoms:
        layer = definition.layer.add(name=f"{node.name} bottoms", type="Input")
        for value in bottoms:
            layer.top.append(value.blob)
            layer.input_param.shape.add(dim=value.shape)
    definition.layer.add().CopyFrom(node.layer.message)
    return definition


def first_values(net: Net, batch: Mapping[str, Tensor]) -> Values:
    """The values that the data layers give."""
    return {value: batch[value.blob] for value in net.graph.inputs}


def objective(values: Mapping[Value, Tensor], made: list[Stage]) -> Tensor:
    """The weighted sum of the losses."""
    total = torch.zeros(())
    for stage in made:
        for value, weight in zip(stage.node.outputs, stage.node.loss_weights, strict=True):
            if weight:
                total = total.to(values[value].device) + weight * values[value].sum()
    return total


def first_bad_layer(net: Net, batch: Mapping[str, Tensor]) -> str:
    """Where the numbers of a forward pass stop being finite, in words."""
    values = first_values(net, batch)
    for value, tensor in values.items():
        if not _is_finite(tensor):
            return f"the data blob {value.blob!r} itself is not finite"
    with torch.no_grad():
        for stage in stages(net):
            for name, parameter in stage.module.state_dict().items():
                if not _is_finite(parameter):
                    return f"the {name.rpartition('.')[2]} of {_called(stage.node)} is not finite"
            found = stage.run(values)
            for value, tensor in found.items():
                if not _is_finite(tensor):
                    where = f"the first blob that is not finite is {value.blob!r}"
                    return f"{where}, of {_called(stage.node)}"
            values |= found
    return "a second pass over the same batch was finite in every layer"


def failure(net: Net, batch: Mapping[str, Tensor], error: Exception) -> None:
    """Raise NetError of the layer that can't take a batch, where a pass by layers finds it.

    After an error on a GPU nothing more can be run there, it is left as it is.
    """
    if net.device.type == "cuda":
        return
    values = first_values(net, batch)
    with torch.no_grad():
        for stage in stages(net):
            values |= stage.run(values)
    if net.compiled is not None:
        reason = _first_line(getattr(error, "inner_exception", error))
        what = f"torch.compile can't compile the net: {reason}"
        hint = "on a CPU it needs a C++ compiler, as g++; or leave --compile out"
        raise NetError(what, None, hint) from error


def _refused(stage: Stage, values: Mapping[Value, Tensor], error: Exception) -> NetError:
    """What a layer was given when it failed, in words."""
    given = ", ".join(_described(value.blob, values[value]) for value in stage.bottoms)
    what = f"{_called(stage.node)} can't take this batch: {_first_line(error)}; it is given {given}"
    hint = "labels count from 0 and must be below the number of classes"
    return NetError(what, stage.node.span, hint if len(stage.bottoms) > 1 else None)


def _first_line(error: Exception) -> str:
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
