"""Correlation: how alike the patches of two maps are, at every displacement, of FlowNet's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, F, torch

_SUBTRACT = 1


@register("Correlation", "Correlation1D")
class Correlation(Layer):
    """Compare each patch of the first map with the displaced ones of the second.

    Twice (n, c, h, w) to (n, displacements, h', w'): the mean over the patch and the channels of
    the products, or of the absolute differences with SUBTRACT. Displacements go up to
    max_displacement in steps of stride_2, row by row; in Correlation1D along x only, with
    single_direction to one side, where to the left the first lies one step beyond and is zeros.
    do_abs changes nothing, nor does it there. Source: FlowNet2's CorrelationLayer and
    Correlation1DLayer; Dosovitskiy et al., FlowNet (2015).
    """

    param = "correlation_param"
    bottoms = (2, 2)
    backward_reads = ("bottoms",)
    kind = "join"
    examples = (
        Example(
            'layer { name: "corr" type: "Correlation" bottom: "a" bottom: "b" top: "y" '
            "correlation_param { pad: 4 kernel_size: 1 max_displacement: 4 stride_2: 2 } }",
            {"a": (1, 3, 6, 8), "b": (1, 3, 6, 8)},
            {"y": (1, 25, 6, 8)},
            "y = correlate(a, b, (4, 4), (4, 4), [-4, -2, 0, 2, 4], [-4, -2, 0, 2, 4])",
        ),
        Example(
            'layer { name: "corr" type: "Correlation1D" bottom: "a" bottom: "b" top: "y" '
            "correlation_param { pad: 2 kernel_size: 3 max_displacement: 2 single_direction: 1 } }",
            {"a": (1, 3, 6, 8), "b": (1, 3, 6, 8)},
            {"y": (1, 3, 4, 6)},
            "y = correlate(a, b, (0, 2), (0, 2), [0], [0, 1, 2], kernel=3)",
        ),
    )

    @property
    def is_flat(self) -> bool:
        """Whether displacements go along x only."""
        return bool(self.message.type == "Correlation1D")

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        first, second = bottoms
        self.check_fields()
        if len(first) != 4 or first != second:
            what = f"it takes two maps (n, c, h, w) of one shape, not {show(first)}"
            raise LayerError(f"{what} and {show(second)}", "bottom", 1)
        size = tuple(self.size(n, axis) for axis, n in enumerate(first[2:]))
        if min(size) < 1:
            what = f"max_displacement {self.p.max_displacement} and kernel_size"
            what += f" {self.p.kernel_size} leave nothing of {show(first)} with pad {self.p.pad}"
            raise LayerError(what, "max_displacement")
        rows, columns = self.displacements()
        return ((first[0], len(rows) * len(columns), *size),)

    def check_fields(self) -> None:
        """LayerError where the fork would refuse the fields, or read beyond its maps."""
        for field in ("kernel_size", "max_displacement"):
            if not self.has(field):
                raise LayerError(f"it has no {field}")
        self.check_positive("kernel_size", "stride_1", "stride_2")
        if self.p.kernel_size % 2 == 0:
            raise LayerError(f"kernel_size is odd, not {self.p.kernel_size}", "kernel_size")
        if not -1 <= self.p.single_direction <= 1:
            what = f"single_direction is -1, 0 or 1, not {self.p.single_direction}"
            raise LayerError(what, "single_direction")
        beyond = -min(self.displacements()[1]) - self.p.max_displacement
        if beyond > self.p.pad:
            what = f"to the left it reads {beyond} beyond its displacement, with pad {self.p.pad}"
            raise LayerError(what, "single_direction", hint=f"give a pad of at least {beyond}")

    def displacements(self) -> tuple[list[int], list[int]]:
        """The steps along y and along x."""
        step = int(self.p.stride_2)
        radius = self.p.max_displacement // step
        both = [step * i for i in range(-radius, radius + 1)]
        if not self.is_flat:
            return both, both
        one_sided = {-1: range(-radius - 1, 0), 1: range(radius + 1)}
        side = one_sided.get(self.p.single_direction)
        return [0], both if side is None else [step * i for i in side]

    def margins(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Padding, and the displacement kept free at each border, along y and x."""
        pad, most = int(self.p.pad), int(self.p.max_displacement)
        return ((0, pad), (0, most)) if self.is_flat else ((pad, pad), (most, most))

    def size(self, n: int, axis: int) -> int:
        """One side of the top. Source: CorrelationLayer::Reshape."""
        pad, most = self.margins()
        free = n + 2 * pad[axis] - 2 * most[axis] - (self.p.kernel_size - 1)
        return int(-(-free // self.p.stride_1))

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(tops[0]) * bottoms[0][1] * int(self.p.kernel_size) ** 2

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        options = {"kernel": int(self.p.kernel_size), "stride": int(self.p.stride_1)}
        given = {name: value for name, value in options.items() if value != 1}
        if self.p.correlation_type == _SUBTRACT:
            given["subtract"] = True
        return b.call(correlate, *bottoms, *self.margins(), *self.displacements(), **given)


def correlate(
    first: torch.Tensor,
    second: torch.Tensor,
    pad: tuple[int, int],
    margin: tuple[int, int],
    rows: list[int],
    columns: list[int],
    kernel: int = 1,
    stride: int = 1,
    subtract: bool = False,
) -> torch.Tensor:
    """The mean product of the patches of two maps, one channel for each displacement."""
    before = max(0, -columns[0] - margin[1])  # what lies beyond the padding is zero
    first = F.pad(first, (pad[1], pad[1], pad[0], pad[0]))
    second = F.pad(second, (pad[1] + before, pad[1], pad[0], pad[0]))
    height, width = (n - 2 * m for n, m in zip(first.shape[2:], margin, strict=True))
    still = first.narrow(2, margin[0], height).narrow(3, margin[1], width)
    found = []
    for down in rows:
        across = second.narrow(2, margin[0] + down, height)
        for right in columns:
            moved = across.narrow(3, margin[1] + before + right, width)
            apart = (still - moved).abs() if subtract else still * moved
            found.append(apart.mean(1))
    y = torch.stack(found, 1)
    return y if kernel == stride == 1 else F.avg_pool2d(y, kernel, stride)
