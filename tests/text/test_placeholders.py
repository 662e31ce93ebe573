"""Placeholders of a template: told with their line, and filled."""

from __future__ import annotations

import pytest

import protonet
from protonet import NetError, Source
from protonet.text.placeholders import filled

TEMPLATE = """input: "x"
input_shape { dim: 1 dim: 3 dim: $HEIGHT$ dim: ${WIDTH} }
# $NOTED$ in a comment
layer { name: "$NAME" type: "Power" bottom: "x" top: "y" power_param { scale: $SCALE } }
"""
VALUES = {"HEIGHT": 4, "WIDTH": 5, "SCALE": "-0.5"}


def test_an_unfilled_placeholder_is_told_with_its_line_and_what_fills_it():
    with pytest.raises(NetError) as caught:
        protonet.compile(TEMPLATE)
    assert caught.value.message == "$HEIGHT$ is a placeholder, for a value to be put in its place"
    assert (caught.value.span.line, caught.value.span.column) == (2, 34)
    given = "--define HEIGHT=VALUE --define WIDTH=VALUE --define SCALE=VALUE"
    assert caught.value.hint.startswith(f"fill it with {given}; in Python with define=")


def test_a_name_that_is_mistyped_is_found():
    with pytest.raises(NetError) as caught:
        protonet.compile(TEMPLATE, define={"HEIGHT": 4, "WIDHT": 5, "SCALE": 1})
    assert caught.value.message.startswith("${WIDTH} is a placeholder")
    assert caught.value.hint == "did you mean 'WIDHT'?"


def test_every_form_is_filled_in_strings_too():
    text = filled(Source("t", TEMPLATE), {"HEIGHT": "4", "WIDTH": "5", "SCALE": "2", "NAME": "p"})
    assert "dim: 4 dim: 5" in text.text
    assert 'name: "p"' in text.text
    assert "scale: 2 }" in text.text
    assert "$NOTED$" in text.text
    assert text.define["WIDTH"] == "5"


def test_a_dollar_in_a_string_is_a_letter_as_in_caffe():
    net = protonet.emit(
        'input: "x$1" input_shape { dim: 1 } layer { name: "$N" type: "AbsVal" '
        'bottom: "x$1" top: "y" }'
    )
    assert "abs" in net


def test_a_character_that_begins_no_placeholder_is_told_as_one():
    (problem,) = protonet.check('input: "x" input_shape { dim: $ }')
    assert problem.message == "the character '$' should not stand here"


@pytest.mark.parametrize(
    ("define", "told"),
    [
        ({"W-D": 3}, "'W-D' is no placeholder's name"),
        ({"W": "3 }"}, "the value of W is one value, not '3 }'"),
        (["W"], "define gives names their values, not ['W']"),
    ],
)
def test_what_can_not_be_put_in_is_refused(define, told):
    with pytest.raises(NetError) as caught:
        protonet.emit(TEMPLATE, define=define)
    assert caught.value.message == told


def test_the_library_takes_define_wherever_it_takes_a_net():
    wanted = {"x": (1, 3, 4, 5), "y": (1, 3, 4, 5)}
    assert protonet.check(TEMPLATE, define=VALUES) == []
    assert "x * -0.5" in protonet.emit(TEMPLATE, define=VALUES)
    from protonet.api import graph

    assert {k: v.shape for k, v in graph(TEMPLATE, define=VALUES).blobs.items()} == wanted
    assert "x" in protonet.draw(TEMPLATE, define=VALUES)._repr_svg_()
