"""The net as objects: values, parameters, nodes, and how they are built from a message."""

from protonet.graph.build import build
from protonet.graph.graph import Graph, Node, Param, Value
from protonet.graph.verify import verify

__all__ = ["Graph", "Node", "Param", "Value", "build", "verify"]
