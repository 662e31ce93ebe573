"""The net that a file of weights holds beside its numbers, for who has no prototxt."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protonet.diagnostics import NetError
from protonet.reading import reading
from protonet.schema.load import Readable
from protonet.schema.pool import Message
from protonet.schema.sniff import kind_of
from protonet.schema.strings import parsed
from protonet.weights.caffemodel import definition
from protonet.weights.read import open_any
from protonet.weights.stored import StoredNet
from protonet.weights.told import net_told, preparation_told

_BINARY = ("hdf5", "zip", "pickle", "safetensors", "protobuf")
SUFFIXES = (".safetensors", ".caffemodel", ".h5", ".pt")


@dataclass(frozen=True)
class HeldNet:
    """A NetParameter, without rules of phases, and shapes that it does not state itself."""

    message: Message
    shapes: Mapping[str, tuple[int, ...]]


def held_net(path: Readable) -> HeldNet | None:
    """The net in a file of weights; None where it is a text, as a prototxt is.

    A .caffemodel has the net of its training, a .safetensors of protonet's the one compiled.
    NetError where it is weights alone.
    """
    if not isinstance(path, str | os.PathLike) or not os.path.isfile(path):
        return None
    with reading(path, "can't be read", None), Path(path).open("rb") as file:
        head = file.read(64)
    if kind_of(head) not in _BINARY or Path(path).suffix.lower() not in SUFFIXES:
        return None
    opened = open_any(path)
    if isinstance(opened, StoredNet) and opened.skeleton:
        return HeldNet(_without_rules(definition(opened)[0]), {})
    told = b"" if isinstance(opened, StoredNet) else net_told(opened.metadata)
    if isinstance(opened, StoredNet) or not told:
        hint = f"give the prototxt, too: protonet run net.prototxt IMAGE --weights {path}"
        raise NetError(f"{os.fspath(path)} holds weights and no net", None, hint)
    net = _without_rules(parsed("NetParameter", told)[0])
    facts = preparation_told(opened.metadata, opened.path)
    readers = [layer for layer in net.layer if layer.top and not layer.bottom]
    if facts is None or len(readers) != 1:
        return HeldNet(net, {})
    size = (1, facts.channels, facts.height, facts.width)
    return HeldNet(net, {readers[0].top[0]: size})


def _without_rules(net: Any) -> Message:
    """A net that was of one phase when it was kept, for any other."""
    for layer in (*net.layer, *net.layers):
        del layer.include[:], layer.exclude[:]
    kept: Message = net
    return kept


def weights_beside(net: Readable) -> list[Path]:
    """The files of weights in a net's folder, by name; none beside what is no file."""
    if not isinstance(net, str | os.PathLike):
        return []
    folder = Path(net).parent
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)
