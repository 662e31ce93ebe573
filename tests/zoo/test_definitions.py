"""The zoo's definitions: written by the generator, counted as published, right in both phases."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from protonet.api import graph, read
from protonet.checking import check_any
from protonet.graph.cost import costs
from protonet.zoo.catalogue import ENTRIES, TEXTS, figures, files, folder
from protonet.zoo.entry import net_text
from protonet.zoo.families import inception_v3, lenet
from protonet.zoo.figures import depth
from protonet.zoo.figures import figures as count
from protonet.zoo.generate import nets, pages

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
NETS = sorted(ENTRIES)
# 8,000 nodes take a minute: in the quick tests its smaller relatives stand for it.
WHOLE = [
    pytest.param(name, marks=[pytest.mark.slow] if ENTRIES[name].on_demand else []) for name in NETS
]
# What a database of digits would tell; LeNet-5's recipe crops them.
DIGITS = {"lenet5": {"data": (32, 1, 26, 26)}, "lenet": {"data": (32, 1, 28, 28)}}


@cache
def loaded(name, file):
    entry = ENTRIES[name]
    if entry.on_demand:
        return read(net_text(entry, file == "train_val.prototxt"))
    return read(ZOO / name / file)


@cache
def built(name, file, phase):
    shapes = DIGITS.get(name) if file == "train_val.prototxt" else None
    return graph(loaded(name, file), phase, shapes=shapes)


def test_the_files_are_what_the_generator_writes():
    for path, text in nets():
        assert (ZOO / path).read_text(encoding="utf-8") == text, f"{path}: run generate.py"


def test_the_pages_are_what_the_generator_writes():
    for path, text in pages(figures(), (ZOO / "README.md").read_text(encoding="utf-8")):
        assert (ZOO / path).read_text(encoding="utf-8") == text, f"{path}: run generate.py"


def test_every_folder_is_a_net():
    kept = {p.parent.name for p in ZOO.glob("*/deploy.prototxt")}
    assert kept == {name for name in NETS if not ENTRIES[name].on_demand}
    assert folder() == ZOO


@pytest.mark.parametrize("name", WHOLE)
def test_the_figures_are_those_of_the_definition(name):
    found, kept = count(loaded(name, "deploy.prototxt")), figures()[name]
    for field in ("parameters", "statistics", "multiply_adds", "activations", "file", "depth"):
        assert getattr(found, field) == kept[field], field
    assert list(found.input) == kept["input"]


@pytest.mark.parametrize("name", NETS)
def test_parameters_are_as_published(name):
    published, own = ENTRIES[name].published, figures()[name]["parameters"]
    if not published.endswith(" M"):
        assert f"{own:,}" == published
        return
    digits = len(published.partition(".")[2].removesuffix(" M"))
    assert f"{own / 1e6:.{digits}f} M" == published


@pytest.mark.parametrize("name", NETS)
def test_the_readme_names_paper_and_figures(name):
    entry, text = ENTRIES[name], (ZOO / name / "README.md").read_text(encoding="utf-8")
    flat = " ".join(text.split())
    assert f"{entry.paper.title}*. {entry.paper.where}, {entry.paper.year}." in flat
    for field in ("parameters", "multiply_adds"):
        assert f"{figures()[name][field]:,}" in text
    assert "## Recipe" in text


@pytest.mark.parametrize("name", [n for n in NETS if re.search(r"(net|vgg|plain)\d+", n)])
def test_a_net_is_as_deep_as_its_name_says(name):
    wanted = 5 if name == "lenet5" else int(re.search(r"\d+", name).group())
    assert figures()[name]["depth"] == wanted


@pytest.mark.parametrize("name", WHOLE)
def test_it_compiles_in_both_phases(name):
    for phase in ("TRAIN", "TEST"):
        deployed = built(name, "deploy.prototxt", phase)
        assert deployed.outputs[0].blob == "prob"
        train = built(name, "train_val.prototxt", phase)
        assert "loss" in train.blobs
        assert ("accuracy" in train.blobs) == (phase == "TEST")
        auxiliary = {"googlenet": 6_379_728, "inception_v3": 3_326_696}.get(name, 0)
        assert costs(train).parameters == costs(deployed).parameters + auxiliary
    weights = [p for p in train.params if not p.is_statistic and p.lr_mult]
    assert sum(p.size for p in weights) == costs(train).parameters


@pytest.mark.parametrize("name", WHOLE)
def test_every_weight_starts_from_a_filler(name):
    """Without one a Caffe blob starts as zeros, and a net of zeros learns nothing."""
    for param in built(name, "train_val.prototxt", "TRAIN").params:
        if len(param.shape) > 1:
            assert param.blob.filler.type != "constant", param.owner.name


@pytest.mark.parametrize("name", WHOLE)
def test_the_solver_is_right(name, tmp_path):
    for file, text in files(name).items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    path = tmp_path / "solver.prototxt"
    assert check_any(str(path)) == []
    assert 'net: "train_val.prototxt"' in path.read_text(encoding="utf-8")


def test_a_net_on_demand_is_whole():
    (name,) = [n for n in NETS if ENTRIES[n].on_demand]
    texts = files(name)
    assert set(texts) == {*TEXTS, "README.md"}
    assert texts["deploy.prototxt"].count('type: "Convolution"') == 1201
    shape = (1, 16, 32, 32)
    assert graph(texts["deploy.prototxt"]).blobs["res2_1"].shape == shape


# Sizes that the papers print: blob, shape without the batch.
SHAPES = {
    "lenet5": {
        "C1": (6, 28, 28),
        "S2": (6, 14, 14),
        "C3": (16, 10, 10),
        "S4": (16, 5, 5),
        "C5": (120, 1, 1),
        "F6": (84,),
        "output": (10,),
    },
    "alexnet": {"conv1": (96, 55, 55), "conv2": (256, 27, 27), "pool5": (256, 6, 6)},
    "googlenet": {
        "pool2/3x3_s2": (192, 28, 28),
        "inception_3a/1x1": (64, 28, 28),
        "inception_3a/3x3_reduce": (96, 28, 28),
        "inception_3a/3x3": (128, 28, 28),
        "inception_3a/5x5_reduce": (16, 28, 28),
        "inception_3a/5x5": (32, 28, 28),
        "inception_3a/pool_proj": (32, 28, 28),
        "inception_3a/output": (256, 28, 28),
        "inception_4a/output": (512, 14, 14),
        "inception_5b/output": (1024, 7, 7),
    },
    "inception_v3": {
        "pool2": (192, 35, 35),
        "mixed_5d/output": (288, 35, 35),
        "mixed_6e/output": (768, 17, 17),
        "mixed_7c/output": (2048, 8, 8),
    },
    "resnet50": {"pool1": (64, 56, 56), "res5c": (2048, 7, 7)},
    "densenet121": {"pool1": (64, 56, 56), "dense4_16": (1024, 7, 7)},
    "mobilenet_v2": {"conv1": (32, 112, 112), "conv9": (1280, 7, 7)},
    "xception": {"conv2": (64, 147, 147), "conv4/pw": (2048, 10, 10)},
    "deeplabv3_os16": {"res5c": (2048, 33, 33), "upsampled": (21, 513, 513)},
    "deeplabv3_os8": {"res5c": (2048, 65, 65), "upsampled": (21, 513, 513)},
}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_sizes_are_those_of_the_paper(name):
    blobs = built(name, "deploy.prototxt", "TEST").blobs
    assert {blob: blobs[blob].shape[1:] for blob in SHAPES[name]} == SHAPES[name]


def test_lenet5_counts_as_in_the_paper():
    """Section II.B: trainable parameters by layer, 60,000 of them up to F6."""
    counted = {}
    for node in built("lenet5", "deploy.prototxt", "TEST").nodes:
        layer = node.name.partition("_")[0]
        counted[layer] = counted.get(layer, 0) + sum(p.size for p in node.params)
    paper = {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48120, "F6": 10164}
    assert {layer: counted[layer] for layer in paper} == paper
    assert sum(paper.values()) == 60000
    seen = [sum(i in row for row in lenet.CONNECTIONS) for i in range(6)]
    assert seen == [10] * 6  # every column of table I has ten crosses


def test_inception_v3_is_counted_by_hand():
    counted = {}
    for node in built("inception_v3", "deploy.prototxt", "TEST").nodes:
        part = node.name.partition("/")[0]
        part = "stem" if part.startswith("conv") else part
        own = sum(p.size for p in node.params if not p.is_statistic)
        counted[part] = counted.get(part, 0) + own
    for part, weights, channels, total in inception_v3.COUNT:
        by_hand = eval(weights.replace("·", "*")) + 2 * eval(channels.replace("·", "*"))
        assert by_hand == total == counted[part], part
    assert sum(total for *_, total in inception_v3.COUNT) + 2_049_000 == 23_834_568


def test_residual_and_plain_twins_differ_by_their_shortcuts():
    for depth_ in (18, 34):
        plain, padded = f"plain{depth_}", f"resnet{depth_}_padded"
        assert figures()[plain]["parameters"] == figures()[padded]["parameters"]
        assert figures()[plain]["multiply_adds"] == figures()[padded]["multiply_adds"]
    kinds = {n: {m.type for m in built(n, "deploy.prototxt", "TEST").nodes} for n in ("plain34",)}
    assert "Eltwise" not in kinds["plain34"]


def test_the_separable_orders_differ():
    def order(name):
        nodes = built(name, "deploy.prototxt", "TEST").nodes
        at = [
            n.name for n in nodes if n.name.startswith("block2/sep1/") and n.type == "Convolution"
        ]
        return [n.rpartition("/")[2] for n in at]

    assert order("xception") == ["dw", "pw"]
    assert order("xception_swapped") == ["pw", "dw"]


@pytest.mark.parametrize(
    ("name", "size", "blob", "shape"),
    [
        ("resnet50", (160, 192), "prob", (1, 1000)),
        ("inception_v3", (224, 256), "prob", (1, 1000)),
        ("densenet121", (200, 231), "prob", (1, 1000)),
        ("mobilenet_v1", (96, 130), "prob", (1, 1000)),
        ("mobilenet_v2", (96, 130), "prob", (1, 1000)),
        ("xception", (150, 181), "prob", (1, 1000)),
        ("resnet18_padded", (100, 75), "prob", (1, 1000)),
        ("resnet20_cifar", (33, 64), "prob", (1, 10)),
        ("deeplabv3_os16", (129, 257), "prob", (1, 21, 129, 257)),
        ("deeplabv3_os8", (129, 257), "prob", (1, 21, 129, 257)),
    ],
)
def test_other_sizes_fit(name, size, blob, shape):
    net = graph(loaded(name, "deploy.prototxt"), shapes={"data": (1, 3, *size)})
    assert net.blobs[blob].shape == shape


def test_depth_is_the_longest_way():
    text = """
    layer { name: "d" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 dim: 4 dim: 4 } } }
    layer { name: "a" type: "Convolution" bottom: "x" top: "a"
            convolution_param { num_output: 2 kernel_size: 1 } }
    layer { name: "b" type: "Convolution" bottom: "a" top: "b"
            convolution_param { num_output: 2 kernel_size: 1 } }
    layer { name: "s" type: "Eltwise" bottom: "x" bottom: "b" top: "s" }
    layer { name: "p" type: "Pooling" bottom: "s" top: "p" pooling_param { kernel_size: 2 } }
    """
    net = graph(text)
    assert depth(net) == 2
    assert costs(net).parameters == 12
