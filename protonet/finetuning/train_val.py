"""The net for other classes: its text to train and to use, with what was changed told beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protonet import api
from protonet.diagnostics import Source
from protonet.finetuning.ends import End, above
from protonet.finetuning.net_text import NOWHERE, NewNet, new_layer
from protonet.finetuning.source import Pretrained, is_feed, of_phases
from protonet.graph import Graph, Node
from protonet.program.names import Names
from protonet.schema.pool import Message
from protonet.schema.sourcemap import Path
from protonet.schema.unbind import Note
from protonet.selection import Selection

DATABASES = {"TRAIN": "train_lmdb", "TEST": "val_lmdb"}
_FILLER = "gaussian"
_SPREAD = 0.01  # of the last layer in Caffe's finetune_flickr_style

_RATE = (
    "# It begins with its filler while the others are trained already: lr_mult is 10 times theirs,",
    "# and a new name keeps the old weights of another number of classes out.",
)
_FROZEN = "# frozen: lr_mult is 0, its weights stay as they are"
_STATISTICS = "# frozen: its statistics stay, too"


@dataclass(frozen=True)
class Renamed:
    """A layer that is made anew: its old name and its new one, and its classes before."""

    old: str
    new: str
    before: int


@dataclass(frozen=True)
class TrainVal:
    """The text of a net to train, what is made anew, the blobs of the labels and of the scores."""

    text: str
    renamed: tuple[Renamed, ...]
    label: str
    scores: str

    def graph(self, name: str, phase: str, given: Pretrained) -> Graph:
        """Its graph for one image: what is wrong shows before anything is written."""
        sizes = {given.data: (1, *given.graph.blobs[given.data].shape[1:]), self.label: (1,)}
        return api.graph_of(Source(name, self.text), Selection(phase, shapes=sizes))


def train_val(
    given: Pretrained, word: str, classes: int, batches: tuple[int, int], head: Sequence[str]
) -> TrainVal:
    """The net for so many classes; ``word`` tells them from the old ones."""
    made = NewNet(f"{given.graph.called}_{word}")
    label = given.label or _free("label", given)
    kept = None if given.trains else {_key(node) for node in above(e.scores for e in given.ends)}
    fed = False
    for index, layer in enumerate(given.loaded.message.layer):
        is_input = layer.type == "Input" and given.data in layer.top
        if is_feed(layer) or is_input:
            if not fed:
                _add_data(made, given, label, batches)
            fed = True
        elif (kept is None or (layer.name, layer.type) in kept) and not _asks_more(layer, classes):
            made.add(layer, ("layer", index))
    renamed = _renew(made, given.ends, word, classes)
    _freeze(made, given.frozen)
    scored = [_last_scores(given, renamed), label]
    if not given.trains or not any(layer.type == "Accuracy" for layer in made.layers):
        made.add(new_layer("accuracy", "Accuracy", scored, "accuracy", "TEST"))
        if not given.trains:
            made.add(new_layer("loss", "SoftmaxWithLoss", scored, "loss"))
    return TrainVal(made.text(given.loaded, head), tuple(renamed), label, scored[0])


def _key(node: Node) -> tuple[str, str]:
    return node.name, node.type


def _free(blob: str, given: Pretrained) -> str:
    return Names(given.graph.blobs).free(blob)


def _asks_more(layer: Message, classes: int) -> bool:
    """Whether a layer counts a hit among more classes than there are."""
    return bool(layer.type == "Accuracy" and layer.accuracy_param.top_k >= max(2, classes))


def _add_data(made: NewNet, given: Pretrained, label: str, batches: tuple[int, int]) -> None:
    places = _places_of_data(given)
    for (phase, database), batch in zip(DATABASES.items(), batches, strict=True):
        layer = new_layer("data", "Data", [], given.data, phase)
        layer.top.append(label)
        given.prepared.transform(layer.transform_param, phase == "TRAIN")
        if not layer.transform_param.ListFields():
            layer.ClearField("transform_param")
        layer.data_param.source, layer.data_param.batch_size = database, batch
        layer.data_param.backend = 1
        index = len(made.layers)
        made.add(layer, places[phase], _about_data(given, phase))
        if layer.transform_param.mirror:
            path: Path = ("layer", index, "transform_param", "mirror")
            what = "# of half the images; not where left and right differ, as in writing"
            made.comments[path] = Note(above=[what])


def _places_of_data(given: Pretrained) -> dict[str, Path]:
    """Where the layers stood that gave the data of each phase."""
    layers = list(given.loaded.message.layer)
    feeds = [i for i, layer in enumerate(layers) if is_feed(layer)]
    if not feeds:
        index = next(i for i, layer in enumerate(layers) if given.data in layer.top)
        return {"TRAIN": ("layer", index), "TEST": NOWHERE}
    train, test = of_phases([layers[i] for i in feeds])
    other: Path = ("layer", feeds[test]) if test != train else NOWHERE
    return {"TRAIN": ("layer", feeds[train]), "TEST": other}


def _about_data(given: Pretrained, phase: str) -> list[str]:
    prepared = given.prepared
    size = "{}x{}".format(*prepared.stored)
    where = "at random places" if phase == "TRAIN" else "from the centre"
    cut = f", {prepared.crop}x{prepared.crop} cut out {where}" if prepared.crop else ""
    return [f"# Images of {size}{cut}."]


def _renew(made: NewNet, ends: Sequence[End], word: str, classes: int) -> list[Renamed]:
    """Give the layers that say the classes new names, and as many outputs as there are classes."""
    names = Names(layer.name for layer in made.layers)
    found = []
    for end in ends:
        for node in end.layers:
            new = names.free(f"{node.name}_{word}")
            weighs = node is end.layers[0]
            for index in range(len(made.layers)):
                if _key(node) == (made.layers[index].name, made.layers[index].type):
                    _rename(made, index, new)
                    _learn_fast(made, index, node)
                    if weighs:
                        _resize(made.layers[index], classes)
            if weighs:
                found.append(Renamed(node.name, new, node.params[0].shape[0]))
    return found


def _rename(made: NewNet, index: int, new: str) -> None:
    """A layer's new name, also that of a blob which is called as it was."""
    layer = made.layers[index]
    old, layer.name = layer.name, new
    if old not in layer.top:
        return
    for later in made.layers[index:]:
        for blobs in (later.top, *((later.bottom,) if later is not layer else ())):
            blobs[:] = [new if blob == old else blob for blob in blobs]


