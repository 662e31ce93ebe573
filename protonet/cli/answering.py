"""Where answers go: to the terminal, a CSV, an array, pictures; looked at before the net runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from protonet.arrays import Array
from protonet.cli.answers import Answer, as_csv, as_text, csv_head
from protonet.cli.options import is_one_file
from protonet.cli.talk import say
from protonet.data.classification import sight
from protonet.diagnostics import NetError
from protonet.files import replacing
from protonet.inference.boxes import Found, found_boxes, split_at
from protonet.inference.kinds import Meaning
from protonet.inference.names import ClassNames, NameList
from protonet.inference.paint import PICTURES, with_boxes, with_segments, write_picture
from protonet.inference.segments import place_classes, shares
from protonet.plain import plain
from protonet.preparation import Preparation
from protonet.shape import show

if TYPE_CHECKING:
    from protonet.inference.images import ImageNet, SeenImage

_MOST = {"classes": 5, "boxes": 20, "segments": 20, "values": 20}


def check_out(out: str | None, net: ImageNet, meaning: Meaning, paths: Sequence[Path]) -> None:
    """Refuse what can't be written there, before anything is read."""
    if out is None:
        return
    suffix = Path(out).suffix.lower()
    is_folder = _is_folder(out)
    if not is_folder and suffix not in (".npy", ".csv", *PICTURES):
        what = "an .npy file, a .csv, a .png, or a folder of pictures"
        raise click.UsageError(f"--out writes {what}, not {out}")
    if suffix == ".npy" and (net.blob is None or meaning.kind == "boxes"):
        hint = "choose by --blob" if net.blob is None else "boxes are rows: --out boxes.csv"
        named = ", ".join(net.blobs)
        raise NetError(f"an .npy file holds one array, and the net gives {named}", None, hint)
    if (is_folder or suffix in PICTURES) and not meaning.is_drawn:
        shown = f"{net.blob!r} ({show(net.graph.blobs[net.blob].shape)})" if net.blob else "several"
        what = f"a picture shows boxes, or a class in each place; the net gives {shown}"
        hint = "--out answers.csv takes rows; --labels says that channels are classes"
        raise NetError(what, None, hint)
    if suffix in PICTURES and not is_folder and len(paths) > 1:
        what = f"{out} is one picture, and there are {len(paths)} images"
        raise NetError(what, None, f"give a folder: --out {Path(out).with_suffix('')}/")
    for path, target in _targets(out, paths).items() if is_folder or suffix in PICTURES else ():
        if is_one_file(str(path), str(target)):
            raise NetError(f"{target} is itself to be read", None, "give --out another name")


def _is_folder(out: str) -> bool:
    return out.endswith(("/", "\\")) or Path(out).is_dir()


def _targets(out: str, paths: Sequence[Path]) -> dict[Path, Path]:
    """The picture of each image: one, or those in a folder under names that differ."""
    if not _is_folder(out):
        return dict.fromkeys(paths, Path(out))
    stems = [path.stem for path in paths]
    names = [p.stem if stems.count(p.stem) == 1 else p.name for p in paths]
    return {path: Path(out) / f"{name}.png" for path, name in zip(paths, names, strict=True)}


def class_names(net: ImageNet, meaning: Meaning, listed: NameList | None) -> ClassNames:
    """The names of a net's classes. NetError where there are not as many as classes."""
    if listed is None:
        return ClassNames()
    if not meaning.classes:
        shown = ", ".join(f"{b!r} ({show(net.graph.blobs[b].shape)})" for b in net.blobs)
        what = f"{listed.source} names classes, but {shown} is not known to be scores of classes"
        raise NetError(what, None, "leave --labels out, or choose by --blob")
    return listed.of(meaning.classes, meaning.background)


