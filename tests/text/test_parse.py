"""The text format's corners as google.protobuf reads them, and errors with their places."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from protonet import NetError, Source
from protonet.schema.bind import bind
from protonet.schema.pool import message
from protonet.text.parse import parse

CORNERS = [
    "",
    "# only a comment",
    'name: "a"',
    "name: 'single'",
    'name: "a" "b"\n\'c\'',
    'name:"tight"force_backward:true',
    'name: "\\n\\t\\"\\\'\\\\\\101\\x41"',
    'name: "h\u00e9 \U0001f431"',
    "layer { name: 'a' } layer: { name: 'b' } layer < name: 'c' > layer:<name:'d'>",
    "layer { name: 'a'; type: 'b', top: 'c' };",
    "layer { bottom: ['a', 'b'] loss_weight: [1, 2.5, -3] }",
    "layer { loss_weight: [] }",
    "layer: [{ name: 'a' }, { name: 'b' }]",
    "layer [{ name: 'a' }, { name: 'b' }]",
    "layer []",
    "layer { loss_weight: 1.f loss_weight: .5 loss_weight: 1e3 loss_weight: 1E-3 }",
    "layer { loss_weight: inf loss_weight: -inf loss_weight: nan loss_weight: infinity }",
    "input_dim: 0x10 input_dim: 010 input_dim: -0x1",
    "layer { phase: TEST } layer { phase: 0 }",
    "force_backward: t debug_info: False",
    "force_backward: 1 debug_info: 0",
    "layer{name:'a'#comment\n}#end",
    "name: 'crlf'\r\nforce_backward: true\r\n",
    "\tname\n:\n'spread'\n",
    "layer { convolution_param { kernel_size: 3 kernel_size: [5, 7] } }",
    "layer {\n}\n\n\n",
    "layer { name: 'a' bottom: 'x' } # { not a block\n",
    "input_dim: 1 # 2\ninput_dim: 3",
]
REFUSED = [
    "name",
    "name 'a'",
    "name: ",
    "name: a",
    "name: 'a",
    "name: 'a' name: 'b'",
    "layer { name: 'a'",
    "layer { name: 'a' > ",
    "}",
    "layer { } }",
    "input_dim: 1.5",
    "input_dim: 99999999999",
    "layer { phase: OTHER }",
    "layer { phase: 9 }",
    "force_backward: 2",
    "nmae: 'a'",
    "layer: 3",
    "name { }",
    "input_dim: [1, 2",
    "input_dim: [1 2]",
    "input_dim []",
    "input_dim [1, 2]",
    "input_dim: 1 2",
    "input_dim: + 1",
    "input_dim: - - 1",
    "input_dim: [1,]",
    "input_dim: 08",
    "layer { loss_weight: 1.2.3 }",
    "layer { loss_weight: 0x1 }",
    "name: ['a', 'b']",
    "[caffe.ext]: 1",
    "name: 'a' $",
    "layer { loss_weight: -nan2 }",
    "name: 'new\nline'",
]


def ours(text):
    bound, errors = bind(parse(Source("net", text)), "NetParameter")
    if errors:
        raise errors[0]
    return bound


def google(text):
    return text_format.Parse(text, message("NetParameter"))


@pytest.mark.parametrize("text", CORNERS)
def test_read_as_google_reads_it(text):
    wanted = google(text).SerializeToString(deterministic=True)
    assert ours(text).SerializeToString(deterministic=True) == wanted


def test_a_minus_may_stand_apart():
    # The parser in C++, which Caffe uses, takes it; the one in Python does not.
    bound = ours("layer { loss_weight: - 2.0 loss_weight: [-\n3, - 4] } input_dim: - 5")
    assert list(bound.layer[0].loss_weight) == [-2, -3, -4]
    assert list(bound.input_dim) == [-5]


def test_what_only_newer_runtimes_take():
    bound = ours('name: "\\u00e9\\U0001f431\\\\u00e9" layer { loss_weight: 2F }')
    assert bound.name == "\u00e9\U0001f431\\u00e9"
    assert list(bound.layer[0].loss_weight) == [2]


@pytest.mark.parametrize("text", REFUSED)
def test_refused_as_google_refuses_it(text):
    with pytest.raises(text_format.ParseError):
        google(text)
    with pytest.raises(NetError) as caught:
        ours(text)
    assert caught.value.span is not None


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("name: 'a'\nlayer {\n  name 'b'\n}", 3, 3, "':' is missing"),
        ("layer {\n  name: 'a", 2, 9, "the string 'a of 'name' is not closed"),
        ("name: 'a'\nlayer {\n  top: 'a'\n", 2, 1, "'layer' block is never closed"),
        ("layer {\n  name: 'a'\n}\n}", 4, 1, "closes nothing"),
        ("layer {\n  top: 'a'\n>", 3, 1, "'>' closes the '{' of line 1"),
        ("name: 'a'\n\x00\x01", 2, 1, "no text"),
        ("layer {\n  nmae: 'a'\n}", 2, 3, "no field 'nmae'"),
        ("layer {\n\ttop: 'x' loss_weight: a\n}", 2, 11, "a number"),
        ("name: 'a'\n\n  name: 'b'", 3, 3, "given twice"),
    ],
)
def test_errors_name_their_place(text, line, column, words):
    with pytest.raises(NetError, match=words) as caught:
        ours(text)
    assert (caught.value.span.line, caught.value.span.column) == (line, column)


def test_an_error_shows_its_line_with_carets():
    with pytest.raises(NetError) as caught:
        ours("name: 'a'\nlayer { tpo: 'b' }\n")
    assert str(caught.value) == (
        "net:2:9: error: LayerParameter has no field 'tpo'\n"
        "    2 | layer { tpo: 'b' }\n"
        "      |         ^^^^^^^^\n"
        "  hint: did you mean 'top'?"
    )


def test_nesting_has_an_end():
    def nested(depth):
        return "layer { blobs { shape { " + "a { " * depth + "} " * depth + "} } }"

    parse(Source("net", nested(90)))
    with pytest.raises(NetError, match="deeper than 100"):
        parse(Source("net", nested(100_000)))


def test_comments_are_kept_beside_the_tree():
    tree = parse(Source("net", "# one\nlayer { # two\n name: 'a' } # three"))
    assert [tree.source.text[a:b] for a, b in tree.comments] == ["# one", "# two", "# three"]
