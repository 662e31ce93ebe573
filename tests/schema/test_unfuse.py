"""Fused layers of Intel's and OpenCL's Caffe as torch computes them; those of 8 bits refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import protonet
from protonet.api import graph
from protonet.diagnostics import IgnoredFields

X = (2, 3, 6, 6)
FILTERS = "num_output: 4 kernel_size: 3 pad: 1 "


def net_of(layer, *more):
    """A layer on the inputs x, (n, 3, 6, 6), and other, (n, 4, 6, 6), and what follows it."""
    text = 'layer { name: "x" type: "Input" top: "x" top: "other" input_param { '
    text += "shape { dim: 2 dim: 3 dim: 6 dim: 6 } shape { dim: 2 dim: 4 dim: 6 dim: 6 } } }\n"
    return "\n".join([text + f'layer {{ name: "l" {layer} top: "y" }}', *more])


def run(text, *blobs):
    net = protonet.compile(text, outputs=["y"]).double()
    draw = np.random.default_rng(0)
    held = {"l": [draw.normal(size=a.shape) for a in protonet.dump_blobs(net).get("l", [])]}
    held["l"] = blobs or held["l"]
    protonet.load_blobs(net, {name: values for name, values in held.items() if len(values)})
    x = torch.from_numpy(draw.normal(size=X))
    other = torch.from_numpy(draw.normal(size=(2, 4, 6, 6)))
    (y,) = net(x, other).values()
    return x, other, [torch.as_tensor(a) for a in held["l"]], y


@pytest.mark.parametrize(
    ("fields", "slope"),
    [
        ("relu: true", 0),
        ("relu: true negative_slope: 0.25", 0.25),
        ("fuse_type: FUSED_CONV_RELU", 0),
        ("fuse_type: FUSED_CONV_RELU relu_param { negative_slope: 0.5 }", 0.5),
    ],
)
def test_a_rectified_convolution(fields, slope):
    layer = f'type: "Convolution" bottom: "x" convolution_param {{ {FILTERS} {fields} }}'
    x, _, (weight, bias), y = run(net_of(layer))
    wanted = F.leaky_relu(F.conv2d(x, weight, bias, padding=1), slope)
    torch.testing.assert_close(y, wanted)


@pytest.mark.parametrize(
    ("fields", "slope"),
    [
        ("fusion_type: SUM_FUSION coeff: 3 coeff: 5", None),
        ("fusion_type: SUM_FUSION relu: true negative_slope: 0.125", 0.125),
        ("fuse_type: FUSED_CONV_ELTWISE_RELU", 0),
    ],
)
def test_a_convolution_with_a_sum(fields, slope):
    layer = 'type: "Convolution" bottom: "x" bottom: "other" '
    layer += f"convolution_param {{ {FILTERS} {fields} }}"
    x, other, (weight, bias), y = run(net_of(layer))
    wanted = F.conv2d(x, weight, bias, padding=1) + other
    wanted = wanted if slope is None else F.leaky_relu(wanted, slope)
    torch.testing.assert_close(y, wanted)


def test_a_rectified_inner_product():
    fields = "num_output: 5 relu: true negative_slope: 0.5"
    layer = f'type: "InnerProduct" bottom: "x" inner_product_param {{ {fields} }}'
    x, _, (weight, bias), y = run(net_of(layer))
    torch.testing.assert_close(y, F.leaky_relu(F.linear(x.flatten(1), weight, bias), 0.5))


def test_a_rectified_batch_norm():
    mean, variance, factor = np.array([0.5, -1, 2]), np.array([1.0, 4, 9]), np.array([1.0])
    layer = 'type: "BatchNorm" bottom: "x" batch_norm_param { relu: true }'
    x, _, _, y = run(net_of(layer), mean, variance, factor)
    wanted = F.batch_norm(x, torch.from_numpy(mean), torch.from_numpy(variance), eps=1e-5)
    torch.testing.assert_close(y, F.relu(wanted))


def test_a_pooled_norm():
    fields = "local_size: 3 fuse_type: FUSED_POOL_MAX pooling_param { kernel_size: 3 stride: 2 }"
    text = net_of(f'type: "LRN" bottom: "x" lrn_param {{ {fields} }}')
    assert graph(text).blobs["y"].shape == (2, 3, 3, 3)
    x, _, _, y = run(text)
    wanted = F.local_response_norm(x, 3, alpha=1, beta=0.75, k=1)
    torch.testing.assert_close(y, F.max_pool2d(wanted, 3, 2, ceil_mode=True))


def test_parts_are_in_the_phases_of_the_whole():
    rules = "include { phase: TRAIN }"
    layer = f'type: "Convolution" bottom: "x" {rules} convolution_param {{ {FILTERS} relu: true }}'
    after = 'layer { name: "a" type: "AbsVal" bottom: "other" top: "z" }'
    found = {
        phase: [node.name for node in graph(net_of(layer, after), phase).nodes]
        for phase in ("TRAIN", "TEST")
    }
    assert found == {"TRAIN": ["x", "l", "l/relu", "a"], "TEST": ["x", "a"]}


def test_names_and_places_of_the_parts():
    layer = 'type: "Convolution" bottom: "x" bottom: "other" convolution_param '
    layer += f"{{ {FILTERS} fusion_type: SUM_FUSION relu: true }}"
    taken = 'layer { name: "a" type: "AbsVal" bottom: "x" top: "y/filtered" }'
    nodes = graph(net_of(layer, taken)).nodes
    assert [node.name for node in nodes] == ["x", "l", "l/sum", "l/relu", "a"]
    assert nodes[1].outputs[0].blob == "y/filtered_"
    assert {node.span.line for node in nodes[1:4]} == {2}
    small = net_of(layer.replace("pad: 1", ""))
    (problem,) = protonet.check(small)
    assert "the shape 2x4x6x6 differs from the first bottom's, 2x4x4x4" in problem.message
    assert problem.span.line == 2


@pytest.mark.filterwarnings("ignore::protonet.diagnostics.IgnoredFields")
@pytest.mark.parametrize(
    ("layer", "after"),
    [
        (f'convolution_param {{ {FILTERS} relu: true }} engine: "CAFFE"', ""),
        (f"convolution_param {{ {FILTERS} relu: true engine: MKL2017 }}", ""),
        (
            f'bottom: "other" convolution_param {{ {FILTERS} fusion_type: SUM_FUSION relu: true }}',
            'layer { name: "a" type: "AbsVal" bottom: "other" top: "z" }',
        ),
    ],
)
def test_what_can_not_be_taken_apart_is_refused(layer, after):
    problems = protonet.check(net_of(f'type: "Convolution" bottom: "x" {layer}', after))
    assert "is not supported" in problems[0].message or "tops" in problems[0].message
    assert problems[0].span.line == 2


BITS = "quantization_param { bw_layer_in: 8 bw_layer_out: 8 bw_params: 8 scale_in: 3 %s }"
CONVOLUTIONS = [
    f'layer {{ name: "c{n}" type: "Convolution" bottom: "x" top: "c{n}" '
    f"convolution_param {{ {FILTERS} }} {BITS} %s }}"
    for n in (1, 2)
]


def eight_bits(bits="", beside="", head=""):
    layers = [one % (bits, beside) for one in CONVOLUTIONS]
    return f"{head}\n" + net_of('type: "AbsVal" bottom: "x"', *layers)


def test_numbers_of_eight_bits_are_refused_once():
    (problem,) = protonet.check(eight_bits())
    assert "quantization_param: Intel's engine MKLDNN computes it in 8 bits" in problem.message
    assert "'c1'" in problem.message
    assert problem.span.line == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error", IgnoredFields)
        with pytest.raises(protonet.NetError, match="in 8 bits"):
            protonet.compile(eight_bits())


@pytest.mark.parametrize(
    ("beside", "head"),
    [
        ("", 'engine: "CAFFE"'),
        ('engine: "CAFFE"', ""),
        ("", 'engine: "MKL2017"'),
        ('engine: "MKL2017"', 'engine: "CAFFE"'),
    ],
)
def test_an_engine_of_floats_passes_over_them(beside, head):
    with pytest.warns(IgnoredFields, match=r"quantization_param \(2 times\)"):
        net = protonet.compile(eight_bits("", beside, head), outputs=["c2"])
    weight, bias = net.c2.weight, net.c2.bias
    x, other = torch.rand(X), torch.rand(2, 4, 6, 6)
    torch.testing.assert_close(net(x, other)["c2"], F.conv2d(x, weight, bias, padding=1))


def test_a_training_net_has_floats():
    assert graph(eight_bits(), "TRAIN").blobs["c1"].shape == (2, 4, 6, 6)


@pytest.mark.filterwarnings("ignore::protonet.diagnostics.IgnoredFields")
def test_few_bits_of_another_fork_are_refused_in_all_phases():
    with pytest.raises(protonet.NetError, match="quant_type: numbers of few bits, as another"):
        graph(eight_bits('quant_type: "DynamicFixed"', "", 'engine: "CAFFE"'), "TRAIN")
