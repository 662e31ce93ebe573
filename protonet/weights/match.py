"""Which layers of a file go into which layers of a net, and what does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from protonet.diagnostics import NetError, raise_all
from protonet.layers.base import count, show
from protonet.shape import Shape
from protonet.weights.stored import BlobLike, StoredLayer, StoredNet

_RENAME = "to learn this layer's parameters from scratch, rename the layer in the prototxt"


@dataclass(frozen=True)
class Wanted:
    """A blob that a net's layer has; ``shared`` where it is an earlier layer's too.

    One that is ``resized`` may have another height and width in the file, one that ``may_lack`` be
    beyond the file's last.
    """

    shape: Shape
    shared: bool = False
    resized: bool = False
    may_lack: bool = False

    def takes(self, given: Sequence[int]) -> bool:
        """Whether a blob of that shape goes into it."""
        alike = len(given) == 4 and tuple(given)[:2] == self.shape[:2] and 0 not in given
        return fits(given, self.shape) or (self.resized and alike)


@dataclass
class Match:
    """What goes where: layers with their blobs, as the files have them, in the files' order.

    ``passed_over`` are layers with blobs that only the files have, ``missing`` layers with
    parameters that only the net has.
    """

    layers: list[StoredLayer] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def match(
    nets: Iterable[StoredNet], wanted: Mapping[str, Sequence[Wanted]], strict: bool = False
) -> Match:
    """Find the layer of the net for every layer of the files, by its name.

    NetError, of every layer at once, where the number of blobs or a shape differs; with
    ``strict`` also where a layer is only in the files or only in the net; and where nothing
    matches at all. Source: Net::CopyTrainedLayersFrom.
    """
    found, problems, paths = Match(), [], []
    for net in nets:
        paths.append(net.path)
        for layer in net.layers:
            if layer.name not in wanted:
                found.passed_over += [layer.name] if layer.blobs else []
                continue
            problem = misfit(layer, wanted[layer.name], net)
            problems += [problem] if problem else []
            found.layers.append(layer)
    names = {layer.name for layer in found.layers}
    own = [name for name, blobs in wanted.items() if not all(blob.shared for blob in blobs)]
    found.missing = [name for name in own if name not in names]
    raise_all(problems)
    _refuse_strangers(found, ", ".join(paths), strict)
    return found


def _refuse_strangers(found: Match, path: str, strict: bool) -> None:
    """NetError where nothing matched, or not everything that must."""
    only_there = f"only in the file: {listed(found.passed_over)}"
    only_here = f"only in the net: {listed(found.missing)}"
    if found.missing and not any(layer.blobs for layer in found.layers):
        what = f"{path} has weights for none of the net's layers"
        raise NetError(what, None, f"{only_there}; {only_here}")
    if strict and (found.missing or found.passed_over):
        parts = [only_there] * bool(found.passed_over) + [only_here] * bool(found.missing)
        raise NetError(f"{path} and the net do not match: {'; '.join(parts)}")


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names with commas, the first of them where they are many."""
    if len(names) <= most:
        return ", ".join(names) or "nothing"
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def misfit(layer: StoredLayer, wanted: Sequence[Wanted], net: StoredNet) -> NetError | None:
    """What is wrong with a layer's blobs, or None where they fit.

    A blob that HDF5 leaves out fits where an earlier layer has it, and so do the last ones that
    the layer says may lack.
    """
    given, where = list(layer.blobs), "in the file" if net.path else "given"
    rest = wanted[len(given) :]
    if all(w.may_lack or (net.format == "hdf5" and w.shared) for w in rest):
        given += [None] * len(rest)
    prefix = f"{net.path}: " if net.path else ""
    if len(given) != len(wanted):
        there, here = _shapes(given), ", ".join(show(w.shape) for w in wanted) or "none"
        what = f"{prefix}layer {layer.name!r} has {_count(given)} ({there}) {where}, but"
        return NetError(f"{what} {_count(wanted)} ({here}) in the net", None, _RENAME)
    for index, (blob, place) in enumerate(zip(given, wanted, strict=True)):
        what = f"{prefix}layer {layer.name!r}: blob {index}"
        if blob is None and not (place.shared or place.may_lack):
            return NetError(f"{what} ({show(place.shape)} in the net) is not {where}")
        if blob is not None and not place.takes(blob.shape):
            shapes = f"{show(tuple(blob.shape))} {where}, but {show(place.shape)} in the net"
            same = count(tuple(blob.shape)) == count(place.shape)
            surgery = "; both have as many elements: load_blobs takes it reshaped" if same else ""
            return NetError(f"{what} has the shape {shapes}", None, _RENAME + surgery)
    return None


def _count(blobs: Sequence[object]) -> str:
    return f"{len(blobs)} blob{'s' if len(blobs) != 1 else ''}"


def _shapes(blobs: Sequence[BlobLike | None]) -> str:
    return ", ".join("left out" if b is None else show(tuple(b.shape)) for b in blobs) or "none"


def fits(given: Sequence[int], wanted: Shape) -> bool:
    """Whether a shape is the wanted one, or the legacy one of four axes that stands for it.

    The legacy shapes of C3D's first release have five.
    """
    if tuple(given) == wanted:
        return True
    long = [n for n in given if n != 1]
    return (
        len(given) in (4, 5) and len(wanted) <= len(given) and long == [n for n in wanted if n != 1]
    )
