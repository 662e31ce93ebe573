"""Every net of the zoo, and those measured on Caffe, in blocks as in one class."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from agreement import difference, tidy, traces

import protonet
from protonet.zoo.catalogue import ENTRIES
from protonet.zoo.entry import net_text

ROOT = Path(__file__).parents[2]
ZOO = ROOT / "zoo_prototxt"
GOLDEN = ROOT / "tests" / "golden" / "layers"
MANIFEST = json.loads((GOLDEN / "manifest.json").read_text())
DIGITS = {"lenet5": {"data": (2, 1, 26, 26)}, "lenet": {"data": (2, 1, 28, 28)}}
# One of each family; the others take the same path some more times.
TRAINED = {"lenet", "googlenet", "resnet18", "resnet20_cifar", "mobilenet_v2", "xception", "vgg11"}
# Those that are longer, or as their siblings.
LONG = {"densenet161", "densenet169", "densenet201", "resnet101", "resnet152", "resnet110_cifar"}
LONG |= {"resnext101_32x4d", "resnext101_64x4d", "resnet1202_cifar", "deeplabv3_os8"}
LONG |= {"resnet32_cifar", "resnet44_cifar", "resnet56_cifar", "plain56_cifar", "plain34"}
LONG |= {"resnet34_padded", "xception_swapped", "vgg11_lrn", "vgg13", "vgg16_1", "vgg19"}
SMALL = {"lenet": (2, 1, 28, 28), "resnet20_cifar": (2, 3, 32, 32)}


def some(names, quick):
    """Parameters of which those that are not quick take --slow."""
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in names]


def definition(name, train):
    entry = ENTRIES[name]
    file = "train_val.prototxt" if train else "deploy.prototxt"
    return net_text(entry, train) if entry.on_demand else str(ZOO / name / file)


@pytest.mark.parametrize("name", some(sorted(ENTRIES), set(ENTRIES) - LONG))
def test_a_net_of_the_zoo_computes_the_same(name):
    """Operation by operation, on tensors without numbers."""
    blocks, flat = traces(definition(name, train=False), "TEST")
    assert blocks == flat
    assert len(blocks[1]) > 4


@pytest.mark.parametrize("name", some(sorted(ENTRIES), TRAINED))
def test_a_net_of_the_zoo_trains_the_same(name):
    source = definition(name, train=True)
    for phase in ("TRAIN", "TEST"):
        blocks, flat = traces(source, phase, shapes=DIGITS.get(name))
        assert blocks == flat
        assert len(blocks[1]) > 4


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("name", SMALL)
def test_a_small_net_gives_the_same_bits(name, phase):
    shapes = {"data": SMALL[name], "label": (2,)}
    assert not difference(definition(name, train=True), phase, shapes=shapes)


@pytest.mark.parametrize(
    "path", sorted((ZOO / "teaching").glob("*.prototxt")), ids=lambda p: p.stem
)
def test_a_teaching_net_gives_the_same_bits(path):
    assert not difference(path, "TRAIN")


@pytest.mark.parametrize("part", range(5))
def test_nets_measured_on_caffe_give_the_same_bits(part):
    """Those with blocks of their own; that the others are right is measured elsewhere."""
    texts = {}
    for name in sorted(MANIFEST)[part::5]:
        path, phase = GOLDEN / f"{name}.prototxt", MANIFEST[name]["phase"]
        flat = protonet.emit(path, phase=phase, flat=True)
        texts[f"{name}.py"] = protonet.emit(path, phase=phase)
        if texts[f"{name}.py"].count("\nclass ") != flat.count("\nclass "):
            assert not difference(path, phase), name
    texts.pop("split_and_silence.py", None)  # what is silenced is a name that nothing reads
    tidy(texts)
