"""Products of matrices: with constants InnerProduct or Convolution, of two blobs Tile and a sum."""

from __future__ import annotations

import torch
from torch import nn

from protonet.lifting.draft import Fields
from protonet.lifting.formulas.scalars import affine
from protonet.lifting.formulas.sums import added
from protonet.lifting.framing import lies_whole, moved_to, places, seen, shaped, turned
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.patterns.inner_product import times
from protonet.lifting.values import Constant, Held, NewBlob, View
from protonet.shape import Shape, count, show

_MOST = 2**24  # elements of a blob of all products, before they are summed


@lifts("matmul", "mm", "bmm", "mv", "dot")
def matmul(operator: Operator, x: Held, y: Held) -> Held:
    """The product as torch.matmul broadcasts it."""
    if len(x.shape) == 1:
        x = seen(operator, x, (1, *x.shape))
    if len(y.shape) == 1:
        y = seen(operator, y, (*y.shape, 1))
    x, y = _once(x), _once(y)
    if isinstance(y, Constant) and len(y.shape) == 2:
        made = times(operator, x, y.tensor.t())
    elif isinstance(x, Constant) and len(x.shape) == 2:
        made = _from_left(operator, x.tensor, y)
    else:
        batch = operator.shape[: max(len(x.shape), len(y.shape)) - 2]
        made = product(operator, _spread(operator, x, batch), _spread(operator, y, batch))
    return seen(operator, made, operator.shape)


@lifts("addmm", "baddbmm", "addmv")
def plus_product(
    operator: Operator, bias: Held, x: Held, y: Held, beta: float = 1, alpha: float = 1
) -> Held:
    """The product, and a multiple of another value: InnerProduct's own bias where it can be."""
    if isinstance(y, Constant) and isinstance(bias, Constant) and _is_row(bias, y):
        row = beta * bias.tensor.reshape(-1).expand(y.shape[1])
        return times(operator, x, alpha * y.tensor.t(), row)
    made = matmul(operator, x, y)
    if beta == 0:
        return affine(operator, made, alpha)
    return added(operator, made, bias, alpha, beta, "sum")


def _is_row(bias: Constant, y: Constant) -> bool:
    """Whether what is added to a product with one fixed matrix is the same in every row."""
    return len(y.shape) == 2 and bias.shape in ((y.shape[1],), (1,), (1, 1), (1, y.shape[1]))


@lifts("bilinear")
def bilinear(operator: Operator, x: Held, y: Held, weight: Held, bias: Held | None = None) -> Held:
    """One side times a matrix for each element of the other."""
    if not isinstance(weight, Constant) or not isinstance(bias, Constant | None):
        operator.refuse("its weights are computed by the net", "Caffe's weights are fixed")
    (outputs, first, second), rows = weight.shape, count(x.shape[:-1])
    matrix = weight.tensor.permute(2, 0, 1).reshape(second * outputs, first)
    left = times(operator, seen(operator, x, (rows, first)), matrix, part="left")
    right = seen(operator, y, (rows, 1, second))
    made = product(operator, right, seen(operator, left, (rows, second, outputs)))
    made = seen(operator, made, (rows, outputs))
    if bias is not None:
        made = operator.layer("Bias", made, part="bias", blobs=[bias.tensor])
    return seen(operator, made, operator.shape)


def _once(x: Held) -> Held:
    """A constant without a batch where all its matrices are one."""
    if isinstance(x, Constant):
        matrices = x.tensor.reshape(-1, *x.shape[-2:])
        if len(matrices) and torch.equal(matrices, matrices[:1].expand_as(matrices)):
            return Constant(matrices[0])
    return x


def _spread(operator: Operator, x: Held, batch: Shape) -> Held:
    """A value's matrices as (b, m, n), repeated where its batch is broadcast."""
    matrix = x.shape[-2:]
    if x.shape[:-2] != batch:
        order = torch.arange(count(x.shape)).reshape(x.shape)
        x = moved_to(operator, x, order.expand(*batch, *matrix))
    return seen(operator, x, (count(batch), *matrix))


def product(operator: Operator, x: Held, y: Held, scale: float = 1.0) -> Held:
    """(b, m, k) times (b, k, n) to (b, m, n), times a number."""
    if isinstance(y, Constant):
        return _by_constant(operator, x, scale * y.tensor)
    if isinstance(x, Constant):
        if x.shape[0] == 1:
            return _from_left(operator, scale * x.tensor[0], y)
        made = _by_constant(operator, turned(operator, y, 0, 2, 1), scale * x.tensor.mT)
        return turned(operator, made, 0, 2, 1)
    (b, m, k), n = x.shape, y.shape[2]
    if b * m * k * n > _MOST:
        what = f"the {b * m * k * n} products of {show(x.shape)} and {show(y.shape)}"
        hint = "Caffe has no product of two blobs; it is written as a sum over all products"
        operator.refuse(f"{what} are more than {_MOST}", hint)
    return _of_blobs(operator, x, y, scale)


def _of_blobs(operator: Operator, x: Held, y: Held, scale: float) -> Held:
    """The product in the form that turns neither blob, where there is one."""
    left, right = (turned(operator, each, 0, 2, 1) for each in (x, y))
    x_turned, y_turned = lies_whole(left) > lies_whole(x), lies_whole(right) > lies_whole(y)
    if x_turned and y_turned:
        return turned(operator, _of_columns(operator, right, left, scale), 0, 2, 1)
    if y_turned:
        return _of_rows(operator, x, right, scale)
    if x_turned:
        return _of_channels(operator, left, y, scale)
    return _of_columns(operator, x, y, scale)


