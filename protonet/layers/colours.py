"""How FlowNet's forks change the colours of images by coefficients.

Source: FlowNet2's DataAugmentationLayer.
"""

from __future__ import annotations

from protonet.program import torch


def recoloured(y: torch.Tensor, values: torch.Tensor, largest: float) -> torch.Tensor:
    """Images of other colours, gamma, brightness and contrast."""
    gamma, brightness, contrast, *colour = values[:, 6:12, None, None].unbind(1)
    tinted = y * torch.stack(colour, 1)
    evened = tinted * (y.sum(1, True) / (tinted.sum(1, True) + 0.01))
    light = evened.clamp(0, 1) ** gamma[:, None] + brightness[:, None]
    return (0.5 + (light - 0.5) * contrast[:, None]).clamp(0, largest)


def effected(y: torch.Tensor, values: torch.Tensor, largest: float) -> torch.Tensor:
    """Images with a shadow over a half plane, and with noise."""
    angle, distance, strength, noise = values[:, 38:42, None, None].unbind(1)
    height, width = y.shape[2:]
    x = torch.arange(width, device=y.device) - width // 2
    down = torch.arange(height, device=y.device)[:, None] - height // 2
    beyond = x * angle.cos() + down * angle.sin() - distance > 0
    dark = (y - (beyond * strength)[:, None]).clamp(0, largest)
    return dark + torch.randn_like(y) * noise.clamp(min=0)[:, None]


def eigen_coloured(
    y: torch.Tensor,
    before: torch.Tensor,
    values: torch.Tensor,
    eigenvectors: list[float],
    largest: float,
) -> torch.Tensor:
    """Images changed along the directions of colours, by the extremes of the batch before."""
    basis = y.new_tensor(eigenvectors).view(3, 3)
    most = torch.einsum("ij,njhw->nihw", basis, before).abs().amax((0, 2, 3))
    seen = most > 1e-2
    scale = torch.where(seen, most, 1).view(1, 3, 1, 1)
    middle = before.mean((0, 2, 3))
    offset = (basis @ middle).view(1, 3, 1, 1) / scale
    power, add, factor, power_m, add_m, factor_m = (
        values[:, i : i + 3, None, None] for i in range(12, 30, 3)
    )
    share = torch.einsum("ij,njhw->nihw", basis, y - middle[:, None, None]) / scale
    bent = share.abs() ** power * torch.where(share < 0, -1, 1)
    shown = seen.view(1, 3, 1, 1)
    eig = torch.where(shown, (bent + add) * factor, share) + offset
    first, second, third = eig[:, :1], eig[:, 1:2], eig[:, 2:]
    level = first.abs() ** power_m[:, :1] * torch.where(first < 0, -1, 1)
    level = (level + add_m[:, :1]) * factor_m[:, :1]
    first = torch.where(seen[0], level, first)
    strength = (second.square() + third.square()).sqrt()
    richer = (strength ** power_m[:, 1:2] + add_m[:, 1:2]).clamp(min=0)
    richer = richer * factor_m[:, 1:2]
    colourful = strength > 1e-2
    turn = values[:, 33, None, None, None]
    second, third = (
        turn.cos() * second - turn.sin() * third,
        turn.sin() * second + turn.cos() * third,
    )
    eig = torch.cat([first, second, third], 1) * scale
    gain = torch.where(colourful, richer / strength.clamp(min=1e-2), 1)
    eig = brightened(eig, gain, values[:, 30:33, None, None, None], most)
    return torch.einsum("ji,njhw->nihw", basis, eig).clamp(0, largest)


def brightened(
    eig: torch.Tensor,
    gain: torch.Tensor,
    values: torch.Tensor,
    most: torch.Tensor,
) -> torch.Tensor:
    """Colours along eigenvectors, whose richness is changed and then their brightness."""
    longest = most.square().sum().sqrt()
    length = eig.square().sum(1, True).sqrt() / longest
    eig = torch.cat([eig[:, :1], eig[:, 1:] * gain], 1)
    if longest <= 1e-2:
        return eig
    power, add, factor = values.unbind(1)
    wanted = (length**power + add).clamp(min=0) * factor * longest
    now = eig.square().sum(1, True).sqrt()
    bright = eig / now.clamp(min=1e-2) * wanted
    bright = torch.minimum(bright, most.view(1, 3, 1, 1))
    return torch.where(now > 1e-2, bright, eig)
