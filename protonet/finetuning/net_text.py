"""A new net layer by layer, and its text with what was changed told beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from protonet.schema.comments import notes
from protonet.schema.load import Loaded
from protonet.schema.pool import Message, message
from protonet.schema.sourcemap import Path
from protonet.schema.unbind import Note, to_text

PHASES = {"TRAIN": 0, "TEST": 1}
NOWHERE: Path = ("made anew",)  # of a layer that no text has


@dataclass
class NewNet:
    """The layers of a new net, each with its comments and its place in the old text."""

    name: str
    layers: list[Message] = field(default_factory=list)
    places: list[Path] = field(default_factory=list)
    comments: dict[Path, Note] = field(default_factory=dict)

    def add(self, layer: Message, place: Path = NOWHERE, above: Sequence[str] = ()) -> Message:
        """Add a layer; what is given stays as it is."""
        own = message("LayerParameter")
        own.CopyFrom(layer)
        own.ClearField("phase")
        if above:
            self.comments[("layer", len(self.layers))] = Note(above=list(above))
        self.layers.append(own)
        self.places.append(place)
        return own

    def note(self, index: int, comment: str) -> None:
        """One more comment above a layer."""
        self.comments.setdefault(("layer", index), Note()).above.append(comment)

    def text(self, old: Loaded, head: Sequence[str]) -> str:
        """The prototxt, with the comments of the old one at what is left of it."""
        net = message("NetParameter")
        net.CopyFrom(old.message)
        del net.layer[:]
        net.ClearField("state")
        net.name = self.name
        net.layer.extend(self.layers)
        moves: dict[Path, Path] = {("layer", i): place for i, place in enumerate(self.places)}
        found = notes(net, old.sourcemap.moved(moves))
        for path, note in self.comments.items():
            found.setdefault(path, Note()).above.extend(note.above)
        found.setdefault((), Note()).above[:0] = head
        return to_text(net, found)


def new_layer(name: str, kind: str, bottoms: Sequence[str], top: str, phase: str = "") -> Message:
    """A layer with one top, of one phase where that is told."""
    layer = message("LayerParameter")
    layer.name, layer.type = name, kind
    layer.bottom.extend(bottoms)
    layer.top.append(top)
    if phase:
        layer.include.add().phase = PHASES[phase]
    return layer
