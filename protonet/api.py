"""compile, emit, check, graph: the library's functions, each a short pipeline."""

from __future__ import annotations

import logging
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from protonet.diagnostics import IgnoredFields, NetError, SameNames, did_you_mean, raise_all
from protonet.graph import Graph, build, verify
from protonet.layers import REGISTRY, Layer
from protonet.layers.plugins import load_file
from protonet.schema.files import attach_files
from protonet.schema.forks import ignored
from protonet.schema.load import Loaded, load
from protonet.schema.select import data_elsewhere, select
from protonet.schema.upgrade import upgrade

if TYPE_CHECKING:
    from torch import nn

    from protonet.codegen import Program

Source = str | os.PathLike[str] | Any
Shapes = Mapping[str, Sequence[int]]
_LOG = logging.getLogger("protonet")
_NOT_LOADED = "layers of the net that are not in the file keep the values of their fillers"


def read(source: Source) -> Loaded:
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
    found = ignored(loaded.message)
    if not found:
        return
    named = (f"{name} ({n} times)" if n > 1 else name for name, n in sorted(found.items()))
    where = f"{loaded.source.name}: " if loaded.source else ""
    what = f"{where}ignored, since they change nothing that is computed: {', '.join(named)}"
    warnings.warn(what, IgnoredFields, stacklevel=3)


def graph(
    source: Source,
    phase: str = "TEST",
    stages: Sequence[str] = (),
    level: int = 0,
    shapes: Shapes | None = None,
    allow_python: bool = False,
) -> Graph:
    """The graph of one phase of a net, with every shape, made without torch.

    A data layer that does not state its shapes has those of its data, where they can be read.
    """
    loaded = read(source)
    selected = select(loaded, _phase(phase), tuple(stages), level)
    raise_all(selected.errors)
    attach_files(selected)
    sizes = {blob: tuple(int(n) for n in shape) for blob, shape in (shapes or {}).items()}
    away = data_elsewhere(loaded, selected)
    measure = partial(_shapes_of_data, selected, _phase(phase))
    net = verify(build(selected, _phase(phase), sizes, False, allow_python, away, measure))
    _warn_of_same_names(net)
    return net


def _warn_of_same_names(net: Graph) -> None:
    """Name, in a warning, the layers that weights don't reach. Net::CopyTrainedLayersFrom."""
    times = Counter(node.name for node in net.nodes if node.params)
    for name in (name for name, n in times.items() if n > 1):
        what = f"{times[name]} layers with parameters have the name {name!r}; as in Caffe, weights"
        warnings.warn(f"{what} are loaded into the first only", SameNames, stacklevel=4)


def _shapes_of_data(loaded: Loaded, phase: str, index: int) -> Mapping[str, tuple[int, ...]]:
    from protonet.data import data_shapes

    return data_shapes(loaded, phase, index)


def _phase(phase: str) -> str:
    upper = phase.upper()
    if upper not in ("TRAIN", "TEST"):
        raise NetError(f"the phase is TRAIN or TEST, not {phase!r}")
    return upper


def program(
    source: Source,
    phase: str = "TEST",
    stages: Sequence[str] = (),
    level: int = 0,
    outputs: Sequence[str] | None = None,
    faithful: bool = False,
    shapes: Shapes | None = None,
    allow_python: bool = False,
) -> Program:
    """The PyTorch program of a net, as data."""
    from protonet.codegen import write
    from protonet.passes import DEPLOY

    net = graph(source, phase, stages, level, shapes, allow_python)
    for blob in outputs or ():
        if blob not in net.blobs:
            hint = did_you_mean(blob, net.blobs)
            raise NetError(f"the net has no blob {blob!r} to give out", None, hint)
    for transform in () if faithful else DEPLOY:
        net = verify(transform(net))
    return write(net, outputs, faithful, _origin(source, net))


def _origin(source: Source, net: Graph) -> str:
    name = net.name or "A net"
    path = os.fspath(source) if isinstance(source, str | os.PathLike) else ""
    if not path or "\n" in path or "{" in path:
        return f"{name}, compiled from Caffe by protonet."
    return f"{name}, compiled from {os.path.basename(path)} by protonet."


def emit(
    source: Source,
    phase: str = "TEST",
    stages: Sequence[str] = (),
    level: int = 0,
    outputs: Sequence[str] | None = None,
    faithful: bool = False,
    shapes: Shapes | None = None,
    plugins: Sequence[type[Layer] | str | os.PathLike[str]] = (),
    allow_python: bool = False,
) -> str:
    """The source of a standalone PyTorch file for a net; the text that ``compile`` executes.

    ``source`` is a path, a prototxt's text or a NetParameter message; ``shapes`` gives or
    replaces input shapes, {blob: (n, c, h, w)}; ``plugins`` are files with layers of one's own;
    ``allow_python`` lets Python layers run their classes. Raises NetError with its place.
    """
    from protonet.codegen import source as text

    with_plugins(plugins)
    return text(program(source, phase, stages, level, outputs, faithful, shapes, allow_python))


