"""What a person meant, where the words are near; no guess where they are not."""

from __future__ import annotations

import pytest

from protonet.diagnostics import Source, Span, did_you_mean
from protonet.layers import REGISTRY
from protonet.schema.pool import message

TYPES = [name for name, cls in REGISTRY.items() if "contrib" not in cls.__module__]
FIELDS = list(message("LayerParameter").DESCRIPTOR.fields_by_name)
WINDOW = list(message("ConvolutionParameter").DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize(
    "word, known, meant",
    [
        ("Relu", TYPES, "ReLU"),
        ("Convolutoin", TYPES, "Convolution"),
        ("Conv", TYPES, "Convolution"),
        ("InnerPoduct", TYPES, "InnerProduct"),
        ("SoftmaxLoss", TYPES, "SoftmaxWithLoss"),
        ("BatchNormalization", TYPES, "BatchNorm"),
        ("botom", FIELDS, "bottom"),
        ("tops", FIELDS, "top"),
        ("conv_param", FIELDS, "convolution_param"),
        ("convolution_parm", FIELDS, "convolution_param"),
        ("kernel", WINDOW, "kernel_size"),
        ("kernelsize", WINDOW, "kernel_size"),
        ("num_ouput", WINDOW, "num_output"),
        ("conv1_1", ["conv1_2", "data"], "conv1_2"),
    ],
)
def test_near_words_are_named(word, known, meant):
    assert repr(meant) in did_you_mean(word, known)


@pytest.mark.parametrize(
    "word, known",
    [
        ("HardSwish", TYPES),
        ("Transpose", TYPES),
        ("Reverse", TYPES),
        ("ImResize", TYPES),
        ("Mish", TYPES),
        ("transpose_param", ["noise_param", "tanh_param", "transform_param"]),
        ("imresize_param", ["resize_param", "img_size_param"]),
        ("fixed_size", ["min_size", "max_size", "flip"]),
        ("", FIELDS),
        ("x" * 100_000, FIELDS),
    ],
)
def test_far_words_are_not(word, known):
    assert did_you_mean(word, known) is None


def test_a_long_line_is_cut_around_the_place():
    source = Source("<text>", f"first\n{'a' * 500}!{'b' * 500}\r\nlast")
    first, carets = Span(source, 506, 507).excerpt().splitlines()
    assert first[carets.index("^")] == "!"
    assert len(first) < 180
    assert source.line(2) == f"{'a' * 500}!{'b' * 500}"
    assert source.line(3) == "last"
