"""Problems as people, editors and build servers read them: text, json, github, sarif."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import protonet
from protonet.diagnostics import NetError
from protonet.plain import plain

# The file that was looked at, and one problem of it.
Problems = Sequence[tuple[str, NetError]]
_RULE = "definition"


def _text(found: Problems) -> str:
    return "\n".join(str(problem) for _, problem in found)


def _json(found: Problems) -> str:
    """One list, empty where all is well; lines and columns are counted from 1."""
    rows = [
        {"file": file, "message": error.message, "hint": error.hint, **(_place(error) or {})}
        for file, error in found
    ]
    return json.dumps(rows, indent=2)


def _place(error: NetError) -> dict[str, int] | None:
    if error.span is None:
        return None
    line, column = error.span.source.position(error.span.start)
    end_line, end_column = error.span.source.position(error.span.end)
    return {"line": line, "column": column, "end_line": end_line, "end_column": end_column}


def _told(error: NetError) -> str:
    return plain(f"{error.message} ({error.hint})" if error.hint else error.message)


def _github(found: Problems) -> str:
    """Commands of a GitHub workflow, which puts them beside the lines of a pull request."""
    return "\n".join(_annotation(file, error) for file, error in found)


def _annotation(file: str, error: NetError) -> str:
    place, names = _place(error) or {}, ("line", "column", "end_line", "end_column")
    keys = dict(zip(names, ("line", "col", "endLine", "endColumn"), strict=True))
    parts = [f"file={_escaped(file, ':,')}", *(f"{keys[n]}={place[n]}" for n in names if place)]
    return f"::error {','.join(parts)},title=protonet::{_escaped(_told(error))}"


def _escaped(text: str, more: str = "") -> str:
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _sarif(found: Problems) -> str:
    """SARIF 2.1.0, as code scanning takes it."""
    driver = {
        "name": "protonet",
        "version": protonet.__version__,
        "rules": [
            {
                "id": _RULE,
                "shortDescription": {"text": "A net or a solver that can't be what was meant."},
                "defaultConfiguration": {"level": "error"},
            }
        ],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(file, error) for file, error in found],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(file: str, error: NetError) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(file)}}
    place = _place(error)
    if place:
        physical["region"] = {
            "startLine": place["line"],
            "startColumn": place["column"],
            "endLine": place["end_line"],
            "endColumn": place["end_column"],
        }
    return {
        "ruleId": _RULE,
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": _told(error)},
        "locations": [{"physicalLocation": physical}],
    }


def _uri(file: str) -> str:
    """A path as a reference: a whole one as a file's, another relative to where one is."""
    if os.path.isabs(file):
        return Path(file).as_uri()
    path = quote(os.path.normpath(file).replace(os.sep, "/"))
    return f"./{path}" if ":" in path.partition("/")[0] else path


FORMATS: dict[str, Callable[[Problems], str]] = {
    "text": _text,
    "github": _github,
    "json": _json,
    "sarif": _sarif,
}
