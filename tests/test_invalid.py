"""Definitions that Caffe refuses: refused here too, at the line a person should be sent to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protonet.checking import check_any

FOLDER = Path(__file__).parent / "golden" / "invalid"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_is_refused_at_its_line(name):
    case = MANIFEST[name]
    errors = check_any(str(FOLDER / f"{name}.prototxt"))
    assert errors
    first = errors[0]
    assert first.span is not None
    assert first.span.line == case["line"], str(first)
    assert case["mentions"] in str(first)
