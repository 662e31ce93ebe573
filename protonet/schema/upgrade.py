"""Old definitions in today's form, as Caffe's upgrade_proto does it."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from typing import Any

from protonet.diagnostics import IgnoredFields, NetError, raise_all
from protonet.schema.doubt import doubt
from protonet.schema.interps import tell_interps
from protonet.schema.load import Loaded
from protonet.schema.pool import message
from protonet.schema.sourcemap import Path
from protonet.schema.stages import tell_stages
from protonet.schema.unfuse import PartOfLayer, unfused, with_dilation
from protonet.schema.upgrade_data import moved as moved_of_data
from protonet.schema.upgrade_data import unread_transforms, upgrade_transforms
from protonet.schema.upgrade_v0 import Misplaced, pad_readers, upgrade_v0_layer
from protonet.schema.upgrade_v0 import moved as moved_of_v0
from protonet.schema.upgrade_v1 import upgrade_v1_layer
from protonet.schema.warps import tell_warps

# What of a net has a place beside layers of the first form. Source: UpgradeV0Net.
_V0_NET = ("name", "layers", "input", "input_dim", "force_backward")


def upgrade(loaded: Loaded, keep_inputs: bool = True, lenient: bool = False) -> Loaded:
    """A net as Caffe 1.0 writes it: V0 and V1 layers, legacy inputs, data and BatchNorm fields.

    An input without a shape stays, as an Input layer that can be given one, with ``keep_inputs``;
    Caffe's tool drops it. What has no meaning is dropped as Caffe drops it, and named in an
    IgnoredFields warning. Raises NetError where a definition mixes the forms; of a V1 layer among
    V0 ones Caffe's tool leaves the bottoms and tops, with which it then builds no net. What else
    is wrong, apart from what follows from ``loaded.errors``, is raised as well, or with
    ``lenient`` added to these. Source: UpgradeNetAsNeeded.
    """
    if loaded.message.DESCRIPTOR.name != "NetParameter":
        return loaded
    made = _Upgrade(loaded, keep_inputs)
    upgraded = made.run()
    raise_all(() if lenient else made.errors)
    return upgraded


class _Upgrade:
    """The net so far, where its parts stood, and what was dropped."""

    def __init__(self, loaded: Loaded, keep_inputs: bool) -> None:
        self.loaded, self.keep_inputs = loaded, keep_inputs
        self.net: Any = message("NetParameter")
        self.moves: dict[Path, Path] = {}
        self.dropped: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.errors: list[NetError] = []
        self.doubt = doubt(loaded.sourcemap, loaded.errors)

    def run(self) -> Loaded:
        source, net = self.loaded.message, self.net
        self.refuse_mixture()
        net.CopyFrom(source)
        del net.layers[:], net.layer[:]
        if any(layer.HasField("layer") for layer in source.layers):
            self.clear_net()
        old = self.v1_layers()
        upgrade_transforms([layer for _, layer, _ in old])
        self.add_inputs()
        self.add_layers(old)
        _upgrade_batch_norm(net)
        _pass_statistics_size(net)
        if self.keep_inputs:  # what Caffe's tool writes has no field of ours
            tell_warps(net)
            tell_interps(net)
            tell_stages(net)
        self.warn()
        places = self.loaded.sourcemap.moved(self.moves)
        errors = (*self.loaded.errors, *self.errors)
        return replace(self.loaded, message=net, sourcemap=places, errors=errors)

    def refuse_mixture(self) -> None:
        source = self.loaded.message
        if len(source.layer) and len(source.layers):
            what = "the definition has both 'layer' and 'layers'"
            self.fail(what, ("layers", 0), "'layers' is the old form of 'layer'")
        first = [layer.HasField("layer") for layer in source.layers]
        if self.keep_inputs and any(first) and not all(first):
            what = "the definition has 'layers' with and without a 'layer' inside"
            self.fail(what, ("layers", first.index(False)), "the first is the older form")

    def note(self, what: str, path: Path) -> None:
        """Keep an error, unless it stands where there is one already."""
        where = self.loaded.sourcemap.span(path)
        if not self.doubt.covers(where):
            self.errors.append(NetError(what, where))

    def fail(self, what: str, path: Path, hint: str | None = None) -> None:
        more = "; write all of them in one form" if hint else ""
        hint = f"{hint}{more}" if hint else None
        raise NetError(what, self.loaded.sourcemap.span(path), hint)

    def clear_net(self) -> None:
        """Leave out what the first form of a net has not. Source: UpgradeV0Net."""
        for field, _ in self.net.ListFields():
            if field.name not in _V0_NET:
                self.net.ClearField(field.name)
                self.dropped[field.name] += 1

    def v1_layers(self) -> list[tuple[int, Any, bool]]:
        """The old layers in V1's form: their places in the file, and whether they were V0's."""
        source = self.loaded.message
        if not any(layer.HasField("layer") for layer in source.layers):
            return [(index, _copied(layer), False) for index, layer in enumerate(source.layers)]
        found = []
        try:
            layers = pad_readers(source.layers, source.input)
        except Misplaced as error:
            self.note(str(error), ("layers", *error.field))
            whole = enumerate(source.layers)
            layers = {i: layer for i, layer in whole if layer.layer.type != "padding"}
        astray = bool(self.errors)  # paddings are not where they belong
        for index, layer in layers.items():
            try:
                found.append((index, upgrade_v0_layer(layer, self.dropper(layer)), True))
            except Misplaced as error:
                self.note(str(error), ("layers", index, *error.field))
                found.append((index, _outline(layer, "layers"), True))
        raise_all(self.errors if astray else ())
        return found

    def dropper(self, layer: Any) -> Any:
        kind = layer.layer.type or ("no type" if layer.HasField("layer") else "a V1 layer")
        return lambda name: self.dropped.update([f"{name} of {kind}"])

    def add_inputs(self) -> None:
        """``input`` with ``input_shape`` or ``input_dim`` as one Input layer. UpgradeNetInput."""
        net = self.net
        names = list(net.input)
        if not names:
            return
        shapes = self.input_shapes(names)
        in_fours = not len(net.input_shape)
        del net.input[:], net.input_shape[:], net.input_dim[:]
        # An input without a shape beside a layer that makes it: UpgradeNetInput passes over it.
        layers = (*self.loaded.message.layer, *self.loaded.message.layers)
        made = {top for layer in layers for top in layer.top}
        kept = [i for i, name in enumerate(names) if shapes or name not in made]
        if not shapes and not self.keep_inputs:
            self.dropped["input"] += len(names)
            return
        if not kept:
            return
        layer = net.layer.add(name="input", type="Input", top=[names[index] for index in kept])
        for number, shape in enumerate(shapes):
            layer.input_param.shape.add().CopyFrom(shape)
            self.moves |= _dims_of_input(number, len(shape.dim), in_fours)
        for place, index in enumerate(kept):
            self.moves[("layer", 0, "top", place)] = ("input", index)
        self.moves[("layer", 0)] = ("input", kept[0])

    def input_shapes(self, names: list[str]) -> list[Any]:
        """A BlobShape for every input; none where no shape is stated. More are left over."""
        net = self.net
        shapes: list[Any] = [_copied_shape(shape.dim) for shape in net.input_shape]
        field, wanted, given = "input_shape", len(names), len(shapes)
        if not shapes and len(net.input_dim):
            field, wanted, given = "input_dim", 4 * len(names), len(net.input_dim)
            fours = (net.input_dim[i : i + 4] for i in range(0, given, 4))
            shapes = [_copied_shape(four) for four in fours]
        if self.doubt.inputs:
            return []
        if shapes and given < wanted:
            takes = f"{field} is given {given} times; it takes {wanted}"
            self.note(f"the net has {len(names)} inputs, but {takes}", ("input", 0))
            return []
        self.dropped[field] += max(0, given - wanted)
        return shapes[: len(names)]

    def add_layers(self, old: list[tuple[int, Any, bool]]) -> None:
        net, layers = self.net, self.loaded.message.layer
        for index, layer in enumerate(layers):
            whole, engine = [PartOfLayer(layer, {})], self.loaded.message.engine
            parts = unfused(layers, index, engine) if self.keep_inputs else whole
            for part in map(with_dilation, parts):
                at: Path = ("layer", len(net.layer))
                net.layer.add().CopyFrom(part.layer)
                self.moves[at] = ("layer", index)
                self.moves |= {(*at, *n): ("layer", index, *then) for n, then in part.moved.items()}
            self.unread.update(unread_transforms(layer))
        for number, (index, layer, is_v0) in enumerate(old, len(net.layer)):
            try:
                new, moved = upgrade_v1_layer(layer)
            except ValueError as error:
                self.note(str(error), ("layers", index))
                new, moved = _outline(layer), {}
            net.layer.add().CopyFrom(new)
            self.moves.update(self.places(number, index, moved, is_v0))

    def places(
        self, number: int, index: int, moved: dict[Path, Path], is_v0: bool
    ) -> dict[Path, Path]:
        """Where the parts of a layer stood that was an old one, ``moved`` being those of V1."""
        new: Path = ("layer", number)
        outer: Path = ("layers", index)
        old = (*outer, "layer") if is_v0 else outer
        connection = self.loaded.message.layers[index]
        found = {(*new, *n): (*old, *o) for n, o in moved.items()}
        found |= {(*new, end): (*outer, end) for end in ("bottom", "top") if is_v0}
        apart = moved_of_v0(connection) if is_v0 else moved_of_data(connection)
        found |= {(*new, *n): (*outer, *o) for n, o in apart.items()}
        return found | {new: old}

    def warn(self) -> None:
        """Name what was dropped, in one warning, and what nobody reads in another."""
        where = f"{self.loaded.source.name}: " if self.loaded.source else ""
        for found, what in (
            (self.dropped, "dropped, since it means nothing there to Caffe"),
            (self.unread, "ignored, as Caffe reads it in transform_param only"),
        ):
            named = [f"{name} ({n} times)" if n > 1 else name for name, n in (+found).items()]
            if named:
                text = f"{where}{what}: {', '.join(named)}"
                warnings.warn(text, IgnoredFields, stacklevel=4)


def _outline(layer: Any, kind: str = "") -> Any:
    """What is known of a layer that can't be upgraded: its name, and the blobs at its ends."""
    made = message("V1LayerParameter" if kind else "LayerParameter")
    made.name = layer.layer.name if kind else layer.name
    made.bottom.extend(layer.bottom)
    made.top.extend(layer.top)
    return made


