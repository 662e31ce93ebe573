"""MatWrite: blobs that DeepLab's Caffe writes to MATLAB's files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr


@register("MatWrite")
class MatWrite(Layer):
    """Take blobs out of the net; a module has no files, so it computes nothing.

    A test writes them (`protonet test`). Name the bottoms as outputs to get them. Any shapes.
    Source: MatWriteLayer of DeepLab's Caffe fork.
    """

    param = "mat_write_param"
    bottoms = (1, None)
    tops = (0, 0)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "MatWrite" bottom: "x" mat_write_param { prefix: "out/" } }',
            {"x": (2, 3), "y": (2, 3)},
            {},
            "return y",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if not self.p.prefix:
            raise LayerError("it has no prefix", hint="give mat_write_param { prefix }")
        if self.p.period < 1:
            raise LayerError(f"period must be positive, it is {self.p.period}", "period")
        return ()

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        return ()
