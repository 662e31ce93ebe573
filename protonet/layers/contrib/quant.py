"""Quant: activations of few levels, whose gradient is that of a function near them."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, F, single, torch

_FORWARD = ("hwgq", "sign", "hard_tanh", "relu")
_BACKWARD = ("relu", "hard_tanh")


@register("Quant")
class Quant(Layer):
    """The nearest of ``centers`` where x > 0 and -negative_slope elsewhere; or the sign of x.

    Any shape, kept. With forward_func: "hard_tanh" x between -1 and 1, with "relu" x itself above
    0. The gradient is that of backward_func: of "relu", or 1 for "hard_tanh", and 0 beyond
    clip_thr where that is positive. Source: QuantLayer of zhaoweicai's hwgq; Cai et al., Deep
    Learning with Low Precision by Half-wave Gaussian Quantization (2017).
    """

    param = "quant_param"
    may_run_in_place = True
    backward_reads = ("bottoms",)
    in_place_harms = True
    ignores = ("thrs",)
    examples = (
        Example(
            'layer { name: "q" type: "Quant" bottom: "x" top: "y" quant_param { clip_thr: 1.5 '
            "centers: 0.5 centers: 1 centers: 1.5 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = going_back(half_wave(x, [0.5, 1.0, 1.5]), F.relu(x.clamp(max=1.5)))",
        ),
        Example(
            'layer { name: "q" type: "Quant" bottom: "x" top: "y" '
            'quant_param { forward_func: "sign" backward_func: "hard_tanh" clip_thr: 1 } }',
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = going_back(torch.where(x >= 0, 1.0, -1.0), x.clamp(-1.0, 1.0))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p = self.p
        for field, known in (("forward_func", _FORWARD), ("backward_func", _BACKWARD)):
            given = getattr(p, field)
            if given not in known:
                what = f"{field} {given!r} is not known; it is {', '.join(known)}"
                raise LayerError(what, field)
        if p.forward_func == "hwgq" and not self._rise():
            what = f"centers are positive and rise, they are {self._centers() or 'missing'}"
            raise LayerError(what, "centers" if len(p.centers) else "quant_param")
        return bottoms

    def _centers(self) -> list[float]:
        return [single(center) for center in self.p.centers]

    def _rise(self) -> bool:
        """Caffe takes the first threshold above a number, which wants them in their order."""
        centers = self._centers()
        low = [0.0, *centers[:-1]]
        return bool(centers) and all(a < b for a, b in zip(low, centers, strict=True))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return b.call(going_back, self._value(b, x), self._path(b, x))

    def _value(self, b: Builder, x: Expr) -> Expr:
        slope = single(self.p.negative_slope)
        if self.p.forward_func == "sign":
            return b.call(torch.where, x >= 0, 1.0, -1.0)
        if self.p.forward_func == "hard_tanh":
            return x.clamp(-1.0, 1.0)
        if self.p.forward_func == "relu":
            return b.call(F.leaky_relu, x, slope) if slope else b.call(F.relu, x)
        return b.call(half_wave, x, self._centers(), *([slope] if slope else []))

    def _path(self, b: Builder, x: Expr) -> Expr:
        """What has the gradient."""
        clip, slope = single(self.p.clip_thr), single(self.p.negative_slope)
        if self.p.backward_func == "hard_tanh":
            return x.clamp(-clip, clip) if clip > 0 else x
        x = x.clamp(max=clip) if clip > 0 else x
        return b.call(F.leaky_relu, x, slope) if slope else b.call(F.relu, x)


def half_wave(x: torch.Tensor, centers: list[float], slope: float = 0.0) -> torch.Tensor:
    """The nearest center where x is positive, -slope elsewhere."""
    levels = torch.tensor(centers, device=x.device, dtype=x.dtype)
    nearest = levels[torch.bucketize(x.detach(), (levels[1:] + levels[:-1]) / 2)]
    return torch.where(x > 0, nearest, -slope)


def going_back(value: torch.Tensor, path: torch.Tensor) -> torch.Tensor:
    """A value whose gradient goes another path."""
    return value.detach() + (path - path.detach())
