"""Loops over modules start parameters from the same numbers and freeze the same ones."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

import protonet

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
XAVIER, GAUSSIAN = 'type: "xavier"', 'type: "gaussian" std: 0.1'
ZERO, TENTH = 'type: "constant"', 'type: "constant" value: 0.1'


def convolution(name, weight, bias="", lr_mult=1):
    term = f"bias_filler {{ {bias} }}" if bias else "bias_term: false"
    params = f"param {{ lr_mult: {lr_mult} }} " * (2 if bias else 1)
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "x" top: "{name}" {params} '
        "convolution_param { num_output: 2 kernel_size: 1 "
        f"weight_filler {{ {weight} }} {term} }} }}\n"
    )


def product(name, weight, bias, param=""):
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "x" top: "{name}" {param} '
        f"inner_product_param {{ num_output: 2 weight_filler {{ {weight} }} "
        f"bias_filler {{ {bias} }} }} }}\n"
    )


def net(*layers):
    return 'input: "x" input_shape { dim: 1 dim: 2 dim: 3 dim: 3 }\n' + "".join(layers)


def reset(text):
    lines = protonet.emit(text).splitlines()
    start = lines.index("    def reset_parameters(self):")
    return [line[8:] for line in lines[start + 1 : lines.index("", start)]]


ALIKE = net(*(convolution(f"c{i}", XAVIER, ZERO) for i in range(5)))
LACKING = net(*(convolution(f"c{i}", XAVIER, ZERO) for i in range(4)), convolution("c", XAVIER), "")
CONSTANT = net(
    *(convolution(f"c{i}", XAVIER, ZERO) for i in range(5)), convolution("c", XAVIER, TENTH)
)
RANDOM = net(
    *(convolution(f"c{i}", XAVIER, ZERO) for i in range(4)), convolution("c", GAUSSIAN, TENTH)
)
TURNS = net(
    *(convolution(f"c{i}", XAVIER, ZERO) + product(f"p{i}", GAUSSIAN, TENTH) for i in range(4))
)
CROSSED = net(
    *(convolution(f"c{i}", XAVIER, ZERO) for i in range(3)),
    product("p0", GAUSSIAN, ZERO),
    *(convolution(f"d{i}", XAVIER, ZERO) for i in range(3)),
    product("p1", XAVIER, ZERO),
)
SHARED = net(
    *(product(f"p{i}", XAVIER, ZERO) for i in range(3)),
    *(product(f"s{i}", XAVIER, ZERO, 'param { name: "one" }') for i in range(3)),
)
NETS = [ALIKE, LACKING, CONSTANT, RANDOM, TURNS, CROSSED, SHARED]


@pytest.mark.parametrize("text", NETS)
def test_the_same_numbers_are_drawn(text):
    started = []
    for faithful in (False, True):
        torch.manual_seed(3)
        made = protonet.compile(text, faithful=faithful)
        started.append([*made.state_dict().values(), torch.rand(1)])
    assert all(torch.equal(a, b) for a, b in zip(*started, strict=True))


def test_modules_of_a_kind_are_filled_in_a_loop():
    assert (
        reset(ALIKE)
        == [
            "for module in self.modules():",
            "    if isinstance(module, nn.Conv2d):",
            '        nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")',
            "        nn.init.zeros_(module.bias)",
        ]
        or reset(ALIKE)[0] == "for module in (self.c0, self.c1, self.c2, self.c3, self.c4):"
    )


def test_a_bias_that_some_lack_is_asked_for():
    assert reset(LACKING)[3:] == [
        "        if module.bias is not None:",
        "            nn.init.zeros_(module.bias)",
    ]


def test_another_constant_is_set_behind():
    assert reset(CONSTANT)[-1] == "nn.init.constant_(self.c.bias, 0.1)"


def test_kinds_that_take_turns_are_told_apart():
    assert reset(TURNS)[1::3] == [
        "    if isinstance(module, nn.Conv2d):",
        "    elif isinstance(module, nn.Linear):",
    ]


def test_another_distribution_keeps_the_order_of_the_draws():
    assert not any("isinstance" in line for line in reset(RANDOM) + reset(CROSSED))


@pytest.mark.parametrize("rates", list(itertools.product([0, 1], repeat=4)))
def test_the_same_parameters_are_frozen(rates):
    layers = [convolution(f"c{i}", XAVIER, ZERO, rate) for i, rate in enumerate(rates)]
    text = net(*layers, product("p", XAVIER, ZERO, "param { lr_mult: 0 }"))
    quiet, plain = (
        {name: p.requires_grad for name, p in protonet.compile(text, faithful=f).named_parameters()}
        for f in (False, True)
    )
    assert quiet == plain
    assert quiet["c0.bias"] == bool(rates[0])


def test_what_is_frozen_is_said_once():
    frozen = [convolution(f"c{i}", XAVIER, ZERO, 0) for i in range(4)]
    assert "        self.requires_grad_(False)" in protonet.emit(net(*frozen)).splitlines()
    text = protonet.emit(net(*frozen, product("p", XAVIER, ZERO)))
    assert "            if isinstance(module, nn.Conv2d):\n" in text
    assert text.count("requires_grad_(False)") == 1
    text = protonet.emit(net(*frozen, convolution("c", XAVIER, ZERO)))
    assert "        for module in (self.c0, self.c1, self.c2, self.c3):\n" in text
    assert "            module.requires_grad_(False)\n" in text


def test_the_zoo_starts_as_it_did():
    for name in ("lenet/train_val", "resnet20_cifar/train_val", "googlenet/train_val"):
        states = []
        for faithful in (False, True):
            torch.manual_seed(5)
            made = protonet.compile(ZOO / f"{name}.prototxt", phase="TRAIN", faithful=faithful)
            states.append([next(made.parameters()), torch.rand(1)])
        assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))