def compile(  # noqa: A001 (the verb of what this package does)
    source: Source,
    phase: str = "TEST",
    stages: Sequence[str] = (),
    level: int = 0,
    outputs: Sequence[str] | None = None,
    weights: Any = None,
    faithful: bool = False,
    shapes: Shapes | None = None,
    plugins: Sequence[type[Layer] | str | os.PathLike[str]] = (),
    allow_python: bool = False,
) -> nn.Module:
    """Compile a Caffe net into a torch.nn.Module.

    The module takes the net's inputs in their order, or by blob name, and returns its output,
    or {blob: tensor} where it has several or ``outputs`` names them; in the TRAIN phase with
    "objective", the weighted sum of the losses. ``weights`` is a file with weights of any kind,
    several with commas between them, or {layer: [array, ...]} in Caffe's order and shapes; see
    ``load_weights``, which can be strict. ``faithful`` keeps one statement a layer and Caffe's own
    BatchNorm. ``plugins`` are files with layers of one's own;
    ``allow_python`` lets Python layers run their classes. Raises NetError with its place.
    """
    from protonet.codegen import instantiate
    from protonet.codegen import source as text
    from protonet.weights.mapping import load_weights
    from protonet.weights.state import variant

    with_plugins(plugins)
    made = program(source, phase, stages, level, outputs, faithful, shapes, allow_python)
    net: nn.Module = instantiate(made, text(made))
    if weights is not None:
        other = (phase, stages, level, outputs, not faithful, shapes, allow_python)
        matched = load_weights(net, weights, variants=lambda: [variant(program(source, *other))])
        if matched.missing:
            _LOG.warning("%s: %s", _NOT_LOADED, ", ".join(matched.missing))
    return net


def with_plugins(plugins: Iterable[type[Layer] | str | os.PathLike[str]]) -> None:
    """Load plugins: files whose layers register themselves, or classes that have done so."""
    for plugin in plugins:
        if isinstance(plugin, str | os.PathLike):
            load_file(plugin)
        elif not (isinstance(plugin, type) and REGISTRY.get(getattr(plugin, "type", "")) is plugin):
            raise NetError(f"the plugin {plugin!r} is no file and no class under @register")


def check(source: Source) -> list[NetError]:
    """Every problem of a net or a solver, in the order of the file; none means it is right.

    Both phases are looked at. A data layer whose shape only its data would tell is no problem,
    nor is a phase that the file has no data layer for; ``phases_without_data`` names those.
    """
    try:
        loaded = load(source, "NetParameter")
    except NetError as error:
        return list(error.all)
    if loaded.errors:
        return list(loaded.errors)
    return check_net(loaded)


def check_net(loaded: Loaded) -> list[NetError]:
    """The problems of a net whose text is right."""
    try:
        upgraded = upgrade(loaded)
        raise_all(upgraded.errors)
        warn_of_ignored(upgraded)
    except NetError as error:
        return list(error.all)
    found: dict[tuple[str, int], NetError] = {}
    results = [_phase_errors(upgraded, phase) for phase in ("TRAIN", "TEST")]
    empty = [r for r in results if r is None]
    for problem in (p for result in results for p in result or ()):
        found.setdefault((problem.message, problem.span.start if problem.span else -1), problem)
    if len(empty) == 2:
        where = loaded.sourcemap.span(())
        return [NetError("the net is empty: it has no layer", where)]
    return sorted(found.values(), key=lambda e: e.span.start if e.span else -1)


def _phase_errors(loaded: Loaded, phase: str) -> list[NetError] | None:
    """The problems of one phase; None where it has no layers."""
    try:
        selected = select(loaded, phase, (), 0)
        raise_all(selected.errors)
        if not len(selected.message.layer):
            return None
        away = data_elsewhere(loaded, selected)
        _warn_of_same_names(build(selected, phase, lenient=True, elsewhere=away))
    except NetError as error:
        return list(error.all)
    return []


def phases_without_data(source: Source) -> list[str]:
    """The phases that a right net has layers for, but whose data layers are of another phase."""
    loaded = read(source)
    phases = ("TRAIN", "TEST")
    return [p for p in phases if data_elsewhere(loaded, select(loaded, p))]


def check_any(path: str) -> list[NetError]:
    """Every problem of a file that holds a net or a solver."""
    from protonet.schema.load import load_any

    try:
        loaded = load_any(path)
    except NetError as error:
        return list(error.all)
    if loaded.errors:
        return list(loaded.errors)
    is_net = loaded.message.DESCRIPTOR.name == "NetParameter"
    return check_net(loaded) if is_net else []
