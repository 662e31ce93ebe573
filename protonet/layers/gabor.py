"""Gabor filters for a first layer over colours, of Intel's fork: waves under a bell."""

from __future__ import annotations

import math

from protonet.program import torch


def gabor_(weight: torch.Tensor, waves: list[list[float]]) -> torch.Tensor:
    """Fill with one wave a filter: amplitude, width of the bell, slowness, phase, turn, colours.

    A slowness below 0 is a wave of a quarter turn.
    """
    side = weight.shape[-1]
    line = torch.arange(side, dtype=torch.float64) / (side - 1) * 2 - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    with torch.no_grad():
        for filters, wave in zip(weight, waves, strict=True):
            amplitude, width, slowness, phase, turn, *colours = wave
            speed = math.pi / 4
            speed = math.pi * (side - 1) / 2 / slowness if slowness > 0 else speed
            along = x * math.cos(turn) - y * math.sin(turn)
            bell = (-(x.square() + y.square()) / (2 * width**2)).exp()
            values = amplitude * bell * (along * speed + phase).cos()
            colour = torch.tensor(colours, dtype=torch.float64)
            filters.copy_(colour[:, None, None] * values)
    return weight


def alexnet_waves() -> list[list[float]]:
    """96 filters of 11 x 11."""
    waves: list[list[float]] = []
    for i in range(96):
        step, turn = i % 8, i % 8 * math.pi / 4 + math.pi / 32
        quarter = i % 4 * math.pi / 2 + math.pi / 8
        phase, size = i % 2 * math.pi + 3 * math.pi / 8, 1 + i % 4 / 2
        if i < 48:
            sixth = i // 8 * math.pi / 6
            wave = (1 + step / 8, 0.5 + step / 40, 1 + step / 2, phase, sixth)
            colours = (1.0, 1.0, 1.0)
        elif i < 56:
            wave = (size, 1 / (3.5 - size), -1.0, i // 4 * math.pi, 0.0)
            colours = (0.25, -1.0, 1.0)
        elif i < 60:
            wave = (1.5, 0.75, 8.0, math.pi / 2, quarter)
            colours = (-1.0, 1.0, -0.5)
        elif i < 64:
            wave = (3.0, 2.0, 8.0, math.pi / 2, quarter)
            colours = (1.0, -0.5, -0.75)
        elif i < 72:
            wave = (1.5, 0.75, 4.0, math.pi / 2, turn)
            colours = (1.0, 0.1, -0.75)
        elif i < 80:
            wave = (1.5, 1.0, 12.0, math.pi / 2, turn)
            colours = (-0.5, 0.1, 1.0)
        elif i < 88:
            wave = (2.5, 1.0, 8.0, math.pi / 2, turn)
            colours = (-1.0, -1.0, 1.0)
        elif i < 92:
            wave = (1.0, 0.6, 16.0, math.pi / 2, quarter - math.pi / 16)
            colours = (1.0, 1.0, 1.0)
        else:
            wave = (4.0, 0.75, 4.0, math.pi / 2, turn)
            colours = (-1.0, -1.0, 1.0)
        waves.append([1 / 3 / wave[0], *wave[1:], *colours])
    return waves


def googlenet_waves(width: float = 0.0) -> list[list[float]]:
    """64 filters of 7 x 7; with a width of 1 those of 3 x 3 of VGG."""
    waves: list[list[float]] = []
    for i in range(64):
        step, eighth = i % 8, i % 8 * math.pi / 2 + math.pi / 8
        phase, size = i % 2 * math.pi + 3 * math.pi / 8, 1 + (i - 1) % 3 / 2
        if i < 32:
            fourth = i // 8 * math.pi / 4
            wave = (1 + step / 8, 0.4 + step / 40, 1 + step / 2, phase, fourth)
            colours = (1.0, 1.0, 1.0)
        elif i < 40:
            wave = (2.0, 0.45, 1.0, math.pi, step * math.pi / 8)
            colours = (1.0, 1.0, 1.0)
        elif i < 46:
            wave = (size, 1 / (3.5 - size), -1.0, (i - 1) // 3 * math.pi, 0.0)
            colours = (0.25, -1.0, 1.0)
        elif i < 48:
            wave = (1.5, 1.0, 12.0, math.pi / 2, step * math.pi + math.pi / 8)
            colours = (1.0, 0.1, -0.5)
        elif i < 56:
            wave = (1.5, 1.0, 12.0, math.pi / 2, step * math.pi / 4 + math.pi / 32)
            colours = (-0.5, 0.1, 1.0)
        elif i < 60:
            wave = (1.0, 1.0, 12.0, math.pi / 2, eighth)
            colours = (0.25, -1.0, 1.0)
        else:
            wave = (1.5, 1.0, 12.0, math.pi / 2, eighth)
            colours = (-1.0, -1.0, 1.0)
        waves.append([1 / wave[0], width or wave[1], *wave[2:], *colours])
    return waves


def cifar_waves() -> list[list[float]]:
    """32 filters of 5 x 5."""
    waves: list[list[float]] = []
    colours = [(1.0, 1.0, 1.0)] * 14 + [(1.0, -1.0, 1.0)] * 2 + [(1.0, 1.0, 1.0)] * 4
    colours += [(1.0, 0.0, -1.0)] * 4 + [(-1.0, 1.0, 1.0)] * 4
    colours += [(-1.0, 1.0, -1.0)] * 2 + [(1.0, 1.0, 0.0)] * 2
    for i in range(32):
        if i < 8:
            wave = (0.6, 1.0, 0.0, i * math.pi / 8)
        elif i < 14:
            wave = (0.6, 2.0, 0.0, (i - 2) % 6 * math.pi / 6 + math.pi / 12)
        elif i < 16:
            wave = (0.75, 8.0, i % 2 * math.pi, 0.0)
        else:
            aside = -math.pi / 8 if i in (28, 29) else math.pi / 8
            turn = i % (4 if i < 28 else 2) * math.pi / 2 + math.pi / 4
            wave = (0.6, 4.0, math.pi / 2, turn + aside)
        waves.append([0.5, *wave, *colours[i]])
    return waves
