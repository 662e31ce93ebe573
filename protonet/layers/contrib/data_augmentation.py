"""DataAugmentation: images cropped, turned and coloured, and their mean, of FlowNet's forks."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.blob import Blob, BlobLayout
from protonet.layers.coefficients import (
    COUNT,
    OTHERS,
    SPATIAL,
    Distribution,
    affine_of,
    check_crop,
    check_eigenvectors,
    drawn_coefficients,
    draws_of,
    inside_coefficients,
    multiplies,
    share_of,
    values_of,
)
from protonet.layers.colours import brightened, effected, eigen_coloured, recoloured
from protonet.layers.sampling import between, looked_up
from protonet.program import Builder, Expr, nn, single, torch
from protonet.schema.pool import message as new_message


@register("DataAugmentation")
class DataAugmentationLayer(Layer):
    """Crop, mirror, turn, zoom and colour images by drawn or given coefficients, less their mean.

    (n, c, h, w) and perhaps coefficients (n, 42, 1, 1), to (n, c, crop_height, crop_width) and
    perhaps the coefficients. Without a crop nothing is changed but the mean: that of the first
    recompute_mean batches, of each pixel or of each channel, or ``mean``. In the TEST phase there
    is the crop alone, unless augment_during_test. No gradient goes through it. Of a caffemodel
    whose mean has another size the channels' means are taken. Source: FlowNet2's
    DataAugmentationLayer.
    """

    param = "augmentation_param"
    bottoms = (1, 2)
    tops = (1, 2)
    constants = (0, 1)
    keeps = ()
    ignores = ("write_augmented", "write_mean")
    examples = (
        Example(
            'layer { name: "l" type: "DataAugmentation" bottom: "x" top: "y" augmentation_param { '
            "augment_during_test: true recompute_mean: 1000 mean_per_pixel: false } }",
            {"x": (1, 3, 6, 8)},
            {"y": (1, 3, 6, 8)},
            "self.l = MeanTaken([3, 6, 8], 1000)",
        ),
        Example(
            'layer { name: "l" type: "DataAugmentation" bottom: "x" top: "y" top: "how" '
            "augmentation_param { max_multiplier: 1 crop_width: 6 crop_height: 4 "
            'rotate { rand_type: "uniform" spread: 0.1 } } }',
            {"x": (2, 3, 6, 8)},
            {"y": (2, 3, 4, 6), "how": (2, 42, 1, 1)},
            "y, how = self.l(x)",
        ),
    )

    @property
    def crops(self) -> bool:
        """Whether there is more to do than the mean."""
        return self.has("crop_width") and self.has("crop_height")

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x = bottoms[0]
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        if len(bottoms) > 1 and bottoms[1] != (x[0], COUNT, 1, 1):
            what = f"coefficients have the shape {x[0]}x{COUNT}x1x1, not {show(bottoms[1])}"
            raise LayerError(what, "bottom", 1)
        size = x[2:]
        if self.crops:
            self.check_positive("crop_width", "crop_height")
            check_crop(self.p, x[2:])
            check_eigenvectors(self.p, x[1])
            size = (self.p.crop_height, self.p.crop_width)
            draws_of(self.p, SPATIAL)
            if any(draws_of(self.p, OTHERS)) and self.needs_eigenvectors():
                raise LayerError("colours are changed along chromatic_eigvec, which is not there")
        how = ((x[0], COUNT, 1, 1),) * (len(self.message.top) - 1)
        return ((*x[:2], *size), *how)

    def needs_eigenvectors(self) -> bool:
        """Whether colours are changed along directions that are not stated."""
        along = [name for name in OTHERS if name.startswith(("ladd", "col_", "sat", "lmult"))]
        return not self.p.chromatic_eigvec and any(self.p.HasField(name) for name in along)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        zeros = new_message("FillerParameter")
        count = Blob("count", (1, 1, 1, 1), zeros, is_statistic=True)
        if not self.p.recompute_mean:
            return (count,)
        channels, size = bottoms[0][1], bottoms[0][2:]
        if self.crops:
            size = (self.p.crop_height, self.p.crop_width)
        pixels = (1, channels, *size)
        means = (
            Blob("mean", pixels, zeros, is_statistic=True, layout=BlobLayout.RESIZED),
            Blob("channel_mean", (1, channels, 1, 1), zeros, is_statistic=True),
        )
        return (count, *means)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        x, *given = bottoms
        options: dict[str, Any] = {}
        if self.p.recompute_mean and self.p.mean_per_pixel:
            options["per_pixel"] = True
        stated = [single(value) for value in self.p.mean]
        if len(stated) == 3 and not self.p.mean_per_pixel and not self.p.recompute_mean:
            options["stated"] = stated
        shape = list(b.tops[0][1:])
        if not self.crops:
            b.helper(Centred)
            y = b.module(MeanTaken, shape, self.p.recompute_mean, **options)(x)
            if len(b.tops) == 1:
                return y
            how = given[0] if given else x.new_zeros(b.bottoms[0][0], COUNT, 1, 1)
            return y, how
        use_helpers(b)
        options |= self.augmenting()
        module = b.module(DataAugmentation, shape, self.p.recompute_mean, **options)
        both = module(x, *given)
        return both[0] if len(b.tops) == 1 else both

    def augmenting(self) -> dict[str, object]:
        """The options of what is drawn and how it is applied."""
        options: dict[str, object] = {}
        training = self.phase == "TRAIN" or self.p.augment_during_test
        if training and len(self.message.bottom) == 1:
            spatial: list[Distribution] = draws_of(self.p, SPATIAL)
            others: list[Distribution] = draws_of(self.p, OTHERS)
            options |= {"spatial": spatial} if spatial else {}
            options |= {"others": others} if others else {}
        options["eigenvectors"] = [single(value) for value in self.p.chromatic_eigvec]
        options["largest"] = single(self.p.max_multiplier)
        schedule = self.message.coeff_schedule_param
        if schedule.ListFields():
            fields = ("initial_coeff", "final_coeff", "half_life")
            options["schedule"] = [single(getattr(schedule, name)) for name in fields]
        return options


def use_helpers(b: Builder) -> None:
    """Copy what the module of crops and colours calls."""
    b.helper(Centred)
    b.helper(affine_of)
    b.helper(between)
    b.helper(looked_up)
    b.helper(multiplies)
    b.helper(values_of)
    b.helper(effected)
    b.helper(brightened)
    b.helper(eigen_coloured)
    b.helper(recoloured)
    b.helper(share_of)
    b.helper(drawn_coefficients)
    b.helper(inside_coefficients)


class Centred(nn.Module):
    """A mean of the first batches, or a stated one, and what takes it away."""

    count: torch.Tensor
    mean: torch.Tensor
    channel_mean: torch.Tensor

    def __init__(
        self,
        shape: list[int],
        batches: int,
        per_pixel: bool = False,
        stated: list[float] | None = None,
    ) -> None:
        super().__init__()
        self.batches, self.per_pixel, self.stated = batches, per_pixel, stated
        self.register_buffer("count", torch.zeros(1, 1, 1, 1))
        if batches:
            self.register_buffer("mean", torch.zeros(1, *shape))
            self.register_buffer("channel_mean", torch.zeros(1, shape[0], 1, 1))

    def taken(self, x: torch.Tensor) -> torch.Tensor:
        """The images without their mean, of which they are a part as long as it is learned."""
        if self.batches:
            x = x.detach()
            step = int(self.count)
            if step <= self.batches:
                self.mean.mul_((step - 1) / step).add_(x.mean(0, True) / step)
                self.channel_mean.copy_(self.mean.mean((2, 3), True))
            return x - (self.mean if self.per_pixel else self.channel_mean)
        if self.stated:
            return x - x.new_tensor(self.stated)[:, None, None]
        return x


class MeanTaken(Centred):
    """Images less the mean of the first batches, or less a stated one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count.add_(1)
        return self.taken(x)


