"""`upgrade` keeps comments: every one once, at what it spoke of or what is nearest to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf import text_format

from protonet.schema.comments import notes
from protonet.schema.load import load_any
from protonet.schema.pool import message
from protonet.schema.unbind import to_text
from protonet.schema.upgrade import upgrade, upgrade_solver

ROOT = Path(__file__).parents[2]
FILES = sorted(
    [
        *(ROOT / "tests" / "golden" / "upgrade").glob("*.prototxt"),
        *(ROOT / "zoo_prototxt" / "lenet").glob("*.prototxt"),
        *(ROOT / "zoo_prototxt" / "teaching").rglob("*.prototxt"),
    ]
)


def upgraded(path):
    """A file's text in today's form, and the message that it should hold."""
    loaded = load_any(path)
    is_solver = loaded.message.DESCRIPTOR.name == "SolverParameter"
    new = upgrade_solver(loaded) if is_solver else upgrade(loaded, keep_inputs=False)
    return to_text(new.message, notes(new.message, new.sourcemap)), new.message


def commented(text):
    """A text with a comment of its own above, beside and below everything in it."""
    number, lines = 0, []
    for line in text.splitlines():
        parts = re.split(r"(?<=[{}])\s+(?=\w)", line) if "#" not in line else [line]
        for part in parts:
            lines += [f"# c{number}.", part + ("" if "#" in part else f" # c{number + 1}.")]
            number += 2
    return "\n".join([*lines, f"# c{number}."]) + "\n"


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_comment_is_kept_once_and_nothing_else_changes(path, tmp_path):
    copy = tmp_path / "net.prototxt"
    copy.write_text(commented(path.read_text()))
    text, wanted = upgraded(copy)
    kept = re.findall(r"c\d+\.", text)
    assert sorted(kept) == sorted(re.findall(r"c\d+\.", copy.read_text()))
    assert len(set(kept)) == len(kept)
    again = message(wanted.DESCRIPTOR.name)
    assert text_format.Parse(text, again) == wanted


OLD = """# Head.

name: "old" # the net
input: "data" # what goes in
input_dim: 10 # ten images
input_dim: 3 input_dim: 8 input_dim: 8
# first
layers {
  layer { name: "pad1" # padding
    type: "padding" pad: 2 }
  bottom: "data" top: "pad1"
} # end of pad
layers {
  layer {
    name: "conv1" type: "conv"
    # outputs
    num_output: 16
    kernelsize: 5 # window
    blobs_lr: 1. # rate
  }
  # from the padding
  bottom: "pad1" top: "conv1"
} # end of conv
# Foot.
"""
NEW = """# Head.
name: "old"  # the net
layer {  # what goes in
  name: "input"
  type: "Input"
  top: "data"
  input_param {
    shape {
      dim: 10  # ten images
      dim: 3
      dim: 8
      dim: 8
    }
  }
}
# first
# padding
# end of pad
layer {
  name: "conv1"
  type: "Convolution"
  # from the padding
  bottom: "data"
  top: "conv1"
  param {  # rate
    lr_mult: 1.0
  }
  convolution_param {
    # outputs
    num_output: 16
    pad: 2
    kernel_size: 5  # window
  }
}
# Foot.
"""


def test_a_comment_goes_with_what_it_speaks_of(tmp_path):
    path = tmp_path / "old.prototxt"
    path.write_text(OLD)
    text, _ = upgraded(path)
    # A closing brace has moved inwards: its comment stands above the layer.
    assert text.replace("# end of conv\n", "") == NEW
    assert "# end of conv" in text


def test_of_lists_data_layers_and_solvers(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(
        'layers { name: "d" type: DATA top: "data"\n'
        "  data_param { # where\n    # the mean\n    mean_file: 'm' # of all\n  } # so much\n}\n"
        'layers { name: "ip" type: INNER_PRODUCT bottom: "data" top: "ip"\n'
        "  blobs_lr: [1, # weights\n    2]\n  inner_product_param { # empty\n  }\n}\n"
    )
    text, _ = upgraded(path)
    assert '    # the mean\n    mean_file: "m"  # of all\n' in text
    assert "  data_param {  # where\n  }  # so much\n" in text
    assert "  # weights\n  param {\n    lr_mult: 1.0\n" in text
    assert "  inner_product_param {  # empty\n  }\n" in text
    path.write_text("# how\nsolver_type: ADAM # Adam's\nbase_lr: 1\n")
    assert upgraded(path)[0] == '# how\nbase_lr: 1.0\ntype: "Adam"  # Adam\'s\n'
