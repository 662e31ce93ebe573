"""What a drawing says of a layer and of a shape, and how wide that is."""

from __future__ import annotations

import re

from protonet.graph import Node
from protonet.plain import plain
from protonet.shape import Shape

# Advance widths of Helvetica, in thousandths of the size, for the characters from 32 to 126.
_WIDTHS = (
    "278278355556556889667191333333389584278333278278556556556556556556556556556556278278584584584556"
    "1015667667722722667611778722278500667556833722778667778722667611722667944667667611278278278469556"
    "333556556500556556278556556222222500222833556556556556333500278556500722500500500334260334584"
)


def _table() -> dict[str, int]:
    """The widths by character; the one of four digits is that of @."""
    found, at = {}, 0
    for code in range(32, 127):
        digits = 4 if chr(code) == "@" else 3
        found[chr(code)] = int(_WIDTHS[at : at + digits])
        at += digits
    return found


_ADVANCE = _table()
_WIDE = 1000  # an ideograph fills its square


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a text is; letters that Helvetica lacks are taken as wide as they may be."""
    total = sum(_ADVANCE.get(c, 600 if ord(c) < 0x1100 else _WIDE) for c in text)
    return total * size / 1000 * (1.07 if bold else 1.0)


def sizes(shape: Shape, *, batch: bool = False) -> str:
    """A shape as papers write it, 64×56×56: without the batch, where anything follows it."""
    shown = shape if batch or len(shape) < 2 else shape[1:]
    return "×".join(map(str, shown)) if shown else "1"


def summary(node: Node) -> str:
    """What a layer does in few words: Convolution 3×3 / 2, 64."""
    parts = [plain(node.type, 24), *window_words(node)]
    words = " ".join(parts)
    numbers = _numbers(node)
    return ", ".join([words, *numbers])


def window_words(node: Node) -> list[str]:
    """The method, the kernel and the stride of a layer with a window."""
    reach = node.layer.reach(tuple(v.shape for v in node.inputs)) if node.inputs else None
    manner = node.layer.manner()
    words = [manner] if manner else []
    window = () if reach is None else reach.span if reach.window is None else reach.window
    if reach is None or not window:
        return words
    words.append("×".join(map(str, window)))
    if any(s != 1 for s in reach.stride):
        same = len(set(reach.stride)) == 1
        steps = str(reach.stride[0]) if same else "×".join(map(str, reach.stride))
        words.append(f"/ {steps}")
    return words


def _numbers(node: Node) -> list[str]:
    found = list(node.layer.numbers())
    if node.layer.is_data and node.outputs:
        found += [sizes(v.shape, batch=True) for v in node.outputs[:2]]
    weights = [w for w in node.loss_weights if w not in (0.0, 1.0)]
    return found + [f"weight {w:g}" for w in weights]


def merged(texts: list[str]) -> str:
    """Texts that differ in numbers alone as one, 64–256×56×56; else the first, and that it varies.

    What a block that stands for several says.
    """
    if len(set(texts)) == 1:
        return texts[0]
    skeletons = {re.sub(r"\d+", "\0", text) for text in texts}
    if len(skeletons) > 1:
        return f"{texts[0]} …"
    columns = zip(*(map(int, re.findall(r"\d+", text)) for text in texts), strict=True)
    ranges = [f"{min(c)}–{max(c)}" if len(set(c)) > 1 else str(c[0]) for c in map(tuple, columns)]
    return re.sub("\0", lambda _: ranges.pop(0), skeletons.pop())


def merged_names(names: list[str]) -> str:
    """The first and the last name as one: res4{a…f}_branch2a."""
    first, last = names[0], names[-1]
    start = _common(first, last)
    end = _common(first[start:][::-1], last[start:][::-1])
    if first == last or not start + end:
        return first if first == last else f"{first} … {last}"
    middles = [n[start : len(n) - end] for n in (first, last)]
    return f"{first[:start]}{{{middles[0]}…{middles[1]}}}{first[len(first) - end :] if end else ''}"


def _common(first: str, last: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(first, last, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(last)))


def amount(number: int) -> str:
    """A count as people say it: 25.6 M."""
    for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}" if number < 999.5 * size else f"{number:.3g}"
    return str(number)
