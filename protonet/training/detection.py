"""A detector's test: its boxes judged over all batches, as one number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from protonet.diagnostics import NetError
from protonet.training.evaluate import Score, Tested
from protonet.training.nets import Net, Output, Runs
from protonet.training.precision import Verdicts

_JUDGE = "DetectionEvaluate"


def judged(net: Net) -> list[Output]:
    """The outputs that say which of the boxes found are right."""
    blobs = net.graph.blobs
    made = ((output, blobs[output.blob].producer) for output in net.outputs)
    return [output for output, node in made if node is not None and node.type == _JUDGE]


@dataclass(frozen=True)
class Detected(Tested):
    """The mean average precisions of a test net, and by output those of each class."""

    classes: dict[str, dict[int, float]] = field(default_factory=dict)


def evaluate_detection(
    net: Net,
    iterations: int,
    version: str,
    stopping: Callable[[], bool] = lambda: False,
    each: Callable[[int, list[Score]], None] | None = None,
    through: Runs | None = None,
) -> Detected | None:
    """Run a net and judge the boxes of all batches together; None where ``stopping`` said so.

    Outputs that are not a DetectionEvaluate's are averaged. NetError where none is one.
    Source: Solver::TestDetection.
    """
    names = [output.blob for output in judged(net)]
    if not names:
        where = net.plan.loaded.sourcemap.span(())
        what = 'the test net has no DetectionEvaluate layer, and eval_type "detection" goes by one'
        raise NetError(what, where, "add one behind DetectionOutput, or take out eval_type")
    verdicts = {name: Verdicts() for name in names}
    sums: dict[str, torch.Tensor] = {}
    for number in range(iterations):
        if stopping():
            return None
        with torch.inference_mode():
            found = net.forward(net.next_batch(), through)
        batch = {name: Verdicts() for name in names}
        for output in net.outputs:
            values = found[output.blob].detach().float()
            if output.blob in names:
                rows = values.reshape(-1, 5).cpu().numpy()
                verdicts[output.blob].add(rows)
                batch[output.blob].add(rows)
            else:
                before = sums.get(output.blob)
                sums[output.blob] = values.double() + (0 if before is None else before)
        if each is not None:
            each(number, [Score(name, one.mean(version)) for name, one in batch.items()])
    return _told(net, verdicts, sums, iterations, version)


def _told(
    net: Net,
    verdicts: dict[str, Verdicts],
    sums: dict[str, torch.Tensor],
    iterations: int,
    version: str,
) -> Detected:
    """The scores of all outputs, in Caffe's order."""
    scores: list[Score] = []
    for output in net.outputs:
        if output.blob in verdicts:
            scores.append(Score(output.blob, verdicts[output.blob].mean(version)))
        else:
            means = (sums[output.blob] / iterations).reshape(-1).tolist()
            scores += [Score(output.blob, value, output.weight) for value in means]
    loss = sum(score.value * score.weight for score in scores)
    return Detected(scores, loss, {name: v.precisions(version) for name, v in verdicts.items()})
