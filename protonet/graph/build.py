"""From a NetParameter of one phase to a graph, as Net::Init does it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from protonet.diagnostics import NetError, Span, or_none, raise_all
from protonet.graph.definition import definition, file_word
from protonet.graph.ends import data_shapes, field_path, limit, smaller_batch, unused_shapes
from protonet.graph.graph import Graph, Node, Param, Value
from protonet.graph.in_place import misreadings
from protonet.graph.missing import MissingBlobs
from protonet.graph.params import node_params
from protonet.graph.readings import fitting
from protonet.graph.refusals import Refusals
from protonet.graph.splits import misweighed, overwrites, weights_of
from protonet.layers import REGISTRY, LayerError, ShapeUnknown
from protonet.layers.base import flaw
from protonet.layers.python import layer_class
from protonet.program.names import Names
from protonet.schema.doubt import doubt
from protonet.schema.forks import plugin_hint
from protonet.schema.load import Loaded
from protonet.schema.pool import Message
from protonet.shape import Shape


def build(
    loaded: Loaded,
    phase: str,
    shapes: Mapping[str, Shape] | None = None,
    lenient: bool = False,
    allow_python: bool = False,
    elsewhere: Collection[str] = (),
    measure: Callable[[int], Mapping[str, Shape]] | None = None,
) -> Graph:
    """Lower a selected net to a graph. ``shapes`` are input shapes that replace the file's.

    ``elsewhere`` are the blobs of data layers that the file has for other phases or stages only.
    ``measure`` gives the shapes of the tops of the data layer at a place in the file, for one that
    does not state them; none where they can't be told.

    With ``lenient`` a data layer whose shape is unknown is passed over, with all below it, and
    so are one that is elsewhere, and one that runs the user's code, which it does only with
    ``allow_python``.
    Where it does not fit together, layers are read as the forks do that say so nowhere, if it does
    then. Raises NetErrors with every problem that does not follow from an earlier one, nor from one
    of ``loaded.errors``: a layer in which one of these stands is looked at as far as it can be.
    """

    def built(net: Loaded) -> tuple[Graph, list[NetError]]:
        builder = _GraphBuilder(net, phase, dict(shapes or {}), lenient, allow_python)
        builder.missing.elsewhere = elsewhere
        builder.measure = measure
        return builder.run(), builder.errors

    graph, errors = fitting(loaded, built)
    raise_all(errors)
    return graph


class _GraphBuilder:
    """The state of one build: the blobs so far, the ones that failed, and the errors."""

    def __init__(
        self,
        loaded: Loaded,
        phase: str,
        shapes: dict[str, Shape],
        lenient: bool,
        allow_python: bool,
    ) -> None:
        self.message: Any = loaded.message
        self.map = loaded.sourcemap
        self.shapes = shapes
        self.lenient = lenient
        self.allow_python = allow_python
        self.missing = MissingBlobs(self.map, ())
        self.measure: Callable[[int], Mapping[str, Shape]] | None = None
        self.errors: list[NetError] = []
        self.refusals = Refusals(self.message.engine, phase)
        self.doubt = doubt(self.map, loaded.errors)
        self.broken = set(self.doubt.blobs)
        self.available: dict[str, Value] = {}
        self.shared: dict[str, Param] = {}
        self.names = Names()  # of the blobs so far
        self.graph = Graph(self.message.name, phase, file_word(loaded), encoding=loaded.encoding)
        self.graph.definition = definition(self.message, phase)
        self.graph.force_backward = self.message.force_backward

    def run(self) -> Graph:
        if not len(self.message.layer) and not self.doubt:
            where = self.map.span(()) or self.map.span(("name",))
            self.errors.append(NetError("the net is empty: it has no layers in this phase", where))
        for index, message in enumerate(self.message.layer):
            try:
                self.add(index, message)
            except NetError as error:
                self.errors.append(error)
                self.broken.update(message.top)
            except ShapeUnknown as error:
                self.broken.update(message.top)
                self.graph.unchecked.append(f"{message.name!r} ({message.type}): {error.message}")
        self.missing.name_readers()
        self.check_memory()
        for node in self.graph.nodes:
            self.check_weights(node)
        self.errors += [] if self.errors else unused_shapes(self.shapes, self.graph.inputs)
        self.graph.outputs = list(self.available.values())
        return self.graph

    def add(self, index: int, message: Message) -> None:
        path = ("layer", index)
        message = self.with_automatic_top(message)
        node = self.make_node(message, path)
        values = self.bottoms(message, path)
        if node is None or values is None:
            self.broken.update(message.top)
            self.graph.below_unchecked += 1
            return
        node.inputs = values
        tops = self.infer(node, message)
        self.connect(node, message, tops)
        self.graph.nodes.append(node)

    def with_automatic_top(self, message: Message) -> Any:
        """A loss without a top gets one, named like its layer. Source: Layer::AutoTopBlobs."""
        cls = layer_class(message)
        if cls is None or not cls.is_loss or len(message.top):
            return message
        own = type(message)()
        own.CopyFrom(message)
        own.top.append(self.names.free(message.name or "loss"))
        return own

    def make_node(self, message: Any, path: tuple[str | int, ...]) -> Node | None:
        """A layer's node; None where its type is unknown, which is told, or it is in doubt."""
        cls, where = layer_class(message), self.map.span(path)
        doubtful = self.doubt.covers(where)
        if cls is None and (message.type or not doubtful):
            hint = or_none(REGISTRY.near(message.type)) or plugin_hint(message.type)
            what = f"layer {message.name!r} has the unknown type {message.type!r}"
            self.errors.append(NetError(what, self.map.span((*path, "type")), hint))
        if cls is None or doubtful:
            return None
        layer = cls(message, self.graph.phase)
        node = Node(message.name, message.type, layer, where, path)
        self.check_counts(node, message)
        self.check_forks(node, message)
        return node

    def check_counts(self, node: Node, message: Message) -> None:
        limits = (("bottom", node.layer.bottoms), ("top", node.layer.tops))
        for field, (fewest, most) in limits:
            given = len(getattr(message, field))
            if given < fewest or (most is not None and given > most):
                span = self.map.span((*node.path, field, max(most or 0, 0))) if given else node.span
                raise self.error(node, f"{limit(fewest, most, field)}, not {given}", span)
        down = len(message.propagate_down)
        if down and down != len(message.bottom):
            what = f"propagate_down is given {down} times for {len(message.bottom)} bottoms"
            raise self.error(node, what, self.map.span((*node.path, "propagate_down")))

    def check_forks(self, node: Node, message: Message) -> None:
        """What a fork's extra field changes is done or refused, never passed over."""
        found = self.refusals.of(node, message)
        if found:
            where = self.map.span((*node.path, *found.path))
            raise self.error(node, found.why, where, found.hint)

    def bottoms(self, message: Any, path: tuple[str | int, ...]) -> tuple[Value, ...] | None:
        """What a layer reads; None where a blob of it is missing, or follows from an error."""
        known = self.graph.blobs
        unknown = [i for i, blob in enumerate(message.bottom) if blob not in known]
        if self.lenient and any(message.bottom[i] in self.missing.elsewhere for i in unknown):
            raise ShapeUnknown("its data layer is of another phase")
        for index in unknown:
            if message.bottom[index] not in self.broken:
                error = self.missing.read(message, path, index, (*known, *self.broken))
                self.errors += [error] if error else []
        if unknown:
            return None
        values = tuple(known[blob] for blob in message.bottom)
        for value in values:
            value.uses += 1
            self.available.pop(value.blob, None)
        return values

    def infer(self, node: Node, message: Message) -> tuple[Shape, ...]:
        shapes = tuple(value.shape for value in node.inputs)
        self.check_code(node, message)
        try:
            if node.layer.is_data and any(top in self.shapes for top in message.top):
                tops = data_shapes(node.layer, self.shapes)
            else:
                tops = self.infer_tops(node, message, shapes)
            node.blobs = node.layer.blobs(shapes)
            node.params = node_params(node, message, self.shared)
        except LayerError as error:
            if self.lenient and isinstance(error, ShapeUnknown):
                raise
            raise self.placed(node, error) from error.__cause__
        for top, shape in zip(message.top, tops, strict=True):
            problem = flaw(shape)
            if problem:
                hint = smaller_batch(shape, self.graph.inputs)
                raise self.error(node, f"the top {top!r} would have {problem}", None, hint)
        return tops

    def infer_tops(self, node: Node, message: Any, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shapes that the layer states, or those of its data."""
        try:
            return node.layer.infer(*shapes)
        except ShapeUnknown:
            found = self.measure(int(node.path[1])) if self.measure else {}
            if not set(message.top) <= set(found):
                raise
            return tuple(found[top] for top in message.top)

    def check_code(self, node: Node, message: Message) -> None:
        """A prototxt alone never runs code: that takes the user's word."""
        if not node.layer.runs_code or self.allow_python:
            return
        if self.lenient:
            raise ShapeUnknown("its code is not run")
        what = f"it would run the Python class {message.python_param.layer!r} of the module "
        hint = "pass --allow-python (allow_python=True) if you trust it"
        raise self.error(node, f"{what}{message.python_param.module!r}", None, hint)

    def connect(self, node: Node, message: Message, tops: tuple[Shape, ...]) -> None:
        outputs, before = [], set()
        bottoms = [*message.bottom, *[None] * len(message.top)]
        for index, (top, shape) in enumerate(zip(message.top, tops, strict=True)):
            in_place = bottoms[index] == top
            if top in before or (top in self.graph.blobs and not in_place):
                raise self.taken(node, top, index)
            before.add(top)
            if in_place:
                self.check_in_place(node, top, index)
            outputs.append(Value(top, shape, node))
        node.outputs = tuple(outputs)
        for value in outputs:
            self.graph.blobs[value.blob] = value
            self.names.add(value.blob)
            self.available[value.blob] = value
        if node.layer.is_data:
            self.graph.inputs.extend(outputs)
        self.set_weights(node, message)

    def check_in_place(self, node: Node, top: str, index: int) -> None:
        """NetError where a layer can't overwrite its bottom, or its bottom is needed elsewhere."""
        what: str | None = f"a {node.type} layer can't work in-place, its top {top!r} is its bottom"
        if node.layer.runs_in_place():
            what = overwrites(node, index, self.graph)
        if what:
            span = self.map.span((*node.path, "top", index))
            raise self.error(node, what, span, "give the top a name of its own")

    def check_weights(self, node: Node) -> None:
        """NetError unless loss_weight is given once for each top, or not at all."""
        what = misweighed(node)
        if what:
            where = self.map.span((*node.path, "loss_weight"))
            self.errors.append(self.error(node, what, where, "give it once for each top"))

    def set_weights(self, node: Node, message: Message) -> None:
        node.loss_weights, node.weights_implied = weights_of(node)
        down = list(message.propagate_down)
        node.propagate_down = tuple(down) if down else (True,) * len(node.inputs)

    def taken(self, node: Node, top: str, index: int) -> NetError:
        first = self.graph.blobs[top].producer if top in self.graph.blobs else node
        what = f"the top {top!r} is the top of layer {first.name!r} already"
        where = self.map.span((*node.path, "top", index))
        place = f" (line {first.span.line})" if first.span else ""
        return self.error(node, what, where, f"only an in-place layer may write to it{place}")

    def placed(self, node: Node, error: LayerError) -> NetError:
        path = field_path(node, error.field)
        return self.error(node, error.message, self.map.span(path), error.hint)

    def check_memory(self) -> None:
        """What a layer in place changes in Caffe under another name is read by nobody."""
        for node, index, writer in misreadings(self.graph):
            blob = node.inputs[index].blob
            what = f"it would read in {blob!r} what layer {writer.name!r} writes in place: both are"
            span = self.map.span((*node.path, "bottom", index))
            hint = f"give the top of layer {writer.name!r} a name of its own"
            self.errors.append(self.error(node, f"{what} one memory in Caffe", span, hint))

    def error(
        self, node: Node, message: str, span: Span | None = None, hint: str | None = None
    ) -> NetError:
        text = f"layer {node.name!r} ({node.type}): {message}"
        return NetError(text, span or node.span, hint)
