"""Layers that ONNX says better than what torch makes of their PyTorch, one file a type.

A translation is a PyTorch function of a site and the layer's bottoms that runs under torch.export
in place of the layer's own statements. ``operator`` puts one operator of ONNX into its graph, and
``built`` a whole piece of one, for what is said with sizes that the data decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

from torch import SymInt, Tensor, nn

from protonet.graph import Node

Said = Tensor | tuple[Tensor, ...]


@dataclass(frozen=True)
class Site:
    """Where a translation stands: its node, the net, the layer's own statements, the rows.

    ``count`` is how many rows the data make for layers whose tops grow, a size without a value,
    else 0; ``runtime`` is the one that is to load the file, where one is named.
    """

    node: Node
    net: nn.Module
    own: Callable[..., tuple[Tensor, ...]]
    count: int | SymInt = 0
    runtime: str | None = None


Translation = Callable[..., Said]
_TRANSLATIONS: dict[str, tuple[Translation, Callable[[Node], bool]]] = {}


def _always(_node: Node) -> bool:
    return True


def says(
    *types: str, when: Callable[[Node], bool] = _always
) -> Callable[[Translation], Translation]:
    """Make a function what these layer types become, where ``when`` is true of the node."""

    def enter(function: Translation) -> Translation:
        for name in types:
            assert name not in _TRANSLATIONS, f"{name} is said twice"
            _TRANSLATIONS[name] = function, when
        return function

    return enter


def translation(node: Node) -> Translation | None:
    """What a node becomes in place of its own statements; None where they are what is exported."""
    if not _TRANSLATIONS:
        for module in iter_modules(__path__):
            import_module(f"{__name__}.{module.name}")
    found = _TRANSLATIONS.get(node.layer.type)
    return found[0] if found and found[1](node) else None