@dataclass(frozen=True)
class Answering:
    """From what a net gave for images to rows, and where they are written."""

    net: ImageNet
    meaning: Meaning
    names: ClassNames
    preparation: Preparation
    out: str | None
    most: int | None
    threshold: float
    is_many: bool

    @property
    def kind(self) -> str:
        """What is found, as ``HEADS`` names it."""
        return "segments" if self.meaning.is_segments else self.meaning.kind

    @property
    def top(self) -> int:
        """How many rows of an image are given; a CSV has all that is not a rank."""
        is_whole = self.is_many and self.kind != "classes"
        return self.most or (sys.maxsize if is_whole else _MOST[self.kind])

    @property
    def suffix(self) -> str:
        """What --out names, "/" for a folder."""
        if self.out is None:
            return ""
        return "/" if _is_folder(self.out) else Path(self.out).suffix.lower()

    @property
    def keeps_quiet(self) -> bool:
        """Whether no row goes to a terminal, where a progress bar would stand between them."""
        return self.suffix in (".npy", ".csv") or not sys.stdout.isatty()

    def write(self, paths: Sequence[Path], seen: Iterator[SeenImage]) -> None:
        """Take every image and write what was found. NetError where one could not be read."""
        if self.suffix == ".npy":
            failed = self._write_array(seen)
        else:
            draws = self.suffix in ("/", *PICTURES)
            targets = _targets(self.out, paths) if self.out and draws else {}
            failed = self._write_rows(seen, targets)
        if failed:
            raise NetError(f"{failed} of {len(paths)} images can't be read")

    def _write_array(self, seen: Iterator[SeenImage]) -> int:
        assert self.out is not None
        kept: list[Array] = []
        for one in seen:
            if one.image is None:  # rows would no longer be those of the images
                raise NetError(one.wrong)
            kept += one.blobs.values()
        values = np.stack(kept)
        with replacing(self.out) as temporary, temporary.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        count = f"{len(kept)} image{'s' if len(kept) != 1 else ''}"
        what = f"{self.net.blob} of {count}, {'x'.join(map(str, values.shape))}"
        say(f"{self.out}: {what}")
        return 0

    def _write_rows(self, seen: Iterator[SeenImage], targets: dict[Path, Path]) -> int:
        failed = 0
        if self.suffix == "/" and self.out:
            Path(self.out).mkdir(parents=True, exist_ok=True)
        with _lines(self.out if self.suffix == ".csv" else None) as write:
            write(csv_head(self.kind) if self.is_many or self.suffix == ".csv" else "")
            for one in seen:
                if one.image is None:
                    failed += 1
                    say(f"warning: {plain(one.wrong)}")
                    continue
                write(self._rows_of(one, targets.get(one.path)))
        if self.out:
            count = f"{len(targets) - failed} pictures in " if self.suffix == "/" else ""
            say(f"wrote {count}{self.out}")
        return failed

    def _rows_of(self, one: SeenImage, target: Path | None) -> str:
        """The text or the lines of one image; its picture is written, where there is to be one."""
        answer, picture = self._answer(one, draws=target is not None)
        if target is not None and picture is not None:
            write_picture(target, picture)
        if self.is_many or self.suffix == ".csv":
            return as_csv(answer, self.names)
        return f"{as_text(answer, self.names)}\n"

    def _answer(self, one: SeenImage, draws: bool) -> tuple[Answer, Array | None]:
        assert one.image is not None
        name, size = str(one.path), one.image.shape[:2]
        if self.kind == "values":
            return Answer(name, self.kind, size, list(one.blobs.items())), None
        (rows,) = one.blobs.values()
        seen = sight(one.image, self.preparation)
        if self.kind == "classes":
            flat = rows.reshape(-1)
            order = (-flat).argsort(kind="stable")[: self.top]
            return Answer(name, self.kind, size, [(int(i), float(flat[i])) for i in order]), None
        if self.kind == "boxes":
            kept, others = split_at(found_boxes(rows, seen, size), self.threshold)
            self._tell_of(name, kept, others)
            picture = with_boxes(one.image, kept, self.names) if draws else None
            return Answer(name, self.kind, size, kept[: self.top], len(kept[self.top :])), picture
        places = place_classes(rows, self.meaning)
        found = shares(places)
        drawn = with_segments(one.image, places, found, seen, self.names) if draws else None
        return Answer(name, self.kind, size, found[: self.top], len(found[self.top :])), drawn

    def _tell_of(self, name: str, kept: Sequence[Found], others: Sequence[Found]) -> None:
        """Say, once nothing reaches the threshold, what would."""
        if kept or not others:
            return
        what = f"{len(others)} box{'es' * (len(others) != 1)} below {self.threshold:g}"
        best = f"the best has {others[0].score:.4f}: --threshold shows more"
        say(f"{name}: {what}, {best}")


@contextmanager
def _lines(path: str | None) -> Iterator[Callable[[str], None]]:
    """What takes a text: stdout, or a file that is there at the end."""
    if path is None:
        yield lambda text: click.echo(text, nl=False) if text else None
        return
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        yield lambda text: (file.write(text), None)[1]
