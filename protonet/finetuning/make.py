"""The folder of a fine-tuning, made whole or not at all: lists, databases, nets, solver."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from protonet.api import variants
from protonet.arrays import Array
from protonet.data.class_folders import (
    ClassFolders,
    class_folders,
    held_out,
    write_labels,
    write_list,
)
from protonet.data.databases import backend_of, open_reader
from protonet.data.image_files import Size
from protonet.data.image_list import ListedImage
from protonet.data.imageset import ImageSet
from protonet.data.mean_image import all_records, images_of, mean_of
from protonet.data.progress import tracked
from protonet.data.writing import write_database
from protonet.diagnostics import NetError
from protonet.files import write_whole
from protonet.finetuning.asked import Asked
from protonet.finetuning.deploy import deploy
from protonet.finetuning.fitting import Taken, fitted
from protonet.finetuning.preparing import MEAN_FILE
from protonet.finetuning.solver import NET, SOLVER, Schedule, schedule, solver_text
from protonet.finetuning.source import Pretrained, start, with_mean
from protonet.finetuning.train_val import DATABASES, TrainVal, train_val
from protonet.program.names import cleaned
from protonet.selection import Selection
from protonet.weights.mean import write_mean

DEPLOY, LABELS = "deploy.prototxt", "labels.txt"
LISTS = {"TRAIN": "train.txt", "TEST": "val.txt"}
Say = Callable[[str, str], None]  # of what, and what is said of it
_SEED = 0


@dataclass(frozen=True)
class Images:
    """The images to train and to test on, in the order of the databases."""

    folders: ClassFolders
    train: list[ListedImage]
    test: list[ListedImage]
    test_root: Path


def make(asked: Asked, command: str, say: Say) -> Pretrained:
    """Make the folder, and say what is done. NetError where it can't be; then nothing is left.

    What is cheap comes first: the folder, the net, its weights, the names of the images.
    """
    refuse_taken(asked.folder)
    given = start(asked)
    images = _images(asked)
    word = cleaned(images.folders.root.resolve().name)
    plan = schedule(asked, len(images.train), len(images.test))
    net = _net(given, word, images, plan, command)
    weights = fitted(asked, net.graph(NET, "TRAIN", given), given, variants(asked.net, Selection()))
    net.graph(NET, "TEST", given)
    say("classes", _of_classes(images.folders))
    with _whole(asked.folder) as folder:
        write_labels(folder / LABELS, images.folders.classes)
        _databases(asked, given, images, folder, say)
        if given.prepared.mean is None:
            given = with_mean(given, _measured(folder))
            net = _net(given, word, images, plan, command)
        _say_of_preparation(asked, given, say)
        _write(asked, given, net, weights, folder, plan, images, command)
        _say_of_net(given, net, weights, plan, say)
    return given


def refuse_taken(folder: Path) -> None:
    """NetError where a folder is there already, or the solver's paths would find others."""
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        hint = f"protonet finetune --resume {folder} goes on with one that was interrupted"
        hint += "; else remove it, or name another by -o"
        raise NetError(f"{folder} exists already", None, hint)
    for name in (NET, *DATABASES.values(), MEAN_FILE):
        if Path(name).exists() and Path.cwd().resolve() != folder.resolve():
            what = f"the working directory has a {name} of its own, which the solver would find"
            raise NetError(what, None, "Caffe takes paths from there first: call it elsewhere")


def _images(asked: Asked) -> Images:
    """The images by their names, mixed as a training needs them: the same way each time."""
    folders = class_folders(asked.data)
    if len(folders.classes) < 2:
        what = f"{asked.data} has one class folder, {folders.classes[0]!r}"
        raise NetError(what, None, "there must be two classes to tell apart, a folder each")
    if asked.val is None:
        train, test = held_out(folders.images)
        return Images(folders, _mixed(train), test, folders.root)
    others = class_folders(asked.val, folders.classes)
    return Images(folders, _mixed(folders.images), list(others.images), others.root)


def _mixed(images: Sequence[ListedImage]) -> list[ListedImage]:
    order = np.random.RandomState(_SEED).permutation(len(images))
    return [images[i] for i in order]


def _net(given: Pretrained, word: str, images: Images, plan: Schedule, command: str) -> TrainVal:
    classes = len(images.folders.classes)
    head = [f"# {command}", f"# {given.graph.called} for the {classes} classes"]
    head[1] += f" of {LABELS}, in the order of their labels."
    return train_val(given, word, classes, (plan.batch, plan.test_batch), head)


