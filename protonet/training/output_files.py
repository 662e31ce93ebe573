"""The layers of a net that write what they read to files, and these files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from protonet.data.hdf5_output import HDF5Writer
from protonet.data.mat_file import MatWriter
from protonet.graph.graph import Graph, Node

WRITING = ("HDF5Output", "MatWrite")


@dataclass
class OutputFile:
    """The file of a layer, or its files, and the blobs that go into it."""

    writer: HDF5Writer | MatWriter
    blobs: tuple[str, ...]

    def add(self, blobs: Mapping[str, Tensor]) -> None:
        """Add the layer's bottoms of one pass."""
        self.writer.add(*(blobs[name].detach().float().cpu().numpy() for name in self.blobs))


def writing_nodes(graph: Graph) -> list[Node]:
    """The nodes that write."""
    return [node for node in graph.nodes if node.type in WRITING]


def output_file(node: Node) -> OutputFile:
    """The file of a node. NetError where it can't be written."""
    p = node.layer.p
    blobs = tuple(value.blob for value in node.inputs)
    if node.type == "HDF5Output":
        return OutputFile(HDF5Writer(p.file_name), blobs)
    return OutputFile(MatWriter(p.prefix, p.source, p.strip, p.period), blobs)
