"""What a file gives beside what the net gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import nn

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.exporting.options import DYNAMIC, ExportOptions
from protonet.exporting.samples import samples
from protonet.exporting.source import Exported, trial_shapes
from protonet.exporting.value_names import output_name, value_name
from protonet.exporting.written import Checked
from protonet.graph import Node
from protonet.plain import plain
from protonet.runtime.net import kept_state
from protonet.runtime.stage import stages

_SPREADS = (1.0, 60.0)  # unit numbers, and pixels from which a mean was taken
_JUMPS = {"Accuracy", "ArgMax", "PSROIPooling", "ROIPooling", "SegAccuracy", "Threshold"}


def compared(
    run: Callable[[Mapping[str, Array]], Mapping[str, Array]],
    exported: Exported,
    options: ExportOptions,
    runtime: str,
) -> Checked:
    """Trials of what ``run`` gives by the names of values. NetError where it is not the net's."""
    worst, count = 0.0, 0
    for net, given in trials(exported, options):
        found = run(given)
        for name, right in expected(exported, net, given, found).items():
            worst = max(worst, compare(name, found[name], right, given, options, runtime))
        count += 1
    return Checked(runtime, count, worst)


def trials(
    exported: Exported, options: ExportOptions
) -> Iterator[tuple[nn.Module, dict[str, Array]]]:
    """Modules and inputs for them; where sizes are free, of several."""
    free = options.batch == DYNAMIC or options.dynamic
    for seed, spread in enumerate(_SPREADS):
        shapes = trial_shapes(exported.graph, options, 1 + 2 * seed, 32 * seed)
        net = exported.resized(shapes) if free else exported.module
        yield net, samples(exported.graph, shapes, spread, seed)


def expected(
    exported: Exported, net: nn.Module, given: Mapping[str, Array], found: Mapping[str, Array]
) -> dict[str, Array]:
    """What the net makes of inputs, by the names of values.

    A layer that decides, such as what overlaps too much, is given what the file itself had come to
    when it decided, if that is known: the last bit of a score would else be another box.
    """
    graph = exported.graph
    values = {v: torch.from_numpy(given[v.blob]) for v in graph.inputs}
    right: dict[str, Array] = {}
    with torch.no_grad(), kept_state(net):
        for stage in stages(exported.lowered, net):
            for bottom in stage.bottoms if decides(stage.node) else ():
                name = value_name(graph, bottom)
                if name in found:
                    right[name] = values[bottom].detach().numpy()
                    values[bottom] = torch.from_numpy(found[name]).float()
            values |= stage.run(net, values)
    for blob in exported.outputs():
        right[output_name(graph, blob)] = values[graph.blobs[blob]].detach().numpy()
    return right


def grows(node: Node) -> bool:
    """Whether the numbers that a layer reads decide how many rows it gives."""
    return node.layer.grows is not None and not node.layer.is_data


def decides(node: Node) -> bool:
    """Whether the last bit of what a layer reads may make what it gives another thing.

    It chooses rows or the place of a maximum, rounds regions to pixels, or counts hits.
    """
    has_mask = node.layer.type == "Pooling" and len(node.outputs) > 1
    return grows(node) or has_mask or node.layer.type in _JUMPS


def compare(
    name: str,
    own: Array,
    right: Array,
    given: Mapping[str, Array],
    options: ExportOptions,
    runtime: str,
) -> float:
    """The largest difference of an output, as a part of its largest number.

    NetError where it is too large.
    """
    sizes = ", ".join(f"{plain(k)} {'x'.join(map(str, v.shape))}" for k, v in given.items())
    where = f"{runtime} gives another {name!r} than the net, on {sizes}"
    if own.shape != right.shape:
        raise NetError(f"{where}: of {own.shape}, not {right.shape}")
    own, right = own.astype(np.float64), right.astype(np.float64)
    if not right.size:
        return 0.0
    if not np.array_equal(np.isnan(own), np.isnan(right)):
        raise NetError(f"{where}: not a number in other places")
    same = (own == right) | np.isnan(right)
    with np.errstate(invalid="ignore"):
        gaps = np.where(same, 0, np.abs(own - right))
    finite = np.abs(right[np.isfinite(right)])
    largest = float(finite.max()) if finite.size else 0.0
    difference = float(gaps.max()) / (largest or 1.0)
    if not difference <= options.tolerance:
        what = f"{where}: by {difference:.2g} of its largest number"
        hint = f"the tolerance is {options.tolerance:g}; --no-check writes it all the same"
        raise NetError(what, None, hint)
    return difference
