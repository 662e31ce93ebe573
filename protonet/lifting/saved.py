"""A program saved by torch.export.save, opened without unpickling or evaluating what it holds.

torch's own reader falls back to pickle and evaluates sizes that are written as expressions; an
archive that would lead it there is refused, and what it reads is made anew from what was seen.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from protonet.diagnostics import NetError
from protonet.exporting.traced import without_warnings
from protonet.lifting.captured import Captured, of_program
from protonet.reading import reading

_SAVE_ANEW = "save it with torch.export.save of torch 2.8 or later, from fixed sizes"
_PROGRAM = "models/model.json"
_SAMPLES = "data/sample_inputs/model.pt"
_TARGETS = re.compile(r"torch\.ops\.(aten|prims)\.\w+\.\w+|_operator\.getitem")
_OPERATORS = re.compile(r'"target":\s*"((?:[^"\\]|\\.)*)"')


def read_program(path: str | os.PathLike[str]) -> Captured:
    """The program of a .pt2 file, on the inputs that it was saved with.

    NetError where the file is none, is damaged, or holds what only unpickling could open.
    """
    name = os.fspath(path)
    entries = _entries(name)
    _refuse_code(name, entries)
    given = _samples(name, entries)
    with without_warnings(), reading(name, "is no program that this torch reads", _SAVE_ANEW):
        program = torch.export.load(_archive(Path(name).stem, entries))
    return of_program(_checked(name, program), given)


def _entries(name: str) -> dict[str, bytes]:
    """The files of an archive by their names without the folder around them."""
    wrong = "is no archive of torch.export.save"
    with reading(name, wrong, _SAVE_ANEW), zipfile.ZipFile(name) as archive:
        found = archive.infolist()
        size = os.path.getsize(name)
        if sum(info.file_size for info in found) > 2 * size + (1 << 20):
            raise NetError(f"{name} would inflate to many times its size", None, _SAVE_ANEW)
        parts = [info.filename.partition("/")[2] for info in found]
        if len(set(parts)) < len(parts):
            raise NetError(f"{name} holds two files of one name", None, _SAVE_ANEW)
        return {part: archive.read(info) for part, info in zip(parts, found, strict=True)}


def _refuse_code(name: str, entries: dict[str, bytes]) -> None:
    """NetError where torch's reader would unpickle, or evaluate an expression."""
    if _PROGRAM not in entries:
        raise NetError(f"{name} holds no program of torch.export", None, _SAVE_ANEW)
    pickled = [part for part in entries if part.startswith("data/") and part.endswith(".pt")]
    for part in (p for p in entries if p.endswith("_config.json")):
        config = _parsed(name, entries[part]).get("config", {})
        kept = [key for key, value in config.items() if value.get("use_pickle") is not False]
        pickled += kept
    if pickled != [_SAMPLES]:
        other = next((each for each in pickled if each != _SAMPLES), _SAMPLES)
        raise NetError(f"{name} holds {other} as a pickle, which is not opened", None, _SAVE_ANEW)
    text = entries[_PROGRAM].decode("utf-8", "replace")
    _parsed(name, entries[_PROGRAM])
    if '"as_expr"' in text or '"expr_str"' in text:
        hint = "leave dynamic_shapes out of torch.export.export: Caffe's sizes are fixed"
        raise NetError(f"{name} has sizes that are free", None, hint)
    for target in _OPERATORS.findall(text):
        if not _TARGETS.fullmatch(target):
            hint = "only torch's own operators can be said in Caffe"
            raise NetError(f"{name} calls {target!r}", None, hint)


def _parsed(name: str, data: bytes) -> dict[str, Any]:
    with reading(name, "is damaged", _SAVE_ANEW):
        found = json.loads(data)
        if not isinstance(found, dict):
            raise TypeError("the table of its parts is none")
        return found


def _samples(name: str, entries: dict[str, bytes]) -> tuple[torch.Tensor, ...]:
    """The example that the program was saved with."""
    with reading(name, "holds no inputs that can be read without unpickling", _SAVE_ANEW):
        arguments, named = torch.load(io.BytesIO(entries[_SAMPLES]), weights_only=True)
        given = (*arguments, *named.values())
        if not all(isinstance(each, torch.Tensor) for each in given):
            raise TypeError("an input is no tensor")
        return given


def _archive(stem: str, entries: dict[str, bytes]) -> io.BytesIO:
    """The archive anew: nothing is in it that was not looked at."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for part, data in entries.items():
            archive.writestr(f"{stem or 'model'}/{part}", data)
    made.seek(0)
    return made


def _checked(name: str, program: ExportedProgram) -> ExportedProgram:
    """The program, seen to call torch's operators alone."""
    for node in program.graph.nodes:
        target = str(node.target)
        if node.op == "call_function" and not target.startswith(("aten.", "prims.", "<built-in")):
            raise NetError(f"{name} calls {target!r}", None, _SAVE_ANEW)
    return program
