"""What a person would call a block: known by its structure, whatever its layers are called."""

from __future__ import annotations

from collections.abc import Sequence

from protonet.lowering.outline.form import Module
from protonet.lowering.outline.region import Region
from protonet.program.expr import Binary, Call, Expr, Ref
from protonet.program.expr import Sequence as Display

_ACTIVATIONS = {"relu": "ReLU", "relu6": "ReLU6", "prelu": "PReLU", "elu": "ELU"}
_UNITS = {
    "BatchNorm": "BN",
    "BatchNorm1d": "BN",
    "BatchNorm2d": "BN",
    "BatchNorm3d": "BN",
    "Scale": "Scale",
    "ScaleBias": "Scale",
    "PReLU": "PReLU",
}
_ENDS = {"+": "add", "*": "multiply"}


def joined(value: Expr) -> str:
    """How a statement joins what it reads: add, multiply, concatenate, or "" where it does not."""
    while isinstance(value, Call) and isinstance(value.function, Ref) and len(value.args) == 1:
        if isinstance(value.args[0], Display):
            break
        value = value.args[0]
    if isinstance(value, Binary):
        return _ENDS.get(value.operator, "")
    if isinstance(value, Call) and value.args and isinstance(value.args[0], Display):
        return "concatenate"
    return ""


def is_convolution(module: Module) -> bool:
    """Whether a submodule convolves."""
    return module.callee.startswith("nn.Conv")


def projection(region: Region) -> tuple[str, ...]:
    """The submodules of a statement that alone stands beside others, to be added to them."""
    flow, last = region.flow, region.stop - 1
    if joined(flow.statements[last].value) != "add" or len(region) < 3:
        return ()
    found: list[str] = []
    for index in range(region.start, last):
        beside = all(place < region.start for place, _ in flow.sources[index])
        if beside and flow.readers[flow.makes[index][0]][:1] == [last]:
            found += flow.forms[index].modules
    return tuple(found)


def trunk(region: Region) -> list[Module]:
    """The convolutions of a region but for a projection."""
    beside = projection(region)
    modules = (region.flow.modules[name] for name in region.attributes if name not in beside)
    return [module for module in modules if is_convolution(module)]


def ends(region: Region) -> frozenset[int]:
    """The first and last member of every branch that the last statement joins, by their places."""
    flow, last = region.flow, region.stop - 1
    makers = {place for place, _ in flow.sources[last] if place >= region.start} | {last}
    rows = [flow.forms[i].modules for i in makers]
    names = {name for row in rows for name in (*row[:1], *row[-1:])}
    return frozenset(i for i, name in enumerate(region.attributes) if name in names)


def kind(region: Region) -> str:
    """The field's name for a block, "" where it has none."""
    flow = region.flow
    convolutions = trunk(region)
    end = joined(flow.statements[region.stop - 1].value)
    if end == "add":
        inner = flow.statements[region.start : region.stop - 1]
        weighed = any(joined(statement.value) == "multiply" for statement in inner)
        found = _residual(convolutions, bool(projection(region)))
        return f"SE{found}" if weighed else found
    if end == "multiply":
        return "SEBlock" if len(region.attributes) <= 3 else ""
    if end == "concatenate":
        return _concatenation(region, convolutions)
    found = _chain(convolutions, [flow.modules[name] for name in region.attributes])
    is_unit = len(region) == 1 and found.startswith("Conv")
    return found + _activation(flow.statements[region.stop - 1].value) if is_unit else found


def _residual(convolutions: Sequence[Module], is_projected: bool) -> str:
    sizes = [one.size() for one in convolutions]
    depthwise = [one.is_depthwise for one in convolutions]
    if depthwise == [False, True, False]:
        return "InvertedResidual"
    if len(sizes) == 3 and sizes[0] == sizes[2] == "1":
        return "Bottleneck"
    if len(sizes) == 2 and not any(depthwise):
        return "BasicBlock"
    return "ProjectionBlock" if is_projected else "ResidualBlock"


def _concatenation(region: Region, convolutions: Sequence[Module]) -> str:
    flow, last = region.flow, region.stop - 1
    branches = len(flow.sources[last])
    if any(place < region.start for place, _ in flow.sources[last]):
        pools = [name for name in region.attributes if "Pool" in flow.modules[name].callee]
        return "DenseLayer" if branches == 2 else "PyramidPooling" if len(pools) > 1 else ""
    if len({_dilation(one) for one in convolutions}) > 2:
        return "ASPP"
    first = flow.makes[region.start][0]
    if branches == 2 and len(convolutions) == 3 and len(flow.readers[first]) == 2:
        return "Fire"
    return "Inception" if branches > 2 else ""


def _dilation(module: Module) -> str:
    found = module.arguments.get("dilation")
    return "1" if found is None else found.text()


def _activation(value: Expr) -> str:
    """ReLU, where a value is one."""
    called = value.function if isinstance(value, Call) else None
    name = called.path.rpartition(".")[2] if isinstance(called, Ref) else ""
    return _ACTIVATIONS.get(name, name.title().replace("_", ""))


def _chain(convolutions: Sequence[Module], modules: Sequence[Module]) -> str:
    depthwise = [one.is_depthwise for one in convolutions]
    if depthwise == [True, False]:
        return "SeparableConv"
    if depthwise == [False, True, False]:
        return "InvertedResidual"
    others = {one.callee.rpartition(".")[2] for one in modules if not is_convolution(one)}
    if len(convolutions) == 1 and others <= _UNITS.keys():
        words = [word for part, word in _UNITS.items() if part in others]
        return "Conv" + "".join(words if words != ["BN", "Scale"] else ["BN"])
    return ""