def _dims_of_input(number: int, axes: int, in_fours: bool) -> dict[Path, Path]:
    """Where the sizes of an input stood, in input_dim by fours or in an input_shape."""
    own: Path = ("layer", 0, "input_param", "shape", number)
    if not in_fours:
        return {own: ("input_shape", number)}
    return {(*own, "dim", axis): ("input_dim", 4 * number + axis) for axis in range(axes)}


def _copied_shape(dims: Any) -> Any:
    made = message("BlobShape")
    made.dim.extend(dims)
    return made


def _copied(layer: Any) -> Any:
    own = message("V1LayerParameter")
    own.CopyFrom(layer)
    return own


def _upgrade_batch_norm(net: Any) -> None:
    """Clear three ParamSpecs of a BatchNorm, from when its statistics had them.

    Source: UpgradeNetBatchNorm.
    """
    for layer in net.layer:
        if layer.type == "BatchNorm" and len(layer.param) == 3:
            for spec in layer.param:
                spec.lr_mult = 0.0
                spec.decay_mult = 0.0


def _pass_statistics_size(net: Any) -> None:
    """Give Intel's bn_stats_batch_size to the BatchNorm layers that state none of their own."""
    for layer in net.layer if net.bn_stats_batch_size else ():
        if layer.type == "BatchNorm" and not layer.batch_norm_param.HasField("stats_batch_size"):
            layer.batch_norm_param.stats_batch_size = net.bn_stats_batch_size


def upgrade_solver(loaded: Loaded) -> Loaded:
    """A solver with its legacy solver_type as the string ``type``. UpgradeSolverType."""
    new = message("SolverParameter")
    new.CopyFrom(loaded.message)
    names = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")
    if new.HasField("solver_type"):
        if new.HasField("type"):
            what = "the solver has both solver_type and type"
            span = loaded.sourcemap.span(("solver_type",))
            raise NetError(what, span, "remove solver_type; type is today's form")
        new.type = names[new.solver_type]
        new.ClearField("solver_type")
    moves: dict[Path, Path] = {} if new == loaded.message else {("type",): ("solver_type",)}
    return replace(loaded, message=new, sourcemap=loaded.sourcemap.moved(moves))
