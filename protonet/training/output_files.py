"""The layers of a net that write what they read to files, and these files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from protonet.data.flow_files import FlowWriter
from protonet.data.hdf5_output import HDF5Writer
from protonet.data.mask_files import BinaryPngWriter, SaliencyWriter
from protonet.data.mat_file import MatWriter
from protonet.data.pass_files import PassWriter
from protonet.diagnostics import NetError
from protonet.graph.graph import Graph, Node

FileWriter = HDF5Writer | PassWriter
# Written while a net trains as well: they show how it does, every so many passes.
WATCHING = ("VisualSaliency",)


@dataclass
class OutputFile:
    """The file of a layer, or its files, and the blobs that go into it."""

    writer: FileWriter
    blobs: tuple[str, ...]

    def add(self, blobs: Mapping[str, Tensor]) -> None:
        """Add the layer's bottoms of one pass."""
        self.writer.add(*(blobs[name].detach().float().cpu().numpy() for name in self.blobs))


def writing_nodes(graph: Graph) -> list[Node]:
    """The nodes that write."""
    return [node for node in graph.nodes if node.type in WRITING]


def output_file(node: Node) -> OutputFile:
    """The file of a node. NetError where it can't be written."""
    blobs = tuple(value.blob for value in node.inputs)
    try:
        return OutputFile(_MAKERS[node.type](node), blobs)
    except NetError as error:
        if error.span:
            raise
        what = f"layer {node.name!r} ({node.type}): {error.message}"
        raise NetError(what, node.span, error.hint) from None


def _hdf5(node: Node) -> FileWriter:
    return HDF5Writer(node.layer.p.file_name)


def _mat(node: Node) -> PassWriter:
    p = node.layer.p
    return MatWriter(p.prefix, p.source, p.strip, p.period)


def _png(node: Node) -> PassWriter:
    p = node.layer.p
    return BinaryPngWriter(p.prefix, p.source, p.strip, p.period)


def _saliency(node: Node) -> PassWriter:
    p = node.layer.p
    return SaliencyWriter(p.save_dir, node.name, p.visual_num, p.visual_interval)


def _flow(node: Node) -> PassWriter:
    return FlowWriter(node.type, node.layer.p)


_MAKERS: dict[str, Callable[[Node], FileWriter]] = {
    "HDF5Output": _hdf5,
    "MatWrite": _mat,
    "BinaryPngWrite": _png,
    "VisualSaliency": _saliency,
    **dict.fromkeys(("FLOWriter", "FloatWriter", "ImgWriter", "PFMWriter"), _flow),
}
WRITING = tuple(_MAKERS)
