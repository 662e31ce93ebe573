"""--define, for every command that takes a net."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from protonet.cli import _COMMANDS, group
from protonet.cli.nets import NET

TEMPLATE = """input: "x"
input_shape { dim: 1 dim: 1 dim: $SIZE$ dim: $SIZE$ }
layer { name: "p" type: "Power" bottom: "x" top: "y" }
"""


def run(*words, given=None):
    return CliRunner().invoke(group, [str(word) for word in words], input=given)


def test_every_command_that_takes_a_net_takes_define():
    for name in _COMMANDS:
        command = group.get_command(None, name)
        takes = any(option.type is NET for option in command.params)
        assert takes == any(option.name == "define" for option in command.params), name


def test_a_template_is_filled(tmp_path):
    path = tmp_path / "net.prototxt.template"
    path.write_text(TEMPLATE)
    assert "1x1x7x7" in run("show", path, "--define", "SIZE=7").output.replace(" ", "")
    assert run("check", path, "--define", "SIZE=7").exit_code == 0
    assert "dim: 7" in run("fmt", path, "--define", "SIZE=7").output
    assert "dim: 7" in run("fmt", "-", "--define", "SIZE=7", given=TEMPLATE).output
    text = run("compile", "--define", "SIZE=7", path).output
    assert "compiled from net.prototxt.template by protonet." in text


def test_a_folder_of_templates_is_checked(tmp_path):
    (tmp_path / "a.prototxt").write_text(TEMPLATE)
    done = run("check", tmp_path, "--define", "SIZE=7")
    assert done.exit_code == 0, done.output


def test_a_template_is_not_written_over(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(TEMPLATE)
    done = run("fmt", "--write", path, "--define", "SIZE=7")
    assert "is no file that could be rewritten" in str(done.exception)
    assert path.read_text() == TEMPLATE


def test_a_solver_fills_its_net(tmp_path):
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: $N$ } } }\n'
        'layer { name: "l" type: "InnerProduct" bottom: "x" top: "l" loss_weight: 1 '
        "inner_product_param { num_output: 1 axis: 0 } }"
    )
    solver = tmp_path / "solver.prototxt"
    solver.write_text('net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: $MAX$')
    done = run("train", solver, "--define", "N=3", "--define", "MAX=1", "--log", "none")
    assert done.exit_code == 0, (done.output, done.exception)


@pytest.mark.parametrize("given", ["SIZE", "=3", "a b=3"])
def test_a_definition_of_nothing_is_a_wrong_command(given):
    done = run("check", "-", "--define", given)
    assert done.exit_code == 2
    assert "defines nothing; write it as WIDTH=640" in done.output
