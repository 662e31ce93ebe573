"""show in its four formats, and names that would be more than text."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from protonet.api import graph
from protonet.cli.report import as_csv, as_json, markdown
from protonet.cli.show import command
from protonet.cli.table import aligned, size
from protonet.graph.cost import costs

LENET = Path(__file__).parents[2] / "zoo_prototxt" / "lenet" / "deploy.prototxt"
HOSTILE = [
    "<script>alert(1)</script>",
    "a\"b'c",
    "=cmd|' /C calc'!A0",
    "+1",
    "\t=2",
    "a|b`c`*d*",
    "two\nlines",
    "\u202eright to left",
    "x" * 10_000,
]


def hostile_cost():
    text = 'input: "data" input_shape { dim: 1 dim: 2 }\n'
    for index, name in enumerate(HOSTILE):
        quoted = json.dumps(name)
        text += f'layer {{ name: {quoted} type: "ReLU" bottom: "data" top: "t{index}" }}\n'
    return costs(graph(text))


def test_the_formats_agree():
    runner = CliRunner()
    shown = {}
    for style in ("table", "markdown", "json", "csv"):
        result = runner.invoke(command, [str(LENET), "--format", style])
        assert result.exit_code == 0, result.output
        shown[style] = result.output
    found = json.loads(shown["json"])
    rows = list(csv.DictReader(io.StringIO(shown["csv"])))
    assert [row["layer"] for row in rows] == [layer["name"] for layer in found["layers"]]
    for key in ("parameters", "multiply_adds", "training_bytes", "forward_bytes"):
        assert sum(int(row[key]) for row in rows) == found["totals"][key]
    for style in ("table", "markdown"):
        assert "431,080" in shown[style]
        assert "146,752,000" in shown[style]


def test_hostile_names_are_text_in_every_format():
    cost = hostile_cost()
    rows = list(csv.reader(io.StringIO(as_csv(cost))))
    assert len(rows) == len(HOSTILE) + 2
    assert all(not row[0].lstrip("\t").startswith(("=", "+", "-", "@")) for row in rows)
    assert [layer["name"] for layer in json.loads(as_json(cost))["layers"]][1:] == HOSTILE
    lines = markdown(cost).splitlines()
    assert len(lines) == len(HOSTILE) + 4
    assert all(line.replace("\\|", "").count("|") == 9 for line in lines)
    assert "<script>" not in markdown(cost)
    assert "\u202e" not in markdown(cost) + aligned(cost)
    assert len(aligned(cost).splitlines()) == len(HOSTILE) + 5
    assert max(map(len, aligned(cost).splitlines())) < 200


def test_sizes_read_well():
    sizes = (0, 7, 999, 1000, 201_000, 999_600, 4_000_000_000, 5_000_000_000_000_000)
    wanted = ["", "7 B", "999 B", "1 kB", "201 kB", "1 MB", "4 GB", "5000 TB"]
    assert [size(n) for n in sizes] == wanted


def test_reports_need_no_torch():
    code = (
        "import sys\nfrom protonet.cli import group\n"
        f"group(['show', {str(LENET)!r}, '--format', 'json'], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