def _of_classes(folders: ClassFolders) -> str:
    counts = folders.counts
    least, most = min(counts), max(counts)
    each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    others = len(folders.others)
    more = f"; passed over, no images by their name: {others}" if others else ""
    return f"{len(folders.classes)}, of {each} images each: {LABELS}{more}"


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes its place at the end; where the block raises nothing is left.

    OSError where it can't be made.
    """
    target = Path(os.path.abspath(folder))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name[:80]}.{secrets.token_hex(4)}")
    temporary.mkdir()
    try:
        yield temporary
        if target.is_dir():
            target.rmdir()
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _databases(asked: Asked, given: Pretrained, images: Images, folder: Path, say: Say) -> None:
    """Both lists, and the databases that `protonet data images` would make of them."""
    pairs = ((images.train, images.folders.root), (images.test, images.test_root))
    how = "in a mixed order", "all of --val" if asked.val else "held out of --data, every fifth"
    for (phase, name), (listed, root), told in zip(DATABASES.items(), pairs, how, strict=True):
        size = Size(*given.prepared.stored)
        is_color = given.prepared.channels == 3
        kept = "png" if asked.encode else ""
        chosen = ImageSet(root, listed, size, is_color, asked.encode, kept)
        records = tracked(chosen.records(), name, len(listed))
        count = write_database(folder / name, records, "lmdb", force=False)
        write_list(folder / LISTS[phase], listed)
        high, wide = given.prepared.stored
        say(name, f"{count:,} image{'s' if count != 1 else ''} of {high}x{wide}, {told}")


def _measured(folder: Path) -> Array:
    """The mean of each channel over the images to train on, rounded as a person would write it."""
    path = folder / DATABASES["TRAIN"]
    reader = open_reader(path, backend_of(path))
    try:
        decoded = tracked(images_of(all_records(reader), path), "mean", reader.count)
        return np.round(mean_of(decoded, path, False).channels, 3)
    finally:
        reader.close()


def _say_of_preparation(asked: Asked, given: Pretrained, say: Say) -> None:
    prepared = given.prepared
    assert prepared.mean is not None
    values = "an image" if prepared.mean.ndim == 3 else ", ".join(f"{v:g}" for v in prepared.mean)
    source = "as told" if asked.mean else "as the net states" if given.trains else "of your images"
    parts = [f"mean {values} ({source})", f"scale {prepared.scale:g}"]
    parts += [f"crop {prepared.crop}"] * bool(prepared.crop)
    parts += ["mirrored by chance"] * prepared.mirror
    say("transform", ", ".join(parts))
    if not given.trains and (asked.mean is None or asked.scale is None):
        left = [f"--{n}" for n in ("mean", "scale") if getattr(asked, n) is None]
        what = f"a deploy net does not say how its images were prepared: {' and '.join(left)}"
        say("", f"{what}, as of its first training, may do better")


def _write(
    asked: Asked,
    given: Pretrained,
    net: TrainVal,
    weights: Taken,
    folder: Path,
    plan: Schedule,
    images: Images,
    command: str,
) -> None:
    mean = given.prepared.mean
    if mean is not None and mean.ndim == 3:
        write_mean(folder / MEAN_FILE, mean[None])
    target = Path(os.path.abspath(asked.folder))
    paths = weights.paths(folder, target)
    counts = len(images.train), len(images.test)
    write_whole(folder / NET, net.text)
    write_whole(folder / DEPLOY, deploy(net, NET, given))
    write_whole(folder / SOLVER, solver_text(asked, plan, *counts, paths, command))


def _say_of_net(given: Pretrained, net: TrainVal, weights: Taken, plan: Schedule, say: Say) -> None:
    classes = net.graph(NET, "TRAIN", given).blobs[net.scores].shape[1]
    for one in net.renamed:
        new = f"layer {one.old} ({one.before} outputs) is {one.new} now ({classes})"
        say("net", f"{new}, lr_mult 10 and 20: {NET}, {DEPLOY}")
    if given.frozen:
        names = [node.name for node in given.frozen if node.params]
        say("frozen", f"{len(names)} layers, lr_mult 0")
    say("weights", weights.told)
    say("solver", f"{plan.iterations:,} iterations of {plan.batch} images: {SOLVER}")
