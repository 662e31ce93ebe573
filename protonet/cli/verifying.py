"""compile --verify: the module that was made beside the net's layers, blob by blob."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protonet.cli.table import LONGEST, in_columns
from protonet.cli.talk import say, say_table
from protonet.diagnostics import NetError
from protonet.plain import plain
from protonet.schema.load import Readable
from protonet.selection import Selection
from protonet.shape import show

if TYPE_CHECKING:
    from torch import Tensor

    from protonet.inference.agreement import Distance
    from protonet.lowering import Lowered
    from protonet.preparation import Preparation

verify_option = click.option(
    "--verify",
    is_flag=False,
    flag_value="",
    metavar="[IMAGE]",
    help="Compare each blob with the net's layers one by one, on an image or on noise.",
)
_WORST = 5
_HEADS = ("blob", "shape", "largest difference", "largest value", "ratio")


def refuse_unverifiable(has_weights: bool, phase: str) -> None:
    """Refuse a comparison that says nothing: of fillers, or of what training draws at random."""
    if not has_weights:
        raise click.UsageError("--verify compares a net with its weights: give --weights")
    if phase == "TRAIN":
        raise click.UsageError("--verify compares the TEST phase: TRAIN draws at random")


def verified(
    made: Lowered,
    net: Readable,
    selection: Selection,
    load: Callable[[Selection], Any],
    preparation: Preparation | None,
    image: str,
) -> None:
    """Compare and tell; ``load`` gives what loads the weights into a form of the net.

    NetError where a blob is further from the layers' than rounding explains.
    """
    import torch

    from protonet.api import lowered
    from protonet.inference.agreement import TOLERANCE, differences
    from protonet.runtime.net import runnable

    inputs = _inputs(made, preparation, image)
    faithful = replace(selection, faithful=True, flat=False)
    nets = []
    for form, program in ((selection, made), (faithful, lowered(net, faithful))):
        one = runnable(program, torch.device("cpu"))
        load(form)(one.module)
        one.module.float()
        nets.append(one)
    parts, whole = differences(nets[0], nets[1], inputs)
    _tell(parts)
    turned = [blob for blob in whole if blob.is_far and blob.decided]
    far = [blob for blob in (*parts, *whole) if blob.is_far and blob not in turned]
    for blob in turned:
        what = f"{blob.blob} of the whole net decides otherwise where values differ by rounding"
        say(f"note: {what}")
    if far:
        worst = max(far, key=lambda blob: blob.ratio)
        what = f"the compiled net is not the net: {worst.blob!r} differs by {worst.ratio:.3g}"
        raise NetError(f"{what} of its largest value, more than {TOLERANCE:g}; nothing is written")
    on = f"on {image}" if image else "on noise"
    what = f"verified {on}: {len(parts)} blobs within {TOLERANCE:g} of their largest value"
    say(what)


def _tell(parts: list[Distance]) -> None:
    """The blobs that differ most, as a table."""
    worst = sorted(parts, key=lambda one: -one.ratio)[:_WORST]
    rows = [
        (one.blob, show(one.shape), f"{one.largest:.2g}", f"{one.size:.4g}", f"{one.ratio:.1g}")
        for one in worst
    ]
    count = f"the worst of {len(parts)} blob{'s' * (len(parts) != 1)}"
    total = (count, "", "", "", rows[0][-1] if rows else "")
    named = [(plain(name, LONGEST), *others) for name, *others in rows]
    say_table(in_columns([_HEADS, *named, total], 2))


def _inputs(made: Lowered, preparation: Preparation | None, image: str) -> dict[str, Tensor]:
    """An image, or noise, for the input that takes one; zeros for labels, noise for the rest."""
    import numpy as np
    import torch

    from protonet.data.classification import opened, prepared
    from protonet.inference.regions import region_blobs
    from protonet.preparation import Preparation

    draw = np.random.default_rng(0)
    inputs: dict[str, Tensor] = {}
    has_image = False
    regions = region_blobs(made.graph)
    for value in made.graph.inputs:
        shape = value.shape
        if len(shape) == 4 and shape[1] in (1, 3):
            plainly = Preparation(shape[1], shape[2], shape[3])
            facts = plainly if preparation is None or has_image else preparation
            has_image = True
            size = (facts.height, facts.width, *[3] * (facts.channels == 3))
            noise = draw.integers(0, 256, size, dtype=np.uint8)
            x = prepared(opened(Path(image), facts) if image else noise, facts)
            inputs[value.blob] = torch.from_numpy(x).expand(shape).contiguous()
        elif len(shape) > 2:
            inputs[value.blob] = torch.from_numpy(draw.random(shape, dtype=np.float32))
        else:
            inputs[value.blob] = torch.zeros(shape)
    if regions is not None and has_image:
        tall, broad = next(x.shape[2:] for x in inputs.values() if x.dim() == 4)
        inputs[regions.sizes] = torch.tensor([[tall, broad, 1.0]])
    if image and not has_image:
        raise NetError("--verify IMAGE: the net has no input of images", None, "leave IMAGE out")
    return inputs