class DataAugmentation(Centred):
    """Images cropped, turned and coloured by coefficients, less their mean."""

    def __init__(
        self,
        shape: list[int],
        batches: int,
        per_pixel: bool = False,
        stated: list[float] | None = None,
        spatial: list[Any] | None = None,
        others: list[Any] | None = None,
        eigenvectors: list[float] | None = None,
        largest: float = 255.0,
        schedule: list[float] | None = None,
    ) -> None:
        super().__init__(shape, batches, per_pixel, stated)
        self.size = (shape[1], shape[2])
        self.spatial, self.others = spatial or [], others or []
        self.eigenvectors, self.largest = eigenvectors or [], largest
        self.schedule = schedule or [1.0, 1.0, 1.0]

    def forward(
        self,
        x: torch.Tensor,
        given: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.count.add_(1)
        old = (x.shape[2], x.shape[3])
        how = self.drawn(x, old) if given is None else given.flatten(1)
        values = values_of(how)
        places = affine_of(values, self.size, old)
        y = self.cropped(x, places)
        if self.eigenvectors and (values[:, 12:34] != multiplies(x)[12:34]).any():
            y = eigen_coloured(y, x, values, self.eigenvectors, self.largest)
        if (values[:, 6:12] != multiplies(x)[6:12]).any():
            y = recoloured(y, values, self.largest)
        if (values[:, [37, 40, 41]] > 0).any() or (values[:, 34:36] != 0).all(1).any():
            y = effected(y, values, self.largest)
        return self.taken(y), how[:, :, None, None]

    def drawn(self, x: torch.Tensor, old: tuple[int, int]) -> torch.Tensor:
        """Coefficients for each image, by the schedule."""
        share = share_of(int(self.count), *self.schedule)
        how = x.new_zeros(len(x), 42)
        if self.spatial:
            how = inside_coefficients(how, self.spatial, share, self.size, old)
        return how + drawn_coefficients(how, self.others, share)

    def cropped(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """The pixels of a crop, each a mixture of the four about its place."""
        height, width = self.size
        row = torch.arange(height, dtype=x.dtype, device=x.device)
        column = torch.arange(width, dtype=x.dtype, device=x.device)
        at = torch.stack(torch.meshgrid(column, row, indexing="xy"), 2)
        at = at @ places[:, :, :2].transpose(1, 2)[:, None]
        at = at + places[:, None, None, :, 2]
        across = at[..., 0].clamp(0, x.shape[3] - 1.05)
        down = at[..., 1].clamp(0, x.shape[2] - 1.05)
        left, upper = across.long(), down.long()
        return between(x.detach(), across, down, left, left + 1, upper, upper + 1)
