"""A solver for a fine-tuning, each of its numbers with its reason."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from protonet.finetuning.asked import BATCH, Asked

SOLVER, NET = "solver.prototxt", "train_val.prototxt"
_PASSES = 10  # over all images, where nobody says how long
_FEWEST = 100


@dataclass(frozen=True)
class Schedule:
    """How long to train and how often to look: batches of TRAIN and TEST, and iterations."""

    batch: int
    test_batch: int
    test_iter: int
    iterations: int
    test_interval: int
    display: int
    stepsize: int
    snapshot: int


def schedule(asked: Asked, images: int, tests: int) -> Schedule:
    """What suits so many images to train and to test on."""
    batch = min(asked.batch or BATCH, images)
    test_batch = _test_batch(tests, max(asked.batch or BATCH, 2))
    iterations = asked.iterations or max(_FEWEST, math.ceil(_PASSES * images / batch))
    tenth = max(1, iterations // 10)
    return Schedule(
        batch,
        test_batch,
        math.ceil(tests / test_batch),
        iterations,
        tenth,
        max(1, tenth // 5),
        max(1, math.ceil(iterations * 2 / 3)),
        max(1, math.ceil(iterations / 4)),
    )


def _test_batch(tests: int, most: int) -> int:
    """The batch by which the fewest images are looked at twice in a test, as large as can be."""
    if tests <= most:
        return tests
    return min(range(most, most // 2, -1), key=lambda batch: -tests % batch)


def solver_text(
    asked: Asked, plan: Schedule, images: int, tests: int, weights: Sequence[str], command: str
) -> str:
    """The prototxt of the solver. ``weights`` are paths from the folder that it stands in."""
    passes = plan.iterations * plan.batch / images
    twice = plan.test_iter * plan.test_batch - tests
    rest = f"; {twice} of them come twice" if twice else ""
    begin = "\n".join(f"weights: {json.dumps(path, ensure_ascii=False)}" for path in weights)
    return f"""# {command}
# Run it again as it is, or changed:  protonet train {asked.folder / SOLVER}
# Its paths are from the folder that it stands in.
net: "{NET}"
# What the training begins with; layers that it does not have begin with their fillers.
{begin}

# Lower than where all is learned from nothing: what is there is to be changed a little only.
# The new layer learns at 10 times this rate, by its lr_mult.
base_lr: {asked.rate:g}
# The rate falls to a tenth after two thirds of the way, for the last bit of accuracy.
lr_policy: "step"
gamma: 0.1
stepsize: {plan.stepsize}
momentum: 0.9
weight_decay: 0.0005

# {plan.iterations:,} iterations of {plan.batch} images are {passes:.3g} passes over {images:,}.
max_iter: {plan.iterations}
display: {plan.display}
# A test takes {plan.test_iter} batches of {plan.test_batch}: all {tests:,} images{rest}.
test_iter: {plan.test_iter}
test_interval: {plan.test_interval}

# Snapshots come beside this file, as snapshot_prefix is left out. Ctrl-C writes one, too.
snapshot: {plan.snapshot}
# The same seed gives the same run.
random_seed: 1
"""
