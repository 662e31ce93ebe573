"""FLOWriter, ImgWriter, FloatWriter, PFMWriter: blobs that FlowNet's forks write to files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr

_CHANNELS = {"FLOWriter": (2,), "ImgWriter": (1, 3), "PFMWriter": (1, 3)}


@register("FLOWriter", "ImgWriter", "FloatWriter", "PFMWriter")
class Writer(Layer):
    """Take a blob out of the net, which a test writes; a module has no file and computes nothing.

    A flow (n, 2, h, w) for FLOWriter, one channel or three for an image. `protonet test` writes an
    item each as FOLDER/PREFIX, seven digits of the pass, (ITEM) where there are several, SUFFIX and
    .flo, .pgm or .ppm, .float3 or .pfm; in Python name the bottom as an output to get it.
    Source: FlowNet2's FLOWriterLayer, ImgWriterLayer, FloatWriterLayer and PFMWriterLayer.
    """

    param = "writer_param"
    keeps = ()
    tops = (0, 0)
    examples = (
        Example(
            'layer { name: "l" type: "FLOWriter" bottom: "x" writer_param { folder: "out" } }',
            {"x": (1, 2, 4, 5), "y": (2, 3)},
            {},
            "return y",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        wanted = _CHANNELS.get(self.message.type)
        if len(x) != 4 or (wanted and x[1] not in wanted):
            counts = " or ".join(map(str, wanted or ("c",)))
            what = f"it takes (n, {counts}, h, w), not {show(x)}"
            raise LayerError(what, "bottom", 0)
        return ()

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        return ()
