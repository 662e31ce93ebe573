"""Blocks that repeat become classes: which, and that nothing but the text changes."""

from __future__ import annotations

import pytest
from agreement import agrees
from blocks import classes, conv, in_place, layer, net, norm, relu, residual, row

import protonet

FIVE = ["res2a", "res2b", "res2c", "res2d", "res2e"]


def test_residual_blocks_without_a_projection():
    source = net(*row(residual, FIVE))
    block, main = classes(source).items()
    assert block[0] == "BasicBlock"
    assert "self.conv1 = nn.Conv2d(4, 4, 3, padding=1)" in block[1]
    assert "def __init__(self):" in block[1]
    assert "self.res2 = nn.Sequential(*(BasicBlock() for _ in range(5)))" in main[1]
    assert "return self.res2(data)" in main[1]
    agrees(source, ("TEST", "TRAIN"))


def test_a_projection_that_some_blocks_have():
    first = residual("res2a", "data", 8, projection=True, stride=2)
    source = net(first, *row(residual, FIVE[1:], "res2a", out=8))
    block, main = classes(source).items()
    assert "stride=1, projection=False):" in block[1]
    assert "if projection" in block[1]
    assert "else nn.Identity()" in block[1]
    assert "BasicBlock(4, stride=2, projection=True)" in main[1]
    assert "*(BasicBlock(8) for _ in range(4))" in main[1]
    agrees(source)
    made = protonet.compile(source)
    assert list(protonet.dump_blobs(made))[:2] == ["res2a_branch1", "res2a_branch2a"]
    assert made.res2[0].shortcut.weight.shape == (8, 4, 1, 1)


def test_what_only_the_branch_needs_is_not_asked_of_the_others():
    """The projection's own width: a block without it gives none."""

    def dense(name, bottom, width):
        rows, source = [], bottom
        if width:
            rows = [conv(f"{name}_in", bottom, width), conv(f"{name}_out", f"{name}_in", 4)]
            source = f"{name}_out"
        return "\n".join(
            [
                *rows,
                conv(f"{name}_a", bottom, 6, 3),
                relu(f"{name}_a"),
                conv(f"{name}_b", f"{name}_a", 4, 3),
                layer("Eltwise", f"{name}_sum", f"{source} {name}_b", name),
            ]
        )

    widths = [0, 3, 0, 5, 0]
    names = [f"s{i}" for i in range(6)]
    blocks = [
        dense(n, b, w) for n, b, w in zip(names[1:], ["data", *names[1:]], widths, strict=False)
    ]
    source = net(*blocks)
    assert "projection=True" in protonet.emit(source)
    agrees(source)


def test_branches_side_by_side_have_their_sizes_as_arguments():
    def inception(name, bottom, outs):
        one, reduce, three, pooled = outs
        return "\n".join(
            [
                conv(f"{name}/1x1", bottom, one),
                relu(f"{name}/1x1"),
                conv(f"{name}/3x3_reduce", bottom, reduce),
                relu(f"{name}/3x3_reduce"),
                conv(f"{name}/3x3", f"{name}/3x3_reduce", three, 3),
                relu(f"{name}/3x3"),
                layer(
                    "Pooling",
                    f"{name}/pool",
                    bottom,
                    fields="pooling_param { kernel_size: 3 stride: 1 pad: 1 }",
                ),
                conv(f"{name}/pool_proj", f"{name}/pool", pooled),
                relu(f"{name}/pool_proj"),
                layer("Concat", f"{name}/output", f"{name}/1x1 {name}/3x3 {name}/pool_proj"),
            ]
        )

    names = ["inception_3a", "inception_3b", "inception_4a"]
    ins = ["data", *(f"{name}/output" for name in names)]
    outs = [(2, 3, 4, 5), (3, 4, 5, 6), (4, 5, 6, 7)]
    source = net(*map(inception, names, ins, outs))
    block, main = classes(source).items()
    assert block[0] == "Inception"
    assert "def __init__(self, channels, out1x1, reduce3x3, out3x3, pool_proj):" in block[1]
    assert "self.conv3x3 = nn.Conv2d(reduce3x3, out3x3, 3, padding=1)" in block[1]
    assert "self.inception_3a = Inception(4, 2, 3, 4, 5)" in main[1]
    assert "self.inception_4a = Inception(14, 4, 5, 6, 7)" in main[1]
    agrees(source)


def dense_block(names, bottom="data"):
    """Layers that put new channels behind the old ones."""
    layers = []
    for name in names:
        layers += [
            conv(f"{name}_a", bottom, 3, 3),
            relu(f"{name}_a"),
            conv(f"{name}_b", f"{name}_a"),
        ]
        layers += [layer("Concat", name, f"{bottom} {name}_b")]
        bottom = name
    return layers


def test_channels_that_grow_are_counted_with_range():
    source = net(*dense_block([f"dense{i}" for i in range(1, 6)]))
    block, main = classes(source).items()
    assert block[0] == "DenseLayer"
    assert "def __init__(self, channels):" in block[1]
    assert "*(DenseLayer(channels) for channels in range(4, 24, 4))" in main[1]
    agrees(source)