def _learn_fast(made: NewNet, index: int, node: Node) -> None:
    """Ten times the rates of what is trained already, for parameters that none other shares."""
    layer = made.layers[index]
    stated = [param for param in node.params if param.lr_mult]
    del layer.param[:]
    for number, param in enumerate(node.params):
        spec = layer.param.add()
        usual = 2.0 if number and not any("lr_mult" in p.stated for p in stated) else 1.0
        spec.lr_mult = 10 * usual * param.lr_mult
        is_bias = number > 0 and "decay_mult" not in param.stated
        spec.decay_mult = 0.0 if is_bias else param.decay_mult
    for line in _RATE:
        made.note(index, line)


def _resize(layer: Message, classes: int) -> None:
    own = layer.convolution_param if layer.type == "Convolution" else layer.inner_product_param
    own.num_output = classes
    if not own.HasField("weight_filler"):
        own.weight_filler.type, own.weight_filler.std = _FILLER, _SPREAD


def _freeze(made: NewNet, nodes: frozenset[Node]) -> None:
    frozen = {_key(node): node for node in nodes if node.params}
    for index, layer in enumerate(made.layers):
        node = frozen.get((layer.name, layer.type))
        if node is None:
            continue
        while len(layer.param) < len(node.params):
            layer.param.add()
        for spec in layer.param:
            spec.lr_mult = spec.decay_mult = 0.0
        has_statistics = layer.type in ("BatchNorm", "BatchNormScale")
        made.note(index, _STATISTICS if has_statistics else _FROZEN)
        if has_statistics:
            layer.batch_norm_param.use_global_stats = True


def _last_scores(given: Pretrained, renamed: Sequence[Renamed]) -> str:
    """The blob that says the classes, as it is called now."""
    old = given.ends[-1].scores.blob
    return renamed[-1].new if old == renamed[-1].old else old
