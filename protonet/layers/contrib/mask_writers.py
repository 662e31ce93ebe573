"""BinaryPngWrite and VisualSaliency: where a net finds its object, written as images."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr


@register("BinaryPngWrite")
class BinaryPngWrite(Layer):
    """Take two scores a pixel out of the net, which a test writes as a mask.

    Each bottom (n, 2, h, w), or more channels, whose first two count; a module has no files, so it
    computes nothing. `protonet test` writes PREFIX, a name of the list ``source`` or iter_N, and
    _mask.png every ``period``-th pass, 255 where the second score is above the first, of the first
    item. Source: BinaryPngWriteLayer of Kinpzz's Caffe fork.
    """

    param = "binary_png_write_param"
    tops = (0, 0)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "BinaryPngWrite" bottom: "x" '
            'binary_png_write_param { prefix: "out/" } }',
            {"x": (1, 2, 4, 5), "y": (2, 3)},
            {},
            "return y",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_scores(bottoms)
        if not self.has("prefix"):
            raise LayerError("it has no prefix", hint="give binary_png_write_param { prefix }")
        if self.p.period < 1:
            raise LayerError(f"period must be positive, it is {self.p.period}", "period")
        if self.p.strip < 0:
            raise LayerError(f"strip can't be negative, it is {self.p.strip}", "strip")
        return ()

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        return ()


@register("VisualSaliency")
class VisualSaliency(Layer):
    """Take two scores a pixel out of the net, which a test writes as masks, and training too.

    (n, 2, h, w), or more channels, whose first two count; a module has no files, so it computes
    nothing. `protonet test` and `protonet train` write the masks of the first ``visual_num`` items
    as SAVE_DIR/K_ITEM_LAYER.jpg, K counting every ``visual_interval``-th pass.
    Source: VisualSaliencyLayer of Kinpzz's Caffe fork.
    """

    param = "visual_saliency_param"
    tops = (0, 0)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "VisualSaliency" bottom: "x" '
            'visual_saliency_param { save_dir: "out" } }',
            {"x": (1, 2, 4, 5), "y": (2, 3)},
            {},
            "return y",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_scores(bottoms)
        if not self.p.save_dir:
            raise LayerError("it has no save_dir", hint="give visual_saliency_param { save_dir }")
        self.check_positive("visual_interval")
        if self.p.visual_num > bottoms[0][0]:
            what = f"visual_num is at most {bottoms[0][0]}, the batch, not {self.p.visual_num}"
            raise LayerError(what, "visual_num")
        return ()

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        return ()


def check_scores(bottoms: tuple[Shape, ...]) -> None:
    """LayerError where a bottom has not two scores for each pixel of an image."""
    for index, x in enumerate(bottoms):
        if len(x) != 4 or x[1] < 2 or not x[0]:
            raise LayerError(f"it takes (n, 2, h, w), not {show(x)}", "bottom", index)
