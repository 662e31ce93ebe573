"""From a graph to a program, its source text, and the module that executes that text."""

from protonet.codegen.module import instantiate
from protonet.codegen.source import source
from protonet.codegen.write import Program, write

__all__ = ["Program", "instantiate", "source", "write"]
