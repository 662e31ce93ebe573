"""A module as torch.export sees it: one graph of operators over tensors of fixed sizes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputSpec, OutputKind
from torch.fx import Node

from protonet.diagnostics import NetError
from protonet.exporting.traced import without_warnings
from protonet.lifting.names import mark_names
from protonet.runtime.failure import first_line
from protonet.shape import show


@dataclass(frozen=True)
class Captured:
    """An exported program without changes in place, and the example it was made on."""

    program: ExportedProgram
    example: tuple[torch.Tensor, ...]

    @property
    def graph(self) -> torch.fx.Graph:
        """The operators."""
        graph: torch.fx.Graph = self.program.graph
        return graph

    @cached_property
    def placeholders(self) -> list[Node]:
        """The graph's inputs: parameters, buffers, constants and the user's."""
        return [node for node in self.graph.nodes if node.op == "placeholder"]

    @cached_property
    def returned(self) -> list[Node]:
        """The nodes that the program returns to its caller."""
        (output,) = (node for node in self.graph.nodes if node.op == "output")
        return self.results(output)

    def results(self, output: Node) -> list[Node]:
        """What an output node returns to the caller: not what it says of buffers."""
        specs = self.program.graph_signature.output_specs
        (returned,) = output.args
        assert isinstance(returned, tuple | list)
        pairs = zip(returned, specs, strict=True)
        own = [value for value, spec in pairs if spec.kind is OutputKind.USER_OUTPUT]
        return [value for value in own if isinstance(value, Node)]

    def input_name(self, node: Node) -> str:
        """The name of an argument of forward."""
        return str(node.name).removesuffix("_")

    def tensor(self, spec: InputSpec) -> torch.Tensor:
        """A parameter, buffer or constant."""
        for home in (self.program.state_dict, self.program.constants):
            if spec.target in home:
                held: torch.Tensor = home[spec.target].detach()
                return held
        raise AssertionError(f"the program does not hold {spec.target}")


def captured(module: nn.Module, example: Sequence[torch.Tensor] | torch.Tensor) -> Captured:
    """Export a module in evaluation on an example. NetError where torch.export can't."""
    given = _taken(module, example)
    with _evaluated(module), torch.no_grad(), without_warnings():
        try:
            program = torch.export.export(module, given, strict=False)
        except Exception as error:
            _try_forward(module, given)
            raise _refused(error) from error
    return of_program(program, given)


def of_program(program: ExportedProgram, example: Sequence[torch.Tensor]) -> Captured:
    """A program whose operators change nothing in place."""
    with torch.no_grad(), without_warnings():
        plain = program.run_decompositions({})
    mark_names(plain.graph)
    return Captured(plain, tuple(example))


def _taken(
    module: nn.Module, example: Sequence[torch.Tensor] | torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """The example as it is. NetError where it, or the module, is nothing that can be lifted."""
    if not isinstance(module, nn.Module):
        what = f"{type(module).__name__} is no nn.Module"
        raise NetError(what, None, "give the module, then the tensors that its forward takes")
    given = (example,) if isinstance(example, torch.Tensor) else tuple(example)
    if not given or not all(isinstance(each, torch.Tensor) for each in given):
        hint = "give what forward takes: to_caffe(module, (torch.zeros(1, 3, 224, 224),), path)"
        raise NetError("the example is no tensors", None, hint)
    for name, each in (*module.named_parameters(), *(("the example", x) for x in given)):
        if each.is_floating_point() and each.dtype != torch.float32:
            what = f"{name} is {str(each.dtype).removeprefix('torch.')}"
            hint = "give module.float(), and an example in single precision"
            raise NetError(f"{what}; Caffe computes in single precision", None, hint)
    return given


@contextmanager
def _evaluated(module: nn.Module) -> Iterator[None]:
    """The module and all inside it as in evaluation, and afterwards as they were."""
    states = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for each, training in states:
            each.training = training


def _try_forward(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
    """NetError where the module itself fails on the example: then torch.export is not to blame."""
    try:
        module(*given)
    except Exception as error:
        sizes = ", ".join(show(tuple(each.shape)) for each in given)
        what = f"{type(module).__name__}'s forward fails on an input of {sizes}"
        hint = "give the sizes of every argument that forward takes, in their order"
        raise NetError(f"{what}: {first_line(error)}", None, hint) from error


def _refused(error: Exception) -> NetError:
    found = re.findall(r'File "([^"]+)", line (\d+), in', str(error))
    own = [f"{file}:{line}" for file, line in found if f"{os.sep}torch{os.sep}" not in file]
    where = f" (at {own[-1]})" if own else ""
    hint = "torch.export takes no forward whose way depends on the values of tensors"
    what = first_line(error) or type(error).__name__
    return NetError(f"torch.export refuses the module: {what}{where}", None, hint)
