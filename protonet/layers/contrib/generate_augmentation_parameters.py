"""GenerateAugmentationParameters: coefficients near a first image's, of FlowNet's forks."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.coefficients import (
    COUNT,
    NAMES,
    OTHERS,
    SPATIAL,
    Distribution,
    affine_of,
    drawn_coefficients,
    draws_of,
    inside_coefficients,
    multiplies,
    share_of,
    values_of,
)
from protonet.program import Builder, Expr, nn, single, torch

_MODES = ("add", "replace", "regenerate")


@register("GenerateAugmentationParameters")
class GenerateAugmentationParametersLayer(Layer):
    """Distribution coefficients that change images, added to given ones, in their place, or alone.

    Coefficients (n, 42, 1, 1), the images and their crops, or images alone, to (n, 42, 1, 1). Drawn
    ones keep the crop inside of the image. In the TEST phase nothing is drawn, unless
    augment_during_test. Source: FlowNet2's GenerateAugmentationParametersLayer.
    """

    param = "augmentation_param"
    bottoms = (1, 3)
    constants = (0, 1, 2)
    keeps = ()
    ignores = ("write_augmented", "write_mean")
    examples = (
        Example(
            'layer { name: "l" type: "GenerateAugmentationParameters" bottom: "how" bottom: "x" '
            'bottom: "crop" top: "y" augmentation_param { augment_during_test: true '
            'rotate { rand_type: "gaussian" spread: 0.03 } } }',
            {"how": (2, 42, 1, 1), "x": (2, 3, 6, 8), "crop": (2, 3, 4, 6)},
            {"y": (2, 42, 1, 1)},
            "y = self.l(how)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if len(bottoms) == 2:
            raise LayerError("it takes one bottom or three, not 2", "bottom", 1)
        for index, shape in enumerate(bottoms):
            if len(shape) != 4 or shape[0] != bottoms[0][0]:
                what = f"it takes 4 axes of one batch size, not {show(shape)}"
                raise LayerError(what, "bottom", index)
        if self.p.mode not in _MODES:
            raise LayerError(f"mode is {', '.join(_MODES)}, not {self.p.mode!r}", "mode")
        if self.given(bottoms) and bottoms[0][1:] != (COUNT, 1, 1):
            what = f"coefficients have the shape {bottoms[0][0]}x{COUNT}x1x1, not"
            raise LayerError(f"{what} {show(bottoms[0])}", "bottom", 0)
        draws_of(self.p, SPATIAL)
        draws_of(self.p, OTHERS)
        for what, size in zip(("crop", "bottom"), self.sizes(bottoms), strict=True):
            for name, side in zip(("height", "width"), size, strict=True):
                field = f"{what}_{name}" if what == "crop" else f"{what}{name}"
                if side < 1:
                    raise LayerError(f"it has no {field}, and no blob to take it from")
        return ((bottoms[0][0], COUNT, 1, 1),)

    def given(self, bottoms: tuple[Shape, ...]) -> bool:
        """Whether the first bottom is coefficients that count."""
        alone = len(bottoms) == 1 and max(bottoms[0][2:]) > 1
        return bool(self.p.mode != "regenerate") and not alone

    def sizes(self, bottoms: tuple[Shape, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Height and width of the crop, and of the image."""
        p = self.p
        if len(bottoms) == 3:
            crop, old = bottoms[2][2:], bottoms[1][2:]
        else:
            crop = (p.crop_height, p.crop_width)
            alone = max(bottoms[0][2:]) > 1
            old = bottoms[0][2:] if alone else (p.bottomheight, p.bottomwidth)
        return (int(crop[0]), int(crop[1])), (int(old[0]), int(old[1]))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        draws: dict[str, list[Distribution]] = {"spatial": [], "others": []}
        if self.phase == "TRAIN" or self.p.augment_during_test:
            draws = {
                "spatial": draws_of(self.p, SPATIAL),
                "others": draws_of(self.p, OTHERS),
            }
        options: dict[str, Any] = {name: found for name, found in draws.items() if found}
        if not self.given(b.bottoms):
            options["replaced"] = list(range(COUNT))
        elif self.p.mode == "replace":
            options["replaced"] = self.replaced(draws)
        schedule = self.message.coeff_schedule_param
        if schedule.ListFields():
            fields = ("initial_coeff", "final_coeff", "half_life")
            options["schedule"] = [single(getattr(schedule, name)) for name in fields]
        b.helper(affine_of)
        b.helper(multiplies)
        b.helper(values_of)
        b.helper(share_of)
        b.helper(drawn_coefficients)
        b.helper(inside_coefficients)
        crop, old = self.sizes(b.bottoms)
        module = b.module(GenerateAugmentationParameters, list(crop), list(old), **options)
        return module(bottoms[0])

    def replaced(self, draws: dict[str, list[Distribution]]) -> list[int]:
        """The coefficients whose given numbers make room for drawn ones."""
        spatial = list(range(6)) if draws["spatial"] else []
        drawn = {abs(place) - 1 for draw in draws["others"] for place in draw[-1]}
        return [*spatial, *(i for i in range(len(NAMES)) if i in drawn)]


class GenerateAugmentationParameters(nn.Module):
    """Given coefficients with drawn ones added, whose crop stays inside of the image."""

    def __init__(
        self,
        crop: list[int],
        size: list[int],
        spatial: list[Any] | None = None,
        others: list[Any] | None = None,
        replaced: list[int] | None = None,
        schedule: list[float] | None = None,
    ) -> None:
        super().__init__()
        self.crop, self.size = (crop[0], crop[1]), (size[0], size[1])
        self.spatial, self.others = spatial or [], others or []
        self.replaced, self.schedule = replaced or [], schedule or [1.0, 1.0, 1.0]
        self.steps = 0

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        self.steps += 1
        share = share_of(self.steps, *self.schedule)
        how = given.new_zeros(len(given), 42)
        if len(self.replaced) < 42:
            how = given.detach().flatten(1).clone()
            how[:, self.replaced] = 0
        if self.spatial:
            how = inside_coefficients(how, self.spatial, share, self.crop, self.size)
        return (how + drawn_coefficients(how, self.others, share))[:, :, None, None]
