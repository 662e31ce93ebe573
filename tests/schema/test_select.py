"""Which layers a phase, a level and stages leave, as Net::FilterNet decides."""

from __future__ import annotations

import pytest

from protonet import NetError
from protonet.api import graph, read
from protonet.diagnostics import raise_all
from protonet.schema.select import select


def kept(rules, phase="TEST", stages=(), level=0):
    text = f'layer {{ name: "a" type: "Input" top: "x" {rules} input_param {{ shape {{ }} }} }}'
    selected = select(read(text), phase, tuple(stages), level)
    raise_all(selected.errors)
    return len(selected.message.layer) == 1


@pytest.mark.parametrize(
    ("rules", "state", "wanted"),
    [
        ("", {}, True),
        ("include { phase: TEST }", {}, True),
        ("include { phase: TRAIN }", {}, False),
        ("include { phase: TRAIN }", {"phase": "TRAIN"}, True),
        ("exclude { phase: TEST }", {}, False),
        ("exclude { phase: TRAIN }", {}, True),
        ("include { phase: TRAIN } include { phase: TEST }", {}, True),
        ("exclude { phase: TRAIN } exclude { phase: TEST }", {}, False),
        ("include { min_level: 1 }", {}, False),
        ("include { min_level: 1 }", {"level": 1}, True),
        ("include { max_level: 1 }", {"level": 2}, False),
        ("include { min_level: 1 max_level: 2 }", {"level": 2}, True),
        ("include { min_level: -1 }", {"level": -1}, True),
        ('include { stage: "a" }', {}, False),
        ('include { stage: "a" }', {"stages": ["a", "b"]}, True),
        ('include { stage: "a" stage: "b" }', {"stages": ["a"]}, False),
        ('include { stage: "a" } include { stage: "b" }', {"stages": ["b"]}, True),
        ('include { not_stage: "a" }', {}, True),
        ('include { not_stage: "a" }', {"stages": ["a"]}, False),
        ('include { phase: TEST stage: "a" not_stage: "b" }', {"stages": ["a"]}, True),
        ('include { phase: TEST stage: "a" not_stage: "b" }', {"stages": ["a", "b"]}, False),
        ('exclude { stage: "a" }', {"stages": ["a"]}, False),
        ("include { }", {}, True),
        ("exclude { }", {}, False),
    ],
)
def test_a_state_meets_a_rule(rules, state, wanted):
    assert kept(rules, **state) is wanted


def test_include_and_exclude_exclude_each_other():
    with pytest.raises(NetError, match="'a' has include and exclude rules"):
        kept("include { phase: TEST } exclude { level: 1 }".replace("level", "min_level"))


def test_the_nets_own_state_counts():
    text = (
        'state { level: 3 stage: "deploy" } layer { name: "a" type: "Input" top: "x" '
        'include { min_level: 3 stage: "deploy" } input_param { shape { dim: 1 } } }'
    )
    assert [node.name for node in graph(text).nodes] == ["a"]


def test_a_phase_without_layers_is_refused():
    text = (
        'layer { name: "a" type: "Input" top: "x" include { phase: TRAIN } '
        "input_param { shape { dim: 1 } } }"
    )
    with pytest.raises(NetError, match="no layers in this phase"):
        graph(text)