def separable(name, bottom, channels=4, out=4, stride=1):
    group = f"group: {channels} bias_term: false stride: {stride}"
    return "\n".join(
        [
            conv(f"{name}_dw", bottom, channels, 3, group),
            norm(f"{name}_dw"),
            relu(f"{name}_dw"),
            conv(f"{name}_pw", f"{name}_dw", out, fields="bias_term: false", top=name),
            in_place("BatchNorm", f"{name}_pw_bn", name),
            in_place("ReLU", f"{name}_pw_relu", name),
        ]
    )


def test_separable_convolutions_in_a_chain():
    first = [separable("c1", "data", 4, 6), separable("c2", "c1", 6, 8, stride=2)]
    source = net(*first, *row(separable, ["c3", "c4", "c5"], "c2", channels=8, out=8))
    found = classes(source)
    block = found["SeparableConv"]
    assert "def __init__(self, channels, out_channels, stride=1):" in block
    assert "groups=channels" in block
    assert "*(SeparableConv(8, 8) for _ in range(3))" in found["Net"]
    agrees(source)


def unit(name, bottom, out, size):
    """A convolution, its normalization and its activation."""
    return "\n".join([conv(name, bottom, out, size, "bias_term: false"), norm(name), relu(name)])


def test_convolutions_with_their_normalization_become_a_small_class():
    sizes = [(5, 3), (6, 1), (7, 5), (8, 3), (9, 1), (3, 3), (2, 1), (4, 3), (5, 5), (6, 1)]
    names = [f"c{i}" for i in range(len(sizes))]
    source = net(*(unit(n, b, *s) for n, b, s in zip(names, ["data", *names], sizes, strict=False)))
    found = classes(source)
    assert "return F.relu(self.bn(self.conv(x)))" in found["ConvBNReLU"]
    assert "            ConvBNReLU(6, 7, 5, padding=2),\n" in found["Net"]
    agrees(source, ("TEST", "TRAIN"))


def head(bottom, size):
    """What a detector asks of one map."""
    flat = "permute_param { order: 0 order: 2 order: 3 order: 1 }"
    layers = []
    for word, out in (("loc", 8), ("conf", size)):
        name = f"{bottom}_{word}"
        layers += [
            conv(name, bottom, out, 3),
            layer("Permute", f"{name}_perm", name, fields=flat),
            layer("Flatten", f"{name}_flat", f"{name}_perm"),
        ]
    return layers


def test_heads_become_a_list():
    maps = [f"m{i}" for i in range(7)]
    size = "dim: 2 dim: 4 dim: 40 dim: 40"
    trunk = [
        conv(name, bottom, 4, 3, "stride: 2" if index else "")
        for index, (name, bottom) in enumerate(zip(maps, ["data", *maps], strict=False))
    ]
    heads = [line for name in maps for line in head(name, 6)]
    ends = [
        layer("Concat", f"all_{w}", " ".join(f"{m}_{w}_flat" for m in maps))
        for w in ("loc", "conf")
    ]
    source = net(*trunk, *heads, *ends, shape=size)
    found = classes(source)
    assert "self.heads = nn.ModuleList(" in found["Net"]
    assert "zip(self.heads, sources)" in found["Net"]
    agrees(source)
    assert protonet.compile(source).heads[6].loc.weight.shape == (8, 4, 3, 3)


POOL = "pooling_param { pool: %s kernel_size: 2 stride: 2 }"


def test_one_pooling_serves_where_all_are_alike():
    layers, bottom = [], "data"
    for number in range(1, 13):
        layers += [conv(f"c{number}", bottom, 4 + number, 3), relu(f"c{number}")]
        bottom = f"c{number}"
        if number in (1, 5, 9):
            kind = "AVE" if number == 9 else "MAX"
            layers += [layer("Pooling", f"pool{number}", bottom, fields=POOL % kind)]
            bottom = f"pool{number}"
    source = net(*layers, shape="dim: 2 dim: 3 dim: 24 dim: 24")
    text = protonet.emit(source)
    assert text.count("nn.MaxPool2d(") == 1
    assert text.count("nn.AvgPool2d(") == 1
    agrees(source)


def test_a_blob_asked_for_keeps_its_block_flat():
    source = net(*row(residual, [f"res2{letter}" for letter in "abcdef"]))
    asked = ["res2b_branch2a", "res2f"]
    text = protonet.emit(source, outputs=asked)
    assert "self.res2b_branch2a = nn.Conv2d(4, 4, 3, padding=1)" in text
    assert "class BasicBlock(nn.Module):" in text
    agrees(source, outputs=asked)


@pytest.mark.parametrize("asked", ["data", "res2a", "res2a_branch2b"])
def test_any_blob_can_be_asked_for(asked):
    source = net(*row(residual, FIVE))
    agrees(source, ("TEST",), outputs=[asked, "res2c"])


def test_a_short_net_stays_a_list_of_lines():
    source = net(conv("a", "data"), relu("a"), conv("b", "a"), relu("b"))
    assert list(classes(source)) == ["Net"]
    agrees(source)


@pytest.mark.filterwarnings("ignore::protonet.diagnostics.SameNames")
def test_layers_of_one_name_and_values_in_place():
    """Caffe loads the first of two layers of one name; the other keeps its filler."""
    last = conv("res2a_branch2a", "res2e", 5, top="last")
    source = net(*row(residual, FIVE), last, in_place("ReLU", "relu", "last"))
    assert "BasicBlock() for _ in range(5)" in protonet.emit(source)
    agrees(source)