def _of_rows(operator: Operator, x: Held, y: Held, scale: float) -> Held:
    """(b, m, k) times the transpose of (b, n, k): both repeated, multiplied, summed."""
    (b, m, k), n = x.shape, y.shape[1]
    left = shaped(operator, x, (b, m, 1, k), "rows")
    if n > 1:
        left = operator.layer("Tile", left, part="rows", axis=2, tiles=n)
    right = shaped(operator, y, (b, 1, n, k), "columns")
    if m > 1:
        right = operator.layer("Tile", right, part="columns", axis=1, tiles=m)
    both = operator.layer("Eltwise", left, right, part="products", operation="PROD")
    coefficient = None if scale == 1 else scale
    return operator.layer("Reduction", both, axis=3, coeff=coefficient)


def _of_columns(operator: Operator, x: Held, y: Held, scale: float) -> Held:
    """(b, m, k) times (b, k, n): the second repeated, scaled by the first, summed over k."""
    (b, m, k), n = x.shape, y.shape[2]
    right = shaped(operator, y, (b, 1, k, n), "columns")
    if m > 1:
        right = operator.layer("Tile", right, part="columns", axis=1, tiles=m)
    left = shaped(operator, x, (b, m, k), "rows")
    both = operator.layer("Scale", right, left, part="products", axis=0)
    terms = operator.reshape(both, (b * m, k, n, 1), "terms")
    return seen(operator, _total(operator, terms, scale), (b, m, n))


def _of_channels(operator: Operator, x: Held, y: Held, scale: float) -> Held:
    """The transpose of (b, k, m) times (b, k, n): as above, summed over channels."""
    (b, k, m), n = x.shape, y.shape[2]
    right = shaped(operator, y, (b, k, 1, n), "columns")
    if m > 1:
        right = operator.layer("Tile", right, part="columns", axis=2, tiles=m)
    left = shaped(operator, x, (b, k, m), "rows")
    both = operator.layer("Scale", right, left, part="products", axis=0)
    return seen(operator, _total(operator, both, scale), (b, m, n))


def _total(operator: Operator, terms: NewBlob, scale: float) -> NewBlob:
    """The sum over the second axis, as a Convolution with ones."""
    ones = torch.full((1, terms.shape[1], 1, 1), scale)
    fields: Fields = {"num_output": 1, "kernel_size": 1, "bias_term": False}
    return operator.layer("Convolution", terms, blobs=[ones], **fields)


def _from_left(operator: Operator, matrix: torch.Tensor, y: Held) -> Held:
    """A matrix (m, k) times (..., k, n), to (..., m, n)."""
    m, (*batch, k, n) = matrix.shape[0], y.shape
    shape = (*batch, m, n)
    axes = (*range(len(batch)), len(batch) + 1, len(batch))
    other = turned(operator, y, *axes)
    if n == 1 or (isinstance(y, View) and lies_whole(other) and not lies_whole(y)):
        flat = seen(operator, y, (*batch, k)) if n == 1 else other
        made = times(operator, flat, matrix)
        return seen(operator, made, shape) if n == 1 else turned(operator, made, *axes)
    fields: Fields = {"num_output": m, "kernel_size": 1, "bias_term": False}
    sizes: Shape = (count(tuple(batch)), k, n)
    blob = matrix[..., None]
    if operator.has("Convolution", "engine"):
        fields["engine"] = "CAFFE"
    else:
        sizes, blob = (*sizes, 1), blob[..., None]
    columns = shaped(operator, y, sizes, "columns")
    return seen(operator, operator.layer("Convolution", columns, blobs=[blob], **fields), shape)


def _by_constant(operator: Operator, x: Held, matrices: torch.Tensor) -> Held:
    """(b, m, k) times one constant matrix (k, n) for each of b: a Convolution of b groups."""
    if matrices.shape[0] == 1:
        return times(operator, x, matrices[0].t())
    (b, m, k), n = x.shape, matrices.shape[2]
    columns = shaped(operator, turned(operator, x, 0, 2, 1), (1, b * k, m, 1), "columns")
    made = operator.layer(
        "Convolution",
        columns,
        blobs=[matrices.mT.reshape(b * n, k, 1, 1)],
        num_output=b * n,
        kernel_size=1,
        bias_term=False,
        group=b,
    )
    index = places(made).reshape(b, n, m).mT
    return View(made, index, operator.node, (made,))


class _Product(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x @ y


class _RowProduct(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.bmm(x, y.transpose(1, 2))


class _ChannelProduct(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.bmm(x.transpose(1, 2), y)


class _FixedFromLeft(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(3, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.matrix @ x


examples = (
    LiftExample(_FixedFromLeft, ((2, 4, 5),), ("Convolution",)),
    LiftExample(
        _Product,
        ((2, 3, 4), (2, 4, 5)),
        ("Reshape", "Tile", "Scale", "Reshape", "Convolution", "Reshape"),
    ),
    LiftExample(
        _RowProduct,
        ((2, 3, 4), (2, 5, 4)),
        ("Reshape", "Tile", "Reshape", "Tile", "Eltwise", "Reduction"),
    ),
    LiftExample(
        _ChannelProduct,
        ((2, 4, 3), (2, 4, 5)),
        ("Reshape", "Tile", "Scale", "Convolution", "Reshape"),
    ),
    LiftExample(
        lambda: nn.Bilinear(3, 4, 2),
        ((2, 3), (2, 4)),
        (
            "InnerProduct",
            "Reshape",
            "Reshape",
            "Scale",
            "Reshape",
            "Convolution",
            "Flatten",
            "Bias",
        ),
    ),
)
