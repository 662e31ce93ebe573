"""Gaussian filters over any features, by the permutohedral lattice of Adams, Baek and Davis."""

from __future__ import annotations

import math

from protonet.program import torch


def permutohedral(
    features: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The simplex that each of (n, d) features lies in, and who is next to whom.

    Weights (n, d + 1) and places (n, d + 1) of its corners, and the neighbours (d + 1, 2, m + 1)
    of the m corners that are in use; m stands for those that are not. Source: Permutohedral of
    Krahenbuhl's DenseCRF, as DeepLab's and CRF-RNN's Caffe forks have it.
    """
    n, d = features.shape
    axes = torch.arange(d + 1, device=features.device)
    spread = math.sqrt(2 / 3) * (d + 1)
    lengths = [spread / math.sqrt((i + 1) * (i + 2)) for i in range(d)]
    scaled = features * features.new_tensor(lengths)
    sums = torch.cat([scaled.flip(1).cumsum(1).flip(1), scaled.new_zeros(n, 1)], 1)
    elevated = torch.cat([sums[:, :1], sums[:, 1:] - axes[1:] * scaled], 1)
    rounded = (elevated / (d + 1)).round()
    rest = elevated - rounded * (d + 1)
    rank = rest.argsort(dim=1, descending=True, stable=True).argsort(1)
    rank = rank + rounded.sum(1, keepdim=True).long()
    shift = (rank < 0).long() - (rank > d).long()
    rank, rounded = rank + (d + 1) * shift, rounded.long() + shift
    rest = elevated / (d + 1) - rounded
    corners = rest.new_zeros(n, d + 2).scatter_add(1, d - rank, rest)
    corners = corners.scatter_add(1, d + 1 - rank, -rest)
    first = corners[:, :1] + corners[:, d + 1 :] + 1
    weights = torch.cat([first, corners[:, 1 : d + 1]], 1)
    above = (rank[:, None, :d] > d - axes[:, None]).long()
    keys = (d + 1) * (rounded[:, None, :d] - above) + axes[:, None]
    places, neighbours = linked(keys)
    return weights, places, neighbours


def linked(keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The places (n, d + 1) of corners (n, d + 1, d) among all, and each one's neighbours."""
    d = keys.shape[2]
    low = keys.amin((0, 1)) - d - 1
    spans = keys.amax((0, 1)) - low + d + 2
    strides = torch.cat([spans.new_ones(1), spans.cumprod(0)[:-1]])
    codes = ((keys - low) * strides).sum(2)
    vertices, places = torch.unique(codes, return_inverse=True)
    count = len(vertices)
    neighbours = keys.new_full((d + 1, 2, count + 1), count)
    for axis in range(d + 1):
        step = -strides.sum() + (d + 1) * strides[axis : axis + 1].sum()
        for side, wanted in enumerate((vertices + step, vertices - step)):
            found = torch.searchsorted(vertices, wanted).clamp(max=count - 1)
            there = vertices[found] == wanted
            neighbours[axis, side, :count] = found.where(there, found.new_tensor(count))
    return places, neighbours


def blurred(
    values: torch.Tensor,
    weights: torch.Tensor,
    places: torch.Tensor,
    neighbours: torch.Tensor,
) -> torch.Tensor:
    """(n, c) values filtered over the lattice, not divided by the weight of what lies near."""
    d = weights.shape[1] - 1
    lattice = values.new_zeros(neighbours.shape[2], values.shape[1])
    for corner in range(d + 1):
        own = weights[:, corner : corner + 1] * values
        lattice = lattice.index_add(0, places[:, corner], own)
    for before, after in neighbours:
        lattice = lattice + (lattice[before] + lattice[after]) / 2
    parts = [weights[:, c : c + 1] * lattice[places[:, c]] for c in range(d + 1)]
    return torch.stack(parts).sum(0) / (1 + 2.0**-d)


def smoothed(
    values: torch.Tensor,
    lattice: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """(n, c) values filtered over the lattice, each place's weights adding up to one."""
    weight = blurred(values.new_ones(len(values), 1), *lattice)
    return blurred(values, *lattice) / (weight + 1e-20)


def pixel_places(height: int, width: int, like: torch.Tensor) -> torch.Tensor:
    """The column and the row of each pixel, (height * width, 2)."""
    rows = torch.arange(height, dtype=like.dtype, device=like.device)
    columns = torch.arange(width, dtype=like.dtype, device=like.device)
    return torch.stack([columns.repeat(height), rows.repeat_interleave(width)], 1)


HELPERS = (linked, permutohedral, blurred, smoothed, pixel_places)
