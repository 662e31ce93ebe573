"""What a batch of a net's data layers is, in lines: `protonet data show NET`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from protonet.cli.talk import say


def show_batch(net: Path, phase: str, sheet: Path | None, count: int) -> list[str]:
    """A line for each blob of the first batch; its images go to ``sheet``.

    NetError where the net or its data can't be read.
    """
    from protonet.data.batch_sheet import draw_batch
    from protonet.data.batches import batches

    with batches(net, phase=phase, seed=1, workers=1) as ready:
        tops = {top: np.asarray(values) for top, values in next(ready).items()}
        boxes = ready.boxes(tops)
    if sheet is not None:
        drawn = draw_batch(tops, sheet, count, boxes)
        say(f"{sheet}: the first {drawn:,} of the batch")
    found = dict(boxes.values())
    lines = []
    for top, values in tops.items():
        shape = "x".join(str(n) for n in values.shape)
        if top in found:
            count = sum(map(len, found[top]))
            number = "1 box" if count == 1 else f"{count:,} boxes"
            lines.append(f"{top}: {number} in {len(found[top]):,} images, {shape}")
            continue
        lines.append(f"{top}: {shape}, {values.min():g} to {values.max():g}{_labels(values)}")
    return lines


def _labels(values: np.ndarray) -> str:
    """Which labels there are, where whole numbers stand alone or as a map."""
    channels = values.shape[1] if values.ndim > 1 else 1
    if channels != 1 or (values != np.rint(values)).any():
        return ""
    numbers, counts = np.unique(values.astype(np.int64), return_counts=True)
    if len(numbers) > 64:
        return ""
    shares = [f"{n} {100 * c / values.size:.3g}%" for n, c in zip(numbers, counts, strict=True)]
    return f": {', '.join(shares)}"
