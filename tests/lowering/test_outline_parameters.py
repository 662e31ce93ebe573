"""Parameters of blocks: shared ones, their fillers, those that are not learned."""

from __future__ import annotations

from agreement import agrees
from blocks import conv, layer, net, relu, row

import protonet


def test_parameters_that_blocks_share_stay_shared():
    shared = 'param { name: "w" } param { name: "b" }'

    def block(name, bottom):
        return "\n".join(
            [
                conv(f"{name}_a", bottom, 4, 3, more=shared),
                relu(f"{name}_a"),
                conv(f"{name}_b", f"{name}_a", 4, 3),
                layer("Eltwise", f"{name}_sum", f"{bottom} {name}_b", name),
            ]
        )

    source = net(*row(block, [f"s{i}" for i in range(1, 8)]))
    made = protonet.compile(source)
    assert made.s[0].conv1.weight is made.s[6].conv1.weight
    assert made.s[0].conv2.weight is not made.s[1].conv2.weight
    assert sum(p.numel() for p in made.parameters()) == 8 * (4 * 4 * 9 + 4)
    agrees(source, ("TEST", "TRAIN"))


def test_each_parameter_has_its_own_filler():
    def block(name, bottom):
        kind = "gaussian" if name == "f2" else "msra"
        return "\n".join(
            [
                conv(f"{name}_a", bottom, 4, 3).replace("xavier", kind),
                relu(f"{name}_a"),
                conv(
                    f"{name}_b",
                    f"{name}_a",
                    4,
                    3,
                    'bias_filler { type: "uniform" min: 1 max: 2 }',
                ),
                layer("Eltwise", f"{name}_sum", f"{bottom} {name}_b", name),
            ]
        )

    source = net(*row(block, [f"f{i}" for i in range(1, 8)]))
    assert "class BasicBlock" in protonet.emit(source, phase="TRAIN")
    agrees(source)
    made = protonet.compile(source, phase="TRAIN")
    assert all(one.conv2.bias.min() >= 1 for one in made.f)


def test_what_is_frozen_stays_so():
    def block(name, bottom):
        more = "param { lr_mult: 0 } param { lr_mult: 0 }" if name == "z2" else ""
        return "\n".join(
            [
                conv(f"{name}_a", bottom, 4, 3, more=more),
                relu(f"{name}_a"),
                conv(f"{name}_b", f"{name}_a", 4, 3),
                layer("Eltwise", f"{name}_sum", f"{bottom} {name}_b", name),
            ]
        )

    source = net(*row(block, [f"z{i}" for i in range(1, 8)]))
    made = protonet.compile(source, phase="TRAIN")
    learned = [[p.requires_grad for p in one.parameters()] for one in made.z]
    assert learned == [[True] * 4, [False, False, True, True], *([[True] * 4] * 5)]
    agrees(source)
