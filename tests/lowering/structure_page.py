"""docs/structure.md: emitted files beside the flat ones of the same nets.

    python tests/lowering/structure_page.py > docs/structure.md

The sources are those of tests/cases, which a test holds fresh, and the page is held by another.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import protonet
from protonet.zoo.catalogue import deploy

CASES = Path(__file__).parents[1] / "cases"
HEAD = """# Files with structure

<!-- before: import torch; from torch import Tensor, nn; import torch.nn.functional as F -->

`protonet compile` writes what repeats in a net once, as a class, with what differs between its uses
as arguments of the constructor, and rows of equal blocks as `nn.Sequential`. `--flat`
(`flat=True`) writes one class with a line for every layer, and computes the same to the bit. Both
load the same weights by Caffe's names, and so does `--faithful`, which also keeps Caffe's own
BatchNorm. This page shows twelve nets, and of each what somebody who knows it would still write
otherwise.

- A class is made where it makes the file shorter. Blocks are found by what they compute, and named
  by that: Bottleneck, Inception, SeparableConv, else by the word that their layers begin with.
- A parameter is where one looks for it, `net.res2[0].conv1.weight`, and `protonet.dump_blobs(net)`
  has it under Caffe's name. A `.safetensors` file tells both: `protonet weights net.safetensors`
  lists Caffe's layers, and `protonet convert net.safetensors -o net.caffemodel` needs no prototxt.
- `outputs=` may name a blob inside a block; that block is then written line by line.
- A net too short to repeat anything is one class anyhow.

| net | lines, flat | lines | classes |
|---|---|---|---|
"""
LONGEST = 7_237  # of resnet1202_cifar, flat
WHOLE = ("googlenet", "resnet50", "densenet121")
# What somebody who knows the net would still write otherwise, by the file's name in tests/cases.
# Where a net is, if the zoo has it under another name or not at all.
SOURCES = {"resnext50": "resnext50_32x4d"}
NETS = {
    "vgg16": (
        "They would build the convolutions in a loop over a list of widths (64, 64, 'M', 128, ...) "
        "as one `nn.Sequential`, and the classifier as another."
    ),
    "googlenet": (
        "They would make each branch an `nn.Sequential` of a small class for convolution and "
        "activation, and group the blocks between two poolings."
    ),
    "inception_v3": (
        "They would give the two blocks that halve the image, which occur once each, classes of "
        "their own beside the three that repeat."
    ),
    "resnet50": (
        "They would derive `projection` from the stride and the channels, multiply the width by "
        "`expansion = 4`, and make each stage in a method from a block and a count."
    ),
    "resnet1202_cifar": (
        "They would have one block whose shortcut is `F.pad(x[:, :, ::2, ::2], ...)` where the "
        "stride is 2, not a second class that pools one pixel and concatenates zeros."
    ),
    "resnext50": (
        "They would use ResNet's own Bottleneck, with `groups` and `width_per_group` as arguments."
    ),
    "densenet121": (
        "They would write the transitions, three times the same four layers, as a class, and the "
        "dense blocks in a loop over (6, 12, 24, 16) with `growth_rate` as an argument."
    ),
    "mobilenet_v1": (
        "They would keep channels and strides as a table of numbers and loop over it, scaled by a "
        "width multiplier."
    ),
    "mobilenet_v2": (
        "They would let the first block, which expands nothing, be of the same class, and tell the "
        "blocks by a table of expansion, channels, count and stride."
    ),
    "xception": (
        "They would write one class for both kinds of blocks, told by its channels and stride "
        "whether it projects and pools."
    ),
    "deeplabv3_os16": (
        "They would make the pyramid a class of its own with a list of rates, the backbone a "
        "module beside it, and spread the image's mean with `F.interpolate` or `expand`."
    ),
    "small_ssd": (
        "They would keep the extra layers in a list to loop over, and make the boxes of all maps "
        "in one generator, once for each size of images."
    ),
}


def page():
    """The page's text."""
    return HEAD + "\n".join(_row(name) for name in NETS) + "\n" + "".join(map(_section, NETS))


def _emitted(name):
    return (CASES / f"{name}.py").read_text(encoding="utf-8")


def _flat(name):
    own = CASES / f"{name}.prototxt"
    return protonet.emit(own if own.exists() else deploy(SOURCES.get(name, name)), flat=True)


def _lines(text):
    return sum(bool(line.strip()) for line in text.splitlines())


def _row(name):
    ours, flat = _emitted(name), counted(name)
    return f"| [{name}](#{name}) | {flat} | {_lines(ours)} | {_classes(ours)} |"


def counted(name):
    """The lines of the flat text; the longest, which takes seconds, is counted in a slow test."""
    return LONGEST if name == "resnet1202_cifar" else flat_lines(name)


def flat_lines(name):
    return _lines(_flat(name))


def _classes(text):
    return sum(line.startswith("class ") for line in text.splitlines())


def _section(name):
    parts = [f"\n## {name}\n\n", f"{textwrap.fill(NETS[name], 100)}\n\n"]
    own = _body(_emitted(name))
    shown = own if name in WHOLE else _until(own, _short(own))
    parts.append(f"```python\n{shown}```\n")
    if name in WHOLE:
        flat = _body(_flat(name))
        parts.append(f"\nThe same, flat:\n\n```python\n{_shortened(flat)}```\n")
    return "".join(parts)


def _body(text):
    """The classes without the lines that import, help and try."""
    lines = text.splitlines(keepends=True)
    first = min(i for i, line in enumerate(lines) if line.startswith("class "))
    last = lines.index('if __name__ == "__main__":\n')
    return "".join(lines[first:last]).rstrip() + "\n"


def _short(text):
    """Where the class of the net goes forward."""
    return text.rindex("    def forward")


def _until(text, end):
    left = _lines(text[end:])
    return f"{text[:end].rstrip()}\n\n    # and {left} lines of its forward pass\n"


def _shortened(text, most=6):
    """Some lines of each method, and how many there are more."""
    made, held = [], []
    for line in [*text.splitlines(keepends=True), "    def"]:
        if line.startswith(("    def", "class ")):
            made += held[:most]
            made += [f"        # and {len(held) - most} lines\n"] if len(held) > most else []
            made += ["\n"] if held and line.startswith("    def") else []
            held = []
            made.append(line)
        elif line.strip():
            held.append(line)
    return "".join(made[:-2])


if __name__ == "__main__":
    sys.stdout.write(page())
