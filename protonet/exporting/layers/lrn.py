"""LRN across channels as ONNX's own LRN."""

from __future__ import annotations

from torch import Tensor

from protonet.exporting.layers import Site, says
from protonet.exporting.operators import operator
from protonet.graph import Node


def _is_across(node: Node) -> bool:
    return bool(node.layer.p.norm_region == 0)


@says("LRN", when=_is_across)
def lrn(site: Site, x: Tensor) -> Tensor:
    """Its size, alpha, beta and k are Caffe's; alpha is divided by the size in both."""
    p = site.node.layer.p
    given = {"size": p.local_size, "alpha": p.alpha, "beta": p.beta, "bias": p.k}
    return operator("LRN", (x,), x.shape, **given)
