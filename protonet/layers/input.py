"""Input: blobs that the caller gives."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, check_dims, register


@register("Input")
class Input(Layer):
    """Take the tops from the caller, with the shapes stated: one for all, or one each.

    Source: Caffe's InputLayer.
    """

    param = "input_param"
    bottoms = (0, 0)
    tops = (1, None)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "Input" top: "data" '
            "input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }",
            {},
            {"data": (1, 3, 8, 8)},
            "def forward(self, data):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        shapes = tuple(tuple(shape.dim) for shape in self.p.shape)
        tops = self.message.top
        if not shapes:
            what = f"the input {tops[0]!r} has no shape"
            raise LayerError(what, hint=f"state one, or give `--shape {tops[0]}=NxCxHxW`")
        if len(shapes) not in (1, len(tops)):
            what = f"it has {len(tops)} inputs and takes one shape or {len(tops)}"
            raise LayerError(f"{what}, not {len(shapes)}", "shape")
        for index, shape in enumerate(shapes):
            check_dims(shape, "shape", index)
        return shapes if len(shapes) == len(tops) else shapes * len(tops)
