"""Numbers that are pruned and come back in training, as helpers of emitted nets."""

from __future__ import annotations

from protonet.program import torch


def surgery(
    pairs: list[tuple[torch.Tensor, torch.Tensor]],
    iteration: torch.Tensor,
    spread: torch.Tensor,
    schedule: tuple[float, float, float],
    limits: tuple[float, float, float],
) -> None:
    """Prune small numbers of a layer and take back those that grew, with falling probability.

    ``pairs`` are numbers with their masks, ``spread`` their mean size and its deviation at first,
    ``schedule`` gamma, power and the last iteration, ``limits`` the deviations above the mean, and
    what of that prunes and takes back. Source: Forward_gpu of 32l's DNSConvolutionLayer.
    """
    passed, (gamma, power, end) = float(iteration), schedule
    if passed == 0 and spread[1] == 0:
        kept = torch.cat([(w.detach() * m).flatten() for w, m in pairs]).double().abs()
        number = (kept != 0).sum()
        mean = kept.sum() / number
        deviation = (kept.square().sum() / number - mean**2).sqrt()
        spread.copy_(torch.stack([mean, deviation]))
    if passed < end and float(torch.rand(())) < (1 + gamma * passed) ** -power:
        limit = (spread[0] + limits[0] * spread[1]).nan_to_num(0.0).clamp(min=0)
        for numbers, mask in pairs:
            sizes = numbers.detach().abs()
            pruned = (mask == 1) & (sizes <= limits[1] * limit)
            grown = (mask == 0) & (sizes > limits[2] * limit)
            mask.masked_fill_(pruned, 0.0).masked_fill_(grown, 1.0)
    iteration.add_(1)


def through(numbers: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The numbers times their mask, with the gradient that the products have."""
    return numbers + (numbers * mask - numbers).detach()
