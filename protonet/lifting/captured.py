"""A module as torch.export sees it: one graph of operators over tensors of fixed sizes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from protonet.diagnostics import NetError
from protonet.exporting.traced import without_warnings
from protonet.runtime.failure import first_line


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
    def placeholders(self) -> list[Any]:
        """The graph's inputs: parameters, buffers, constants and the user's."""
        return [node for node in self.graph.nodes if node.op == "placeholder"]

    @cached_property
    def returned(self) -> list[Any]:
        """The nodes that the program returns to its caller."""
        (output,) = (node for node in self.graph.nodes if node.op == "output")
        return self.results(output)

    def results(self, output: Any) -> list[Any]:
        """What an output node returns to the caller: not what it says of buffers."""
        specs = self.program.graph_signature.output_specs
        pairs = zip(output.args[0], specs, strict=True)
        return [node for node, spec in pairs if spec.kind.name == "USER_OUTPUT"]

    def input_name(self, node: Any) -> str:
        """The name of an argument of forward."""
        return str(node.name).removesuffix("_")

    def tensor(self, spec: Any) -> torch.Tensor:
        """A parameter, buffer or constant."""
        for home in (self.program.state_dict, self.program.constants):
            if spec.target in home:
                held: torch.Tensor = home[spec.target].detach()
                return held
        raise AssertionError(f"the program does not hold {spec.target}")


def captured(module: nn.Module, example: Sequence[torch.Tensor]) -> Captured:
    """Export a module in evaluation on an example. NetError where torch.export can't."""
    given = tuple(example)
    with _evaluated(module), torch.no_grad(), without_warnings():
        try:
            program = torch.export.export(module, given, strict=False)
        except Exception as error:
            raise _refused(error) from error
    return of_program(program, given)


def of_program(program: ExportedProgram, example: Sequence[torch.Tensor]) -> Captured:
    """A program whose operators change nothing in place."""
    with torch.no_grad(), without_warnings():
        return Captured(program.run_decompositions({}), tuple(example))


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


def _refused(error: Exception) -> NetError:
    found = re.findall(r'File "([^"]+)", line (\d+), in', str(error))
    own = [f"{file}:{line}" for file, line in found if f"{os.sep}torch{os.sep}" not in file]
    where = f" (at {own[-1]})" if own else ""
    hint = "torch.export takes no forward whose way depends on the values of tensors"
    return NetError(f"torch.export refuses the module: {first_line(error)}{where}", None, hint)
