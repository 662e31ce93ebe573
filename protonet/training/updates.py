"""Caffe's six solvers as torch optimisers: its arithmetic, its order, its history."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from protonet.training.lists import Rates, add_scaled, laid_out_as, local_ratio, scale
from protonet.training.reading import Reading
from protonet.training.resting import put_back, resting


class CaffeOptimizer(torch.optim.Optimizer):
    """What the six share: clip, normalise, regularise, then the method's own update.

    Groups have ``lr_mult`` and ``decay_mult``; ``lr`` is the rate of the iteration. ``iter_size``
    divides gradients that were summed over so many passes. ``larc`` (NVCaffe's, ``larc_eta``,
    ``larc_policy``) and ``local_lr_auto`` (Intel's, ``local_gw_ratio``) put the ratio of the
    weights' norm to the gradient's in the place of lr_mult. Where ``moving`` has zeros for a
    parameter, its numbers and their history stay as they are. A parameter without a gradient has a
    gradient of zeros. Source: SGDSolver::ApplyUpdate, GetLocalRate.
    """

    histories: ClassVar[tuple[str, ...]] = ("history",)

    def __init__(self, params: Iterable[Any], lr: float, **settings: Any) -> None:
        defaults: dict[str, Any] = {
            "lr": lr,
            "lr_mult": 1.0,
            "decay_mult": 1.0,
            "weight_decay": 0.0,
            "regularization": "L2",
            "step": 0,
            "larc": False,
            "larc_policy": "scale",
            "larc_eta": 0.001,
            "local_lr_auto": False,
            "local_gw_ratio": 0.001,
            **self.own_defaults(),
        }
        self.clip_gradients: float = settings.pop("clip_gradients", -1.0)
        self.iter_size: int = settings.pop("iter_size", 1)
        unknown = settings.keys() - defaults.keys()
        if unknown:
            raise ValueError(f"{type(self).__name__} takes no {', '.join(sorted(unknown))}")
        super().__init__(params, {**defaults, **settings})
        self._norm: Reading | None = None
        self.keep_updates = False
        self.moving: dict[Tensor, Tensor] = {}
        for group in self.param_groups:
            group["moving"] = True
            for parameter in group["params"]:
                for name in self.histories:
                    self.state[parameter][name] = torch.zeros_like(parameter, requires_grad=False)

    def add_param_group(self, param_group: dict[str, object]) -> None:
        """As torch's, without importing torch.compile first, which takes as long as torch."""
        add = torch.optim.Optimizer.add_param_group
        getattr(add, "__wrapped__", add)(self, param_group)

    @classmethod
    def own_defaults(cls) -> dict[str, float]:
        """The method's own settings and Caffe's defaults of them."""
        return {}

    def update(self, group: dict[str, Any], rate: Rates, grads: list[Tensor]) -> list[Tensor]:
        """Count the history on and return what is taken off the parameters."""
        raise NotImplementedError

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update. After it gradients hold Caffe's diffs only under ``keep_updates``."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._clip()
        for group in self.param_groups:
            group["step"] += 1
            if group["moving"] or group["lr_mult"]:
                before = resting(self.moving, group["params"])
                self._step_group(group)
                put_back(self, before)
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        weights = group["params"]
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in weights]
        if self.iter_size != 1:
            torch._foreach_mul_(grads, 1.0 / self.iter_size)
        rate = self._rates(group, grads)
        decay = group["weight_decay"] * group["decay_mult"]
        if decay:
            kind = group["regularization"]
            penalty = weights if kind == "L2" else torch._foreach_sign(weights)
            torch._foreach_add_(grads, penalty, alpha=decay)
        updates = self.update(group, rate, grads)
        torch._foreach_sub_(weights, updates)
        if self.keep_updates:
            torch._foreach_copy_(grads, updates)

    @property
    def clipped(self) -> tuple[float, float] | None:
        """The norm of the step's gradients and what scaled them down, where something did."""
        norm, limit = 0.0 if self._norm is None else float(self._norm), self.clip_gradients
        return (norm, limit / norm) if 0 <= limit < norm else None

    def _clip(self) -> None:
        """Scale all gradients down to the norm that clip_gradients allows. ClipGradients."""
        self._norm = None
        if self.clip_gradients < 0:
            return
        every = [p.grad for g in self.param_groups for p in g["params"] if p.grad is not None]
        if not every:
            return
        norm = torch.stack(torch._foreach_norm(every)).norm()
        self._norm = Reading(norm)
        if norm.device.type == "cuda":  # which does not wait to be asked whether to scale
            factor = (self.clip_gradients / norm).clamp(max=1.0).nan_to_num(nan=1.0)
            torch._foreach_mul_(every, factor)
        elif self.clipped is not None:
            torch._foreach_mul_(every, self.clipped[1])

    def _rates(self, group: dict[str, Any], grads: list[Tensor]) -> Rates:
        """The local rate of the group, or one a parameter under larc and local_lr_auto."""
        lr, mult = group["lr"], group["lr_mult"]
        if not mult or not (group["larc"] or group["local_lr_auto"]):
            return float(lr * mult)
        norms = [torch.stack(torch._foreach_norm(x)).tolist() for x in (group["params"], grads)]
        rates = [local_ratio(group, w, g) for w, g in zip(*norms, strict=True)]
        if group["larc"] and group["larc_policy"] == "clip":
            return [min(lr, rate) for rate in rates]
        return [lr * rate for rate in rates]

    def _history(self, group: dict[str, Any], name: str) -> list[Tensor]:
        return [self.state[parameter][name] for parameter in group["params"]]


