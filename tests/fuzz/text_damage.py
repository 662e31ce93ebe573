"""Prototxts made wrong, or odd: by bytes, by tokens, by lines, by what they mean."""

from __future__ import annotations

import re

from google.protobuf import text_format

from protonet.layers import REGISTRY
from protonet.schema.pool import is_repeated, message

NUMBERS = [
    *("-1", "0", "1", "2", "3", "7", "100", "65536", "4294967295", "99999999999", "-2147483648"),
    *("0.5", "-0.0", "1e-45", "1e39", "nan", "inf", "-inf", "0x10", "010", "1.f", "x", "true"),
]
WORDS = [
    *(
        "{",
        "}",
        "<",
        ">",
        "[",
        "]",
        ":",
        ";",
        ",",
        "#",
        '"',
        "'",
        "\\",
        "/",
        "-",
        "+",
        "//",
        "\\\\",
    ),
    *("\0", "\x7f", "\r", "\n", "\t", "\f", "\ufeff", "\u00a0", "\u201c", "\u3000", "\U0001f600"),
    *("'\\xff'", "'\\777'", "'\\u12'", "'\\ud800'", '"" ""', "[]", "[{}]", "{}", "<>", "[1, 2]"),
    *("layer", "layers", "input", "input_dim", "input_shape", "param", "name", "type", "top"),
    *("bottom", "include", "exclude", "loss_weight", "phase", "TRAIN", "item", "net", "base_lr"),
]
TOKEN = re.compile(r"\"[^\"]*\"|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|[{}:]")
TYPES = sorted(REGISTRY)


def mutated(text, draw):
    """The text with one to three tokens dropped, doubled, exchanged or given another number."""
    for _ in range(draw.randint(1, 3)):
        tokens = list(TOKEN.finditer(text))
        if not tokens:
            return text
        token, other = draw.choice(tokens), draw.choice(tokens)
        numbers = [t for t in tokens if t[0][0] in "-0123456789"]
        way = draw.choice(["number", "number", "number", "drop", "double", "swap", "word"])
        if way == "number" and numbers:
            token = draw.choice(numbers)
            new = draw.choice(NUMBERS)
        else:
            known = {"drop": "", "double": f"{token[0]} {token[0]}", "word": draw.choice(WORDS)}
            new = known.get(way, other[0])
        text = text[: token.start()] + new + text[token.end() :]
    return text


def cut(text, draw):
    """The text without a part, or up to a place."""
    start, end = sorted(draw.randrange(len(text) + 1) for _ in range(2))
    return text[:start] + draw.choice([text[end:], ""])


def repeated(text, draw):
    """The text with a part many times over."""
    start = draw.randrange(len(text) + 1)
    part = text[start : start + draw.choice([1, 1, 3, 20, 200])]
    return text[:start] + part * draw.choice([2, 10, 150]) + text[start:]


def lines(text, draw):
    """The text with its lines, or some of them, in another order, gone, or twice there."""
    rows = text.split("\n")
    for _ in range(draw.randint(1, 4)):
        i, j = draw.randrange(len(rows)), draw.randrange(len(rows))
        way = draw.randrange(3)
        if way == 0:
            rows[i], rows[j] = rows[j], rows[i]
        elif way == 1:
            rows.insert(j, rows[i])
        else:
            rows[i] = ""
    return "\n".join(rows)


def odd(text, draw):
    """The text with odd characters put in."""
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(text) + 1)
        text = text[:place] + draw.choice(WORDS) + text[place + draw.randrange(2) :]
    return text


def retyped(text, draw):
    """The text with another type for one of its layers."""
    found = list(re.finditer(r'type:\s*"[^"]*"', text))
    if not found:
        return odd(text, draw)
    one = draw.choice(found)
    return f'{text[: one.start()]}type: "{draw.choice(TYPES)}"{text[one.end() :]}'


def meant(text, draw):
    """The net of a text with a field of one of its layers changed, or a layer more or less."""
    net = message("NetParameter")
    try:
        text_format.Parse(text, net)
    except text_format.ParseError:
        return mutated(text, draw)
    for _ in range(draw.randint(1, 3)):
        _change(net, draw)
    return text_format.MessageToString(net)


def _change(net, draw):
    layers = net.layer or net.layers
    if not len(layers):
        return
    layer = draw.choice(layers)
    way = draw.randrange(8)
    if way == 0:
        layers.add().CopyFrom(layer)
    elif way == 1:
        layers.remove(layer)
    elif way == 2 and len(layer.bottom):
        tops = [top for other in layers for top in other.top]
        layer.bottom[draw.randrange(len(layer.bottom))] = draw.choice([*tops, "nowhere", ""])
    elif way == 3 and len(layer.top):
        layer.top[draw.randrange(len(layer.top))] = draw.choice([*layer.bottom, "new", "", "a/b\n"])
    else:
        set_fields(layer, draw, 1, chance=0.02 if way < 6 else 0)
        for field, value in list(layer.ListFields()):
            if field.message_type is not None and not is_repeated(field):
                set_fields(value, draw, 2, chance=0.2)


def set_fields(target, draw, depth, chance, only=()):
    """Give fields of a message values that are of their kind, each with some chance."""
    for field in target.DESCRIPTOR.fields:
        if draw.random() >= chance or field.name == "blobs" or (only and field.name not in only):
            continue
        several = is_repeated(field)
        if field.message_type is not None:
            inner = getattr(target, field.name).add() if several else getattr(target, field.name)
            inner.SetInParent()
            if depth:
                set_fields(inner, draw, depth - 1, chance=0.4)
            continue
        values = [value(field, draw) for _ in range(draw.randint(1, 3) if several else 1)]
        if several:
            getattr(target, field.name).extend(values)
        else:
            setattr(target, field.name, values[0])


def value(field, draw):
    """A value of a field's kind: small most of the time, at its limits now and then."""
    if field.enum_type is not None:
        return draw.choice(field.enum_type.values).number
    if field.cpp_type == field.CPPTYPE_BOOL:
        return draw.random() < 0.5
    if field.cpp_type == field.CPPTYPE_STRING:
        text = draw.choice(["", "a", "xavier", "gaussian", "b0", "a\nb", "\u00e9\\'\"", "x" * 300])
        return text if field.type == field.TYPE_STRING else text.encode()
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return draw.choice([0, 1, 0.5, -1, 2, 1e-6, 1e6, 1e30, float("inf"), float("nan")])
    if draw.random() < 0.85:
        return draw.randint(0, 4)
    signed = field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_INT64)
    return draw.choice([-1, -(2**31), 2**31 - 1] if signed else [65536, 2**31, 2**32 - 1])


WAYS = [mutated, mutated, meant, meant, meant, retyped, lines, cut, repeated, odd]


def damaged(text, draw):
    """The text, damaged in one of these ways, sometimes in two."""
    for _ in range(draw.choice([1, 1, 1, 2])):
        text = draw.choice(WAYS)(text, draw)
    return text
