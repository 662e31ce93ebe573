"""compile, emit, check, graph: the library's functions, each a short pipeline."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from protonet.diagnostics import (
    IgnoredFields,
    NetError,
    NetWarning,
    Source,
    proposed,
    raise_all,
)
from protonet.garbage import uncollected
from protonet.graph import Graph, build, verify
from protonet.graph.files import attach_files
from protonet.graph.notices import notices, notices_of_outputs
from protonet.layers import REGISTRY, Layer
from protonet.layers.plugins import load_file
from protonet.layers.python import layer_class
from protonet.schema.forks import ignored
from protonet.schema.load import Define, Loaded, Readable, defined, load
from protonet.schema.pool import Message
from protonet.schema.select import data_elsewhere, select
from protonet.schema.upgrade import upgrade
from protonet.selection import Selection, Shapes

if TYPE_CHECKING:
    from torch import nn

    from protonet.lowering import Lowered
    from protonet.weights.read import Variants
    from protonet.weights.state import Variant

_LOG = logging.getLogger("protonet")
_NOT_LOADED = "layers of the net that are not in the file keep the values of their fillers"


def read(source: Readable) -> Loaded:
    """A net in today's form: parsed, bound and upgraded. NetError where the text is wrong.

    What has been read already is given back as it is.
    """
    if isinstance(source, Loaded):
        return source
    loaded = load(source, "NetParameter")
    raise_all(loaded.errors)
    upgraded = upgrade(loaded)
    raise_all(upgraded.errors)
    warn_of_ignored(upgraded)
    return upgraded


def warn_of_ignored(loaded: Loaded) -> None:
    """Name, in one IgnoredFields warning, the fields that change nothing that is computed."""
    found = ignored(loaded.message, _passed_over)
    if not found:
        return
    named = (f"{name} ({n} times)" if n > 1 else name for name, n in sorted(found.items()))
    where = f"{loaded.source.name}: " if loaded.source else ""
    what = f"{where}ignored, since they change nothing that is computed: {', '.join(named)}"
    warnings.warn(what, IgnoredFields, stacklevel=3)


def _passed_over(layer: Message) -> Collection[str]:
    """The fields of its own message that a layer takes no notice of."""
    cls = layer_class(layer)
    return cls.ignores if cls else ()


def graph(
    source: Readable,
    phase: str = "TEST",
    stages: Sequence[str] = (),
    level: int = 0,
    shapes: Shapes | None = None,
    allow_python: bool = False,
    define: Define = None,
) -> Graph:
    """The graph of one phase of a net, with every shape, made without torch.

    A data layer that does not state its shapes has those of its data, where they can be read.
    """
    source = defined(source, define)
    return graph_of(source, Selection.of(phase, stages, level, shapes, allow_python))


@uncollected()
def graph_of(source: Readable, selection: Selection) -> Graph:
    """The graph of a selection of a net, as ``graph``."""
    loaded = read(source)
    chosen = selected(loaded, selection)
    attach_files(chosen)
    phase, shapes, allowed = selection.phase, selection.shapes, selection.allow_python
    away = data_elsewhere(loaded, chosen)
    measure = partial(shapes_of_data, chosen, phase)
    net = verify(build(chosen, phase, shapes, False, allowed, away, measure))
    warn(notices(net))
    return net


def selected(source: Readable, selection: Selection) -> Loaded:
    """The layers of a net that a selection leaves. NetError where the text is wrong."""
    chosen = select(read(source), selection.phase, selection.stages, selection.level)
    raise_all(chosen.errors)
    return chosen


def warn(found: Iterable[NetWarning]) -> None:
    """Give warnings, each with the line that called the library."""
    for notice in found:
        warnings.warn(notice, stacklevel=4)


def shapes_of_data(loaded: Loaded, phase: str, index: int) -> Mapping[str, tuple[int, ...]]:
    """The shapes that the data of the layer at a place in the file have; none where it is not."""
    from protonet.data import data_shapes

    return data_shapes(loaded, phase, index)


@uncollected()
def lowered(source: Readable, selection: Selection, net: Graph | None = None) -> Lowered:
    """A net as a graph and as a PyTorch program; ``net`` is its graph, where there is one."""
    from protonet.lowering import OBJECTIVE
    from protonet.lowering import lowered as made_of
    from protonet.passes import DEPLOY

    net = net or graph_of(source, selection)
    known = [*net.blobs, *([OBJECTIVE] if net.has_objective else [])]
    for blob in selection.outputs or ():
        if blob not in known:
            hint = proposed(blob, known, "its blobs")
            raise NetError(f"the net has no blob {blob!r} to give out", None, hint)
    warn(notices_of_outputs(net, selection.outputs or ()))
    for transform in () if selection.faithful else DEPLOY:
        net = verify(transform(net))
    return made_of(net, selection.outputs, selection.faithful, selection.flat, _title(source, net))


def variants(source: Readable, selection: Selection) -> Variants:
    """The forms in which a net's state may have been saved, made when they are asked for."""

    def made() -> list[Variant]:
        from protonet.weights.state import variant

        return [variant(lowered(source, form)) for form in selection.forms()]

    return made


