"""protonet layers: every layer type, its fields, defaults, an example and what it emits."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import click

from protonet.cli.nets import choices
from protonet.cli.options import plugin_option
from protonet.cli.skeleton import write_skeleton
from protonet.diagnostics import NetError, or_none
from protonet.layers import REGISTRY, Layer
from protonet.program.literal import number

_FEW = 4


@click.command()
@click.argument(
    "layer_type",
    metavar="[TYPE]",
    required=False,
    shell_complete=choices(lambda: sorted(REGISTRY)),
)
@plugin_option
@click.option("--new", metavar="NAME", help="Write NAME's file here, a layer to start from.")
def command(layer_type: str | None, new: str | None) -> None:
    """List the layer types, or explain TYPE: fields, defaults, an example, its PyTorch."""
    if new:
        path = write_skeleton(new)
        click.echo(f"{path} is written; try `protonet layers {new} --plugin {path}`")
        return
    if layer_type is None:
        width = max(map(len, REGISTRY))
        for name in sorted(REGISTRY, key=str.lower):
            click.echo(f"{name:<{width}}  {_summary(REGISTRY[name])}")
        return
    if layer_type not in REGISTRY:
        raise NetError(f"there is no layer type {layer_type!r}", None, _proposal(layer_type))
    _explain(layer_type, REGISTRY[layer_type])


def _proposal(word: str) -> str | None:
    """Types with a name near a word, or with the word in it; else those described by it."""
    low = word.lower()
    equal = [name for name in REGISTRY if name.lower() == low]
    begun = sorted((name for name in REGISTRY if low in name.lower()), key=_place_of(low))
    begun.sort(key=REGISTRY.is_of_fork)
    close = equal or list(dict.fromkeys([*REGISTRY.near(word), *begun]))
    if close:
        return or_none(close[:_FEW])
    told = re.compile(rf"\b{re.escape(low)}", re.IGNORECASE)
    found = sorted(name for name, cls in REGISTRY.items() if told.search(_plain(cls)))
    found.sort(key=REGISTRY.is_of_fork)
    if not found:
        return "`protonet layers` lists them"
    more = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
    return f"{word!r} is spoken of by {', '.join(found[:_FEW])}{more}"


def _place_of(word: str) -> Callable[[str], tuple[int, str]]:
    """Names that begin with a word first."""
    return lambda name: (name.lower().index(word), name.lower())


def _summary(cls: type[Layer]) -> str:
    return _plain(cls).partition("\n")[0]


def _plain(cls: type[Layer]) -> str:
    return (inspect.getdoc(cls) or "").replace("``", "")


def _explain(name: str, cls: type[Layer]) -> None:
    click.echo(f"{name}\n\n{_plain(cls)}\n")
    click.echo(f"bottoms: {_range(cls.bottoms)}    tops: {_range(cls.tops)}")
    blobs = _blobs(cls)
    if blobs:
        click.echo(f"blobs: {', '.join(blobs)}")
    if cls.param:
        click.echo(f"\n{cls.param} {{")
        for line in _fields(cls.param):
            click.echo(f"  {line}")
        click.echo("}")
    for example in cls.examples:
        click.echo(f"\nexample:\n  {example.prototxt}\nemits:\n  {example.emits}")


def _blobs(cls: type[Layer]) -> list[str]:
    """The names of the blobs of the type's examples; a class of one's own is not run for them."""
    from protonet.schema.load import load

    names: dict[str, None] = {}
    for example in () if cls.runs_code else cls.examples:
        (message,) = load(example.prototxt, "NetParameter").message.layer
        bottoms = tuple(example.inputs[bottom] for bottom in message.bottom)
        names.update(dict.fromkeys(blob.name for blob in cls(message).blobs(bottoms)))
    return list(names)


def _range(limits: tuple[int, int | None]) -> str:
    fewest, most = limits
    if fewest == most:
        return str(fewest)
    return f"{fewest} or more" if most is None else f"{fewest} to {most}"


def _fields(param: str) -> list[str]:
    from protonet.schema.pool import message

    descriptor = message("LayerParameter").DESCRIPTOR.fields_by_name[param].message_type
    made: Any = message(descriptor.name)
    return [f"{field.name}: {_default(field, made)}" for field in descriptor.fields]


def _default(field: Any, made: Any) -> str:
    if field.message_type:
        return f"{{ {field.message_type.name} }}"
    value = getattr(made, field.name)
    if field.enum_type:
        names = " | ".join(v.name for v in field.enum_type.values)
        if isinstance(value, int):
            return f"{field.enum_type.values_by_number[value].name}    ({names})"
        return names
    if not isinstance(value, bool | int | float | str | bytes):
        return "(may be repeated)"
    if isinstance(value, float):
        return str(number(value))
    return f"{value!r}" if isinstance(value, str) else str(value).lower()
