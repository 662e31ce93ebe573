"""Nets exported, and what became of each: what the tests and the tables of the docs share."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch

from protonet import NetError
from protonet.api import graph_of
from protonet.exporting.export import export_net
from protonet.exporting.options import ExportOptions
from protonet.exporting.source import from_definition
from protonet.selection import Selection

STATISTICS = ("running_mean", "running_var", "mean", "variance")


@dataclass(frozen=True)
class Trial:
    """One net's export: why there is none, or the operators and the largest difference."""

    name: str
    error: str
    nodes: int = 0
    difference: float = 0.0
    seconds: float = 0.0
    batch: str = "dynamic"


def fill(net, _selection=None):
    """Weights of such sizes that values neither die nor grow, and saturate nothing."""
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in net.parameters():
            if p.dim() > 1:
                fan = max(1, p[0].numel())
                p.copy_(torch.randn(p.shape, generator=random) * (1.5 / fan) ** 0.5)
            else:
                p.copy_(torch.rand(p.shape, generator=random) * 0.5 + 0.25)
        for name, buffer in net.named_buffers():
            if buffer.is_floating_point() and name.rpartition(".")[2] in STATISTICS:
                buffer.copy_(torch.rand(buffer.shape, generator=random) + 0.5)
            elif name.rpartition(".")[2] == "factor":
                buffer.fill_(1.0)


def scored(source, selection=None):
    """A net's outputs, and what its softmaxes and losses read: saturated, they hide differences."""
    net = graph_of(source, selection or Selection.of())
    ends = [v.blob for v in net.outputs if not v.producer.layer.is_data]
    more = [
        node.inputs[0].blob
        for node in net.nodes
        if (node.layer.is_loss or node.layer.type == "Softmax")
        and net.blobs.get(node.inputs[0].blob) is node.inputs[0]
    ]
    return list(dict.fromkeys([*ends, *more]))


def tried(name, source, path, selection=None, load=fill, scores=False, **options):
    """Export a net and compare it in onnxruntime."""
    start = time.perf_counter()
    chosen = ExportOptions.of(**options)
    try:
        selection = selection or Selection.of()
        if scores:
            selection = replace(selection, outputs=tuple(scored(source, selection)))
        exported = from_definition(source, selection, chosen, load)
        written = export_net(exported, path, chosen)
    except NetError as error:
        text = str(error)
        reason = text[text.index("error:") + 7 :] if "error:" in text else text
        return Trial(name, reason.splitlines()[0], seconds=time.perf_counter() - start)
    took = time.perf_counter() - start
    difference = written.checked.difference if written.checked else 0.0
    return Trial(name, "", written.nodes, difference, took, str(chosen.batch))