def _title(source: Readable, net: Graph) -> str:
    name = net.name or "A net"
    path = os.fspath(source) if isinstance(source, str | os.PathLike) else ""
    if isinstance(source, Source) and os.path.exists(source.name):  # a template
        path = source.name
    if not path or "\n" in path or "{" in path:
        return f"{name}, compiled from Caffe by protonet."
    return f"{name}, compiled from {os.path.basename(path)} by protonet."


@uncollected()
def emit(
    source: Readable,
    phase: str = "TEST",
    stages: Sequence[str] = (),
    level: int = 0,
    outputs: Sequence[str] | None = None,
    faithful: bool = False,
    flat: bool = False,
    shapes: Shapes | None = None,
    plugins: Sequence[type[Layer] | str | os.PathLike[str]] = (),
    allow_python: bool = False,
    define: Define = None,
) -> str:
    """The source of a standalone PyTorch file for a net; the text that ``compile`` executes.

    ``source`` is a path, a prototxt's text or a NetParameter message; ``shapes`` gives or
    replaces input shapes, {blob: (n, c, h, w)}; ``plugins`` are files with layers of one's own;
    ``allow_python`` lets Python layers run their classes; ``define`` fills the placeholders of a
    template, {"WIDTH": 640}. Raises NetError with its place.
    """
    from protonet.program.source import source as text

    with_plugins(plugins)
    selection = Selection.of(phase, stages, level, shapes, allow_python, outputs, faithful, flat)
    return text(lowered(defined(source, define), selection).program)


def compile(  # noqa: A001, PLR0913, PLR0917 (this package's verb, and all that it takes)
    source: Readable,
    phase: str = "TEST",
    stages: Sequence[str] = (),
    level: int = 0,
    outputs: Sequence[str] | None = None,
    weights: Any = None,
    faithful: bool = False,
    flat: bool = False,
    shapes: Shapes | None = None,
    plugins: Sequence[type[Layer] | str | os.PathLike[str]] = (),
    allow_python: bool = False,
    define: Define = None,
    optimize: bool = False,
) -> nn.Module:
    """Compile a Caffe net into a torch.nn.Module.

    The module takes the net's inputs in their order, or by blob name, and returns its output,
    or {blob: tensor} where it has several or ``outputs`` names them; in the TRAIN phase with
    "objective", the weighted sum of the losses. ``weights`` is a file with weights of any kind,
    several with commas between them, or {layer: [array, ...]} in Caffe's order and shapes; see
    ``load_weights``, which can be strict. ``flat`` writes one class without blocks, and
    ``faithful`` keeps one statement a layer and Caffe's own BatchNorm. ``plugins`` are files with
    layers of one's own; ``allow_python`` lets Python layers run their classes; ``define`` fills
    the placeholders of a template, {"WIDTH": 640}; ``optimize`` makes passes on the CPU fast, as
    ``protonet.optimize`` does. Raises NetError with its place.
    """
    with_plugins(plugins)
    selection = Selection.of(phase, stages, level, shapes, allow_python, outputs, faithful, flat)
    net = module_of(defined(source, define), selection, weights)
    if not optimize:
        return net
    from protonet.optimizing.optimize import optimize as optimized

    return optimized(net)


def module_of(source: Readable, selection: Selection, weights: Any = None) -> nn.Module:
    """The module of a selection of a net, as ``compile``."""
    from protonet.runtime.module import instantiate
    from protonet.weights.mapping import loaded

    program = lowered(source, selection)
    if weights is None:
        return instantiate(program)
    net, matched = loaded(partial(instantiate, program), weights, variants(source, selection))
    if matched.missing:
        _LOG.warning("%s: %s", _NOT_LOADED, ", ".join(matched.missing))
    return net


def with_plugins(plugins: Iterable[type[Layer] | str | os.PathLike[str]]) -> None:
    """Load plugins: files whose layers register themselves, or classes that have done so.

    One that stands alone is taken as the only one. NetError where one is neither.
    """
    alone = isinstance(plugins, str | os.PathLike) or not isinstance(plugins, Iterable)
    for plugin in (plugins,) if alone else plugins:
        if isinstance(plugin, str | os.PathLike):
            load_file(plugin)
        elif not (isinstance(plugin, type) and REGISTRY.get(getattr(plugin, "type", "")) is plugin):
            hint = 'give plugins=["my_layer.py"], or a layer\'s class under @register'
            raise NetError(
                f"the plugin {plugin!r} is no file and no class under @register", None, hint
            )
