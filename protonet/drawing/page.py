"""The page: one HTML file with the drawing, the details and what moves them; no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any

from protonet.drawing.compose import Style, compose
from protonet.drawing.details import details
from protonet.drawing.figure import Engine
from protonet.drawing.kinds import KINDS
from protonet.drawing.layout import layered
from protonet.drawing.svg import body
from protonet.graph import Graph
from protonet.graph.group import grouped

_KEEPS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def page(payload: Mapping[str, Any]) -> str:
    """The HTML of a payload. Its own script and style alone may run, by their hashes."""
    style, script = _asset("page.css") + _colours(), _asset("page.js")
    data = json.dumps(payload)
    for sign, safe in _KEEPS.items():
        data = data.replace(sign, safe)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        f"connect-src {_connects(payload)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {"POLICY": policy, "STYLE": style, "SCRIPT": script, "DATA": data}
    text = _asset("page.html")
    before, *rest = text.split("{{")
    pieces = [before]
    for piece in rest:
        name, _, after = piece.partition("}}")
        pieces += [parts[name], after]
    return "".join(pieces)


def _connects(payload: Mapping[str, Any]) -> str:
    return "'self'" if payload.get("live") else "'none'"


def payload(graph: Graph, style: Style, engine: Engine = layered) -> dict[str, Any]:
    """What a page shows of a graph in one style; other styles are added under ``views``."""
    boxes = grouped(graph)
    return {
        "name": graph.called,
        "phase": graph.phase,
        "boxes": details(graph, boxes),
        "views": {view_name(style): view(graph, style, engine)},
        "collapsed": style.collapse,
    }


def both_views(graph: Graph, style: Style, engine: Engine = layered) -> dict[str, Any]:
    """A payload with repeated blocks collapsed and without."""
    found = {**payload(graph, style, engine), "live": False, "torch": None}
    other = replace(style, collapse=not style.collapse)
    found["views"][view_name(other)] = view(graph, other, engine)
    return found


def view_name(style: Style) -> str:
    """Under which name a view of that style stands in a payload."""
    return "collapsed" if style.collapse else "full"


def view(graph: Graph, style: Style, engine: Engine = layered) -> dict[str, Any]:
    """A drawing as the elements of an SVG, and its size."""
    figure = compose(graph, style, engine)
    return {
        "svg": "\n".join(body(figure)),
        "width": figure.width,
        "height": figure.height,
        "caption": figure.caption,
        "across": figure.across,
        "runs": len(figure.frames),
    }


def _asset(name: str) -> str:
    return files("protonet.drawing").joinpath("assets").joinpath(name).read_text(encoding="utf-8")


def _colours() -> str:
    """The kinds' colours, light and dark."""
    light, dark = [], []
    for name, (_, fill, line, night, edge) in KINDS.items():
        light.append(f".k-{name} .body,.dot-{name}{{fill:{fill};stroke:{line}}}")
        dark.append(f'[data-theme="dark"] .k-{name} .body{{fill:{night};stroke:{edge}}}')
    return "\n".join([*light, *dark, ""])


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