class SGD(CaffeOptimizer):
    """V = momentum V + rate G; W -= V. The rate stays inside V, unlike in torch's own SGD."""

    @classmethod
    def own_defaults(cls) -> dict[str, float]:
        return {"momentum": 0.0}

    def _step_group(self, group: dict[str, Any]) -> None:
        if not self._is_fused(group):
            super()._step_group(group)
            return
        weights, rate = group["params"], float(group["lr"] * group["lr_mult"])
        for weight in weights:
            state = self.state[weight]
            state["history"] = laid_out_as(weight, state["history"])
        torch._fused_sgd_(
            weights,
            [torch.zeros_like(p) if p.grad is None else laid_out_as(p, p.grad) for p in weights],
            self._history(group, "history"),
            weight_decay=group["weight_decay"] * group["decay_mult"],
            momentum=group["momentum"],
            lr=1.0,
            dampening=1 - rate,  # what torch leaves out of a gradient: the rate goes into V
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )
        if self.keep_updates:
            for weight in weights:
                if weight.grad is not None:
                    weight.grad.copy_(self.state[weight]["history"])

    def _is_fused(self, group: dict[str, Any]) -> bool:
        """Whether one trip through memory does it all: V counted on, and taken off W."""
        plain = self.iter_size == 1 and not group["larc"]
        decays = group["weight_decay"] * group["decay_mult"] == 0 or group["regularization"] == "L2"
        own = type(self) is SGD and not group["local_lr_auto"]
        return own and plain and decays and group["momentum"] != 0

    def update(self, group: dict[str, Any], rate: Rates, grads: list[Tensor]) -> list[Tensor]:
        history = self._history(group, "history")
        torch._foreach_mul_(history, group["momentum"])
        add_scaled(history, grads, rate)
        return history


class Nesterov(SGD):
    """V as SGD's; W -= (1 + momentum) V - momentum V before. Source: NesterovSolver."""

    def update(self, group: dict[str, Any], rate: Rates, grads: list[Tensor]) -> list[Tensor]:
        momentum = group["momentum"]
        before = torch._foreach_mul(self._history(group, "history"), -momentum)
        history = super().update(group, rate, grads)
        torch._foreach_add_(before, history, alpha=1 + momentum)
        return list(before)


