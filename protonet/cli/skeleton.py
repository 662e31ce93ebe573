"""The file that `protonet layers --new NAME` writes: a layer that runs, to be changed."""

from __future__ import annotations

import re
from pathlib import Path

from protonet.diagnostics import NetError
from protonet.files import write_whole
from protonet.layers import REGISTRY

_TEXT = '''"""@NAME@: what it does, in a line."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, single


@register("@NAME@")
class @NAME@(Layer):
    """Multiply by a factor.

    Any shape, kept. Source: the paper, or the function in Caffe, that it follows.
    """

    # The layer's own message in a prototxt: its fields, with their defaults.
    param = "@FIELD@_param"
    fields = {"factor": 1.0}
    may_run_in_place = True
    examples = (
        Example(
            'layer { name: "l" type: "@NAME@" bottom: "x" top: "y" '
            "@FIELD@_param { factor: 2 } }",
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = x * 2.0",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if self.p.factor == 0:
            raise LayerError("factor must not be 0", "factor")
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return x * single(self.p.factor)
'''


def write_skeleton(name: str) -> Path:
    """Write NAME's file into the working directory. NetError where it is there already."""
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        raise NetError(f"{name!r} is no name for a layer type", None, "write it as MyLayer")
    if name in REGISTRY:
        raise NetError(f"the layer type {name!r} is there already", None, "choose another name")
    field = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    path = Path(f"{field}.py")
    if path.exists():
        raise NetError(f"{path} is there already; it would be lost", None, "move it away")
    write_whole(str(path), _TEXT.replace("@NAME@", name).replace("@FIELD@", field))
    return path
