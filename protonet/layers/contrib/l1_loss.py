"""L1Loss: the sum of absolute differences."""

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr


@register("L1Loss")
class L1Loss(Layer):
    """The sum of the absolute differences of two blobs, over the batch size.

    (n, ...) twice, one number. Source: NVIDIA's Caffe fork, L1LossLayer.
    """

    param = "l1_loss_param"
    bottoms = (2, 2)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "L1Loss" bottom: "x" bottom: "label" top: "y" }',
            {"x": (4, 3, 5, 5), "label": (4, 3, 5, 5)},
            {"y": ()},
            "y = (x - label).abs().sum() / x.shape[0]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, target = bottoms
        for field, _ in self.p.ListFields():
            what = f"{field.name} of FlowNet's fork is not supported"
            raise LayerError(what, field.name)
        if not x or x[:1] != target[:1] or count(x) != count(target):
            what = f"the shapes {show(x)} and {show(target)} must hold as many numbers each"
            raise LayerError(what, "bottom", 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, target = bottoms
        if b.bottoms[0] != b.bottoms[1]:
            target = target.view_as(x)
        return (x - target).abs().sum() / x.shape[0]
