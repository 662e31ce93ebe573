"""The costs of a net with its layers folded: into groups, and what repeats into one line a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from protonet.graph.blocks import BlockRun, runs
from protonet.graph.cost import LayerCost, NetCost
from protonet.graph.graph import Node
from protonet.graph.group import LayerGroup, grouped

# How deep one can look: rows of blocks, groups of layers, layers.
ROWS, GROUPS, LAYERS = 1, 2, 3


def folded(cost: NetCost, depth: int) -> NetCost:
    """The same net with fewer lines; every total is that of all its layers.

    At GROUPS a layer stands with the activations and the in-place layers that follow it alone,
    at ROWS blocks of one structure, each on top of the one before, stand in one line besides.
    """
    if depth >= LAYERS:
        return cost
    each = {layer.node: layer for layer in cost.layers}
    groups = grouped(cost.graph)
    rows = runs(groups) if depth == ROWS else []
    home = {group: row for row in rows for group in row.groups()}
    lines: list[LayerCost] = []
    told: set[BlockRun] = set()
    for group in groups:
        row = home.get(group)
        if row is None:
            lines.append(_summed(_group(group), (each[node] for node in group.nodes)))
        elif row not in told:
            told.add(row)
            inside = [node for member in row.groups() for node in member.nodes]
            lines.append(_summed(_row(row, len(inside)), (each[node] for node in inside)))
    return replace(cost, layers=tuple(lines))


def fitting(cost: NetCost, most: int) -> int:
    """The greatest depth at which a net has so few lines; ROWS where it has more at each."""
    fits = (d for d in (LAYERS, GROUPS) if len(folded(cost, d).layers) <= most)
    return next(fits, ROWS)


def _summed(node: Node, parts: Iterable[LayerCost]) -> LayerCost:
    """What several layers cost together, as a line of one that stands for them."""
    every: Sequence[LayerCost] = list(parts)
    fields = {value: part.field for part in every for value in part.node.outputs[:1]}
    return LayerCost(
        node,
        sum(part.parameters for part in every),
        sum(part.statistics for part in every),
        sum(part.multiply_adds for part in every),
        sum(part.forward for part in every),
        sum(part.training for part in every),
        next((fields[value] for value in node.outputs if value in fields), None),
    )


def _group(group: LayerGroup) -> Node:
    head, last = group.head, group.nodes[-1]
    types = ", ".join(node.type for node in group.nodes)
    return replace(head, type=types, outputs=last.outputs, members=tuple(group.nodes))


def _row(row: BlockRun, layers: int) -> Node:
    first, last = row.blocks[0], row.blocks[-1]
    end = last.exit.nodes[-1]
    return replace(
        end,
        name=f"{first.exit.head.name} to {last.exit.head.name}",
        type=f"{len(row.blocks)} blocks, {layers} layers",
        inputs=tuple(first.entry.outlets),
        members=tuple(node for group in row.groups() for node in group.nodes),
    )
