"""The names of blocks, of their members and of their parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from protonet.lowering.lower import RESERVED
from protonet.lowering.outline.arguments import Difference
from protonet.lowering.outline.form import Module
from protonet.lowering.outline.kind import is_convolution, projection
from protonet.lowering.outline.region import Region
from protonet.program.attributes import MODULE_ATTRIBUTES
from protonet.program.names import Names, cleaned, common_start

_SEPARATORS = "/_-. "
_WORDS = {
    "Conv": "conv",
    "BatchNorm": "bn",
    "Pool": "pool",
    "Linear": "fc",
    "Dropout": "drop",
    "Scale": "scale",
}
# Blocks whose members have their usual names, whatever the layers are called.
_RESIDUAL = ("Bottleneck", "BasicBlock", "ResidualBlock", "ProjectionBlock")
_USUAL = {*_RESIDUAL, *(f"SE{word}" for word in _RESIDUAL), "DenseLayer", "SEBlock"}
_ATTRIBUTES = {"SeparableConv": "sepconv", "SEBlock": "se"}
_ROLES = {
    "InvertedResidual": ("expand", "depthwise", "project"),
    "SeparableConv": ("depthwise", "pointwise"),
}


def prefix(region: Region) -> str:
    """The beginning that the names of a region's layers have in common, up to a separator."""
    flow = region.flow
    called = layers(region)
    if len(region) == 1:
        return called[region.attributes[0]]
    statements = flow.statements[region.start : region.stop]
    found = "" if flow.cls.is_block else _common([s.origin[0].name for s in statements])
    if found:
        return found
    named = [name for name in region.attributes if is_convolution(flow.modules[name])]
    return _common([called[name] for name in named or region.attributes])


def layers(region: Region) -> dict[str, str]:
    """What a region's submodules are called: in a net as their layers, in a block as they are."""
    if region.flow.cls.is_block:
        return {name: name for name in region.attributes}
    parts = region.flow.parts
    return {name: parts[name].origin[0].name for name in region.attributes}


def _common(names: Sequence[str]) -> str:
    """A common beginning that ends where a word ends."""
    found = common_start(names) if len(names) > 1 else ""
    follows = {name[len(found) : len(found) + 1] for name in names}
    if found and any(c.isalnum() for c in follows) and found[-1].isalnum():
        found = re.sub(r"[^/_\-. ]*$", "", found)
    return found if any(c.isalpha() for c in found) else ""


def instance(beginning: str) -> str:
    """The attribute of one use from its layers' common beginning, "" where they have none."""
    return cleaned(beginning.strip(_SEPARATORS)) if beginning else ""


def default_instance(word: str) -> str:
    """The attribute of a block whose layers have no common name: from its class."""
    return _ATTRIBUTES.get(word) or ("conv" if word.startswith("Conv") else snake(word))


def snake(word: str) -> str:
    """SeparableConv as separable_conv."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()


def class_word(found: str, beginnings: Sequence[str]) -> str:
    """The name of a class: by its structure, else by the word that its layers begin with."""
    if found:
        return found
    words = {re.sub(r"[\d]+[a-z]?$|[_/\-. ]+$", "", b.strip(_SEPARATORS)) for b in beginnings}
    words = {re.sub(r"[\d_/\-. ]+[a-z]?$", "", word) for word in words}
    if len(words) == 1 and (word := words.pop()) and word.isascii():
        parts = re.findall(r"[A-Za-z]+", word)
        name = "".join(part[:1].upper() + part[1:] for part in parts)
        if len(name) > 2:
            return name if not name.lower().startswith("conv") else "ConvBlock"
    return "Block"


def member_names(
    region: Region, uses: Sequence[Region], word: str, branch: Sequence[str]
) -> list[str]:
    """The attributes of a block's submodules, in their order; those of a ``branch`` are its own."""
    flow = region.flow
    modules = [flow.modules[name] for name in region.attributes]
    suffixes = _suffixes(uses) if word not in _USUAL and word not in _ROLES else None
    names = Names(MODULE_ATTRIBUTES)
    beside = {*branch, *projection(region)}
    wanted = suffixes or _usual(word, modules, [name in beside for name in region.attributes])
    return [names.free(name) for name in wanted]


