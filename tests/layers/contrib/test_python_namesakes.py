"""Python layers of a known name that are other classes: what they state tells."""

from __future__ import annotations

import pytest
import torch
from one_layer import text_of

import protonet
from protonet import NetError

TARGETS = 'python_param {{ module: "rpn.{}" layer: "{}" param_str: "{}" }}'


def python(module, layer, options):
    return TARGETS.format(module, layer, options)


@pytest.mark.parametrize(
    ("fields", "shapes", "tops"),
    [
        (
            python("proposal_layer", "ProposalLayer", "'feat_stride': 8\\n'base_size': 4"),
            [(1, 2, 4, 4), (1, 4, 4, 4), (1, 3)],
            1,
        ),
        (
            python("anchor_target_layer", "AnchorTargetLayer", "'feat_stride': 8\\n'border': 4"),
            [(1, 2, 4, 4), (1, 5), (1, 3)],
            4,
        ),
        (
            python("proposal_target_layer", "ProposalTargetLayer", "'num_sleeve': 4"),
            [(4, 5), (1, 5)],
            5,
        ),
    ],
)
def test_options_of_its_own_make_another_class(fields, shapes, tops):
    text = text_of("Python", fields, shapes, tops)
    assert protonet.check(text) == []
    with pytest.raises(NetError, match="it would run the Python class"):
        protonet.compile(text)


def test_data_with_sizes_and_more_than_boxes_are_another_class():
    tops = " ".join(f'top: "{name}"' for name in ("data", "im_info", "gt_boxes", "masks"))
    module = 'module: "roi_data_layer.layer" layer: "RoIDataLayer"'
    text = f'layer {{ name: "l" type: "Python" {tops} python_param {{ {module} '
    text += "param_str: \"'num_classes': 21\" } }"
    assert protonet.check(text) == []
    with pytest.raises(NetError, match="it would run the Python class 'RoIDataLayer'"):
        protonet.compile(text)


def test_the_other_class_runs_where_it_may(tmp_path, monkeypatch):
    package = tmp_path / "rpn"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "proposal_layer.py").write_text(
        "import caffe\n\n"
        "class ProposalLayer(caffe.Layer):\n"
        "    def setup(self, bottom, top):\n        pass\n"
        "    def reshape(self, bottom, top):\n        top[0].reshape(7, 5)\n"
        "    def forward(self, bottom, top):\n        top[0].data[...] = 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    fields = python("proposal_layer", "ProposalLayer", "'feat_stride': 8\\n'base_size': 4")
    text = text_of("Python", fields, [(1, 2, 4, 4), (1, 4, 4, 4), (1, 3)])
    net = protonet.compile(text, allow_python=True)
    out = net(torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4, 4), torch.zeros(1, 3))
    assert out.shape == (7, 5)
    assert (out == 3).all()
