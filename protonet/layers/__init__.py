"""One class a layer type; importing this package registers them all."""

import importlib
import pkgutil

from protonet.layers import plugins
from protonet.layers.base import REGISTRY, Example, Layer, LayerError, ShapeUnknown, register
from protonet.schema.pool import message

__all__ = [
    "REGISTRY",
    "Example",
    "Layer",
    "LayerError",
    "ShapeUnknown",
    "ignored_fields",
    "plugins",
    "register",
]

for _folder in (__path__, [f"{path}/contrib" for path in __path__]):
    _prefix = f"{__name__}." if _folder is __path__ else f"{__name__}.contrib."
    for _module in pkgutil.iter_modules(_folder):
        if not _module.ispkg:
            importlib.import_module(_prefix + _module.name)

plugins.load_entry_points()


def ignored_fields() -> dict[str, set[str]]:
    """The fields that layer types ignore, by their messages."""
    found: dict[str, set[str]] = {}
    fields = message("LayerParameter").DESCRIPTOR.fields_by_name
    for cls in REGISTRY.values():
        if cls.param and cls.ignores:
            found.setdefault(fields[cls.param].message_type.name, set()).update(cls.ignores)
    return found
