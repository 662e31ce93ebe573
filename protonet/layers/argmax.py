"""ArgMax: where the largest elements are."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, canonical_axis, count, register
from protonet.program import Builder, Expr, torch


@register("ArgMax")
class ArgMax(Layer):
    """The places of the ``top_k`` largest elements, of a whole item or along ``axis``.

    (n, ...) to (n, 1, top_k), or to (n, 2, top_k) with the values when out_max_val; along an axis
    to that axis of top_k places, or values. Of equal elements the last comes first. No gradient.
    Source: Caffe's ArgMaxLayer.
    """

    param = "argmax_param"
    keeps = ()
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "ArgMax" bottom: "x" top: "y" argmax_param { axis: 1 } }',
            {"x": (2, 10, 4, 4)},
            {"y": (2, 1, 4, 4)},
            "y = last_argmax(x, 1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        top_k, by_axis = self.p.top_k, self.p.HasField("axis")
        if not x:
            raise LayerError("it takes at least 1 axis, (n, ...), not a scalar", "bottom", 0)
        axis = canonical_axis(self.p.axis, x) if by_axis else 0
        most = x[axis] if by_axis else count(x, 1)
        if not 1 <= top_k <= most:
            raise LayerError(f"top_k must be 1 to {most}, not {top_k}", "top_k")
        if by_axis:
            return ((*x[:axis], top_k, *x[axis + 1 :]),)
        ones = (1,) * max(0, len(x) - 3)
        return ((x[0], 2 if self.p.out_max_val else 1, top_k, *ones),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        if self.p.HasField("axis"):
            axis = canonical_axis(self.p.axis, b.bottoms[0])
            if self.p.top_k == 1 and not self.p.out_max_val:
                return b.call(last_argmax, x, axis)
            found = b.call(largest, x, axis, top_k=self.p.top_k)
            return found[0] if self.p.out_max_val else found[1].to(x.dtype)
        rows = x.flatten(1) if len(b.bottoms[0]) > 1 else x[:, None]
        found = b.let("found", b.call(largest, rows, 1, top_k=self.p.top_k))
        places = found[1].to(x.dtype)
        both = b.call(torch.stack, [places, found[0]], dim=1)
        y = both if self.p.out_max_val else places.unsqueeze(1)
        index = (Ellipsis, *(None,) * (len(b.tops[0]) - 3))
        return y[index] if len(index) > 1 else y


def last_argmax(x: torch.Tensor, dim: int) -> torch.Tensor:
    """The place of the largest element along an axis, which stays; of equals the last."""
    x, size = x.detach(), x.shape[dim]
    places = torch.arange(size, dtype=x.dtype, device=x.device)
    places = places.view(-1, *[1] * (x.dim() - 1 - dim))
    # 0 at the largest and -1 below: arithmetic in place is several times faster than a mask.
    below = (x - x.amax(dim, keepdim=True)).nan_to_num_(nan=0.0).sign_()
    return below.mul_(size).add_(places).amax(dim, keepdim=True)


def largest(
    x: torch.Tensor,
    dim: int,
    top_k: int = 1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The top_k largest elements along an axis and their places; of equals the last first."""
    backwards = x.detach().flip(dim)
    if top_k == 1:
        places = backwards.argmax(dim, keepdim=True)
        return backwards.gather(dim, places), x.shape[dim] - 1 - places
    values, places = backwards.sort(dim=dim, descending=True, stable=True)
    places = x.shape[dim] - 1 - places
    return values.narrow(dim, 0, top_k), places.narrow(dim, 0, top_k)