def _usual(word: str, modules: Sequence[Module], apart: Sequence[bool]) -> list[str]:
    """conv1, bn1, conv2: the kind of each module, with a number where there are several."""
    kinds = [type_word(module.callee) for module in modules]
    special = iter(_ROLES.get(word, ()))
    counts: dict[str, int] = {}
    named = []
    for kind, is_apart, module in zip(kinds, apart, modules, strict=True):
        counts[kind] = counts.get(kind, 0) + (not is_apart)
        several = sum(k == kind and not a for k, a in zip(kinds, apart, strict=True)) > 1
        plain = f"{kind}{counts[kind]}" if several else kind
        if is_apart:
            plain = "shortcut" if is_convolution(module) else f"shortcut_{kind}"
        role = next(special, None) if is_convolution(module) and not is_apart else None
        named.append(role or plain)
    return named


def type_word(callee: str) -> str:
    """What a submodule of a class is usually called: conv, bn, pool, fc."""
    short = callee.rpartition(".")[2]
    known = next((word for part, word in _WORDS.items() if part in short), None)
    return known or snake(short)


def _suffixes(uses: Sequence[Region]) -> list[str] | None:
    """What the layers' names add to their common beginning, where all uses say the same."""
    found = [_suffixes_of(use) for use in uses]
    own = max(found, key=len)
    if any(len(one) == len(own) and one != own for one in found):
        return None
    return own if all(own) and len(set(own)) == len(own) else None


def _suffixes_of(use: Region) -> list[str]:
    beginning = prefix(use)
    called = layers(use)
    names = []
    for attribute in use.attributes:
        whole = called[attribute]
        rest = whole[len(beginning) :] if beginning and whole.startswith(beginning) else ""
        names.append(member(rest, use.flow.modules[attribute]))
    return names


def member(suffix: str, module: Module) -> str:
    """An attribute from what a layer's name adds: 3x3_reduce gives reduce3x3, 1x1 conv1x1."""
    word = re.sub(r"[^0-9A-Za-z]+", "_", suffix).strip("_")
    kind = type_word(module.callee)
    if not word:
        return kind
    if word[0].isdigit():
        digits, _, rest = word.partition("_")
        inner, _, last = rest.rpartition("_")
        if rest and last == kind:  # 3x3_reduce_bn
            return f"{inner or 'conv'}{digits}_{last}"
        word = f"{rest or kind}{digits}"
    return cleaned(word)


def parameter_names(
    found: Sequence[Difference],
    members: Sequence[str],
    ends: frozenset[int],
    several: bool,
    classes: Iterable[str],
) -> list[str]:
    """The names of parameters; ``ends`` are the members whose values the block gives out.

    None is that of one of the ``classes`` that the members are of. With ``several`` branches each
    has the name of its module.
    """
    names = Names({*RESERVED, *classes, "x"})
    return [names.free(_parameter(one, members, ends, several)) for one in found]


def _parameter(one: Difference, members: Sequence[str], ends: frozenset[int], several: bool) -> str:
    argument = one.first.argument
    if one.first.member < 0:
        return argument
    member_name = members[one.first.member]
    if any(column.argument == "dilation" for column in one.columns):
        return "dilation"
    if argument in ("in_channels", "num_features", "in_features"):
        return "channels" if argument != "in_features" else "features"
    if argument in ("out_channels", "out_features"):
        if several:
            return re.sub(r"^conv(?=\d)", "out", member_name.replace(".", "_"))
        is_out = any(c.member in ends and c.argument == argument for c in one.columns)
        return argument if is_out else "width"
    return argument