class AdaGrad(CaffeOptimizer):
    """H += G²; W -= rate G / (√H + delta). Source: AdaGradSolver."""

    @classmethod
    def own_defaults(cls) -> dict[str, float]:
        return {"delta": 1e-8}

    def update(self, group: dict[str, Any], rate: Rates, grads: list[Tensor]) -> list[Tensor]:
        squares = self._history(group, "history")
        torch._foreach_addcmul_(squares, grads, grads)
        return _divided(group, rate, grads, squares)


class RMSProp(CaffeOptimizer):
    """H = rms_decay H + (1 - rms_decay) G²; W -= rate G / (√H + delta). Source: RMSPropSolver."""

    @classmethod
    def own_defaults(cls) -> dict[str, float]:
        return {"delta": 1e-8, "rms_decay": 0.99}

    def update(self, group: dict[str, Any], rate: Rates, grads: list[Tensor]) -> list[Tensor]:
        squares, decay = self._history(group, "history"), group["rms_decay"]
        torch._foreach_mul_(squares, decay)
        torch._foreach_addcmul_(squares, grads, grads, value=1 - decay)
        return _divided(group, rate, grads, squares)


def _divided(
    group: dict[str, Any], rate: Rates, grads: list[Tensor], squares: list[Tensor]
) -> list[Tensor]:
    """Rate times gradient over the root of the squares plus delta."""
    roots = torch._foreach_sqrt(squares)
    torch._foreach_add_(roots, group["delta"])
    updates = list(torch._foreach_div(grads, roots))
    scale(updates, rate)
    return updates


class AdaDelta(CaffeOptimizer):
    """H and D are running means of G² and of squared steps S = G √((D + delta) / (H + delta)).

    W -= rate S; ``momentum`` is their decay. Source: AdaDeltaSolver.
    """

    histories = ("history", "steps")

    @classmethod
    def own_defaults(cls) -> dict[str, float]:
        return {"delta": 1e-8, "momentum": 0.0}

    def update(self, group: dict[str, Any], rate: Rates, grads: list[Tensor]) -> list[Tensor]:
        squares, steps = (self._history(group, name) for name in self.histories)
        momentum, delta = group["momentum"], group["delta"]
        torch._foreach_mul_(squares, momentum)
        torch._foreach_addcmul_(squares, grads, grads, value=1 - momentum)
        ratios = list(torch._foreach_add(steps, delta))
        torch._foreach_div_(ratios, torch._foreach_add(squares, delta))
        torch._foreach_sqrt_(ratios)
        torch._foreach_mul_(ratios, grads)
        torch._foreach_mul_(steps, momentum)
        torch._foreach_addcmul_(steps, ratios, ratios, value=1 - momentum)
        scale(ratios, rate)
        return ratios


class Adam(CaffeOptimizer):
    """M and V are running means of G and G²; W -= rate √(1 - b2ᵗ) / (1 - b1ᵗ) M / (√V + delta).

    b1 is ``momentum``, b2 ``momentum2``. Source: AdamSolver.
    """

    histories = ("mean", "square")

    @classmethod
    def own_defaults(cls) -> dict[str, float]:
        return {"delta": 1e-8, "momentum": 0.9, "momentum2": 0.999}

    def update(self, group: dict[str, Any], rate: Rates, grads: list[Tensor]) -> list[Tensor]:
        means, squares = (self._history(group, name) for name in self.histories)
        first, second, step = group["momentum"], group["momentum2"], group["step"]
        torch._foreach_mul_(means, first)
        torch._foreach_add_(means, grads, alpha=1 - first)
        torch._foreach_mul_(squares, second)
        torch._foreach_addcmul_(squares, grads, grads, value=1 - second)
        correction = math.sqrt(1 - second**step) / (1 - first**step)
        scaled = [r * correction for r in rate] if isinstance(rate, list) else rate * correction
        return _divided(group, scaled, means, squares)


OPTIMIZERS = {cls.__name__: cls for cls in (SGD, Nesterov, AdaGrad, RMSProp, AdaDelta, Adam)}
