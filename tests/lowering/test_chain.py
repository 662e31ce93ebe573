"""Views and the last value stand in the lines that read them; layers keep lines of their own."""

from __future__ import annotations

import pytest
import torch

import protonet

START = """
input: "x" input_shape { dim: 2 dim: 3 dim: 4 dim: 4 }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv" convolution_param
        { num_output: 4 kernel_size: 1 weight_filler { type: "xavier" } } }
"""
PERMUTE = """
layer { name: "perm" type: "Permute" bottom: "conv" top: "perm"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
"""
FLATTEN = 'layer { name: "flat" type: "Flatten" bottom: "perm" top: "flat" }'
FC = """
layer {{ name: "fc" type: "InnerProduct" bottom: "{}" top: "fc"
        inner_product_param {{ num_output: 2 weight_filler {{ type: "xavier" }} }} }}
"""
POOL = """
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
        pooling_param { pool: AVE global_pooling: true } }
"""
SOFTMAX = 'layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }'
TWICE = 'layer { name: "twice" type: "Eltwise" bottom: "perm" bottom: "perm" top: "twice" }'


def forward(text, **options):
    lines = [line.strip() for line in protonet.emit(text, **options).splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("def forward"))
    return lines[start + 1 : lines.index("", start)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            START + PERMUTE + FLATTEN,
            ["conv = self.conv(x)", "return conv.permute(0, 2, 3, 1).flatten(1)"],
        ),
        (
            START + PERMUTE + FLATTEN + FC.format("flat"),
            ["conv = self.conv(x)", "return self.fc(conv.permute(0, 2, 3, 1).flatten(1))"],
        ),
        (
            START + POOL + FC.format("pool") + SOFTMAX,
            [
                "conv = self.conv(x)",
                "pool = conv.mean((2, 3))",
                "fc = self.fc(pool)",
                "return F.softmax(fc, dim=1)",
            ],
        ),
        (
            START + PERMUTE + TWICE,
            ["conv = self.conv(x)", "perm = conv.permute(0, 2, 3, 1)", "return perm + perm"],
        ),
    ],
)
def test_what_stands_on_a_line(text, expected):
    assert forward(text) == expected
    assert len(forward(text, faithful=True)) == text.count("layer {") + 1


def test_a_value_that_is_asked_for_keeps_its_line():
    text = START + POOL + FC.format("pool") + SOFTMAX
    found = forward(text, outputs=["pool", "prob"])
    assert "pool = conv.mean((2, 3), keepdim=True)" in found
    assert found[-1] == 'return {"pool": pool, "prob": prob}'


@pytest.mark.parametrize("end", [PERMUTE + FLATTEN + FC.format("flat"), POOL + FC.format("pool")])
def test_values_and_gradients_are_those_of_the_faithful_form(end):
    quiet, plain = (protonet.compile(START + end, faithful=f) for f in (False, True))
    quiet.load_state_dict(plain.state_dict())
    x = torch.rand(2, 3, 4, 4)
    results = []
    for net in (quiet, plain):
        y = net(x)
        y.square().sum().backward()
        results.append([y, *(p.grad for p in net.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_lone_loss_is_the_objective_without_a_line_of_its_own():
    label = 'input: "label" input_shape { dim: 2 }'
    loss = 'layer { name: "l" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "l" }'
    text = label + START + FC.format("conv") + loss
    assert forward(text, phase="TRAIN")[-1] == 'return {"l": l, "objective": l}'
    net = protonet.compile(text, phase="TRAIN")
    found = net(torch.zeros(2), torch.rand(2, 3, 4, 4))
    assert torch.equal(found["l"], found["objective"])
