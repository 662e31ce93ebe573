"""Each check that Caffe's source makes: refused here too, at its place, or a reason why not."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from protonet import check
from protonet.schema.load import load
from protonet.training.plan import check_settings


class Row(NamedTuple):
    """One line of the table; the header of table.tsv says what its columns are."""

    place: str
    condition: str
    inputs: str
    layers: str
    at: str
    text: str

    def net(self):
        """The prototxt: an Input layer for each input, one a line, and the layers."""
        given = []
        for part in self.inputs.split() if self.inputs != "solver" else ():
            blob, _, shape = part.partition("=")
            dims = " ".join(f"dim: {n}" for n in shape.split("x") if n)
            tops = f'name: "in_{blob}" type: "Input" top: "{blob}"'
            given.append(f"layer {{ {tops} input_param {{ shape {{ {dims} }} }} }}")
        return "\n".join([*given, *self.layers.split("\\n"), ""])


LINES = Path(__file__).with_name("table.tsv").read_text().splitlines()
TABLE = [Row(*line.split("\t")) for line in LINES if not line.startswith("#")]
REFUSED = [row for row in TABLE if row.layers]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: f"{row.place} {row.condition}")
def test_what_caffe_refuses_is_refused_at_its_place(row):
    net = row.net()
    (error,) = (
        check_settings(load(net, "SolverParameter")) if row.inputs == "solver" else check(net)
    )
    assert row.text in error.message
    assert error.span is not None
    assert error.span.source.text[error.span.start :].startswith(row.at)
    assert error.span.line == net.count("\n"), "it is the last layer that is wrong"


def test_every_other_line_has_a_reason():
    assert all(row.place and row.condition and row.text for row in TABLE)
