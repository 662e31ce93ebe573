"""Batch normalisation by Caffe's statistics, which are still to be divided by a factor."""

from __future__ import annotations

from protonet.program import F, nn, torch


class BatchNorm(nn.Module):
    """Batch normalisation whose stored statistics are still to be divided by a factor."""

    mean: torch.Tensor
    variance: torch.Tensor
    factor: torch.Tensor

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        moving_average_fraction: float = 0.999,
        use_global_stats: bool | None = None,
        affine: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.eps = eps
        self.fraction = moving_average_fraction
        self.use_global_stats = use_global_stats
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine and bias else None
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.zeros(channels))
        self.register_buffer("factor", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stored = self.use_global_stats
        if stored or (stored is None and not self.training):
            scale = torch.where(self.factor == 0, self.factor, 1 / self.factor)
            mean, variance = self.mean * scale, self.variance * scale
            return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
        mean, variance = torch.zeros_like(self.mean), torch.zeros_like(self.variance)
        if x.numel() == x.shape[1]:  # one value a channel, which torch refuses
            y = F.batch_norm(x - x, mean, variance + 1, self.weight, self.bias)
            mean = x.detach().flatten()
        else:
            batch = (x, mean, variance, self.weight, self.bias)
            y = F.batch_norm(*batch, training=True, momentum=1, eps=self.eps)
        self.mean.mul_(self.fraction).add_(mean)
        self.variance.mul_(self.fraction).add_(variance)
        self.factor.mul_(self.fraction).add_(1)
        return y


class PartBatchNorm(BatchNorm):
    """Batch normalisation of so many images at a time, each part by its own statistics."""

    def __init__(
        self,
        channels: int,
        part: int,
        eps: float = 1e-5,
        moving_average_fraction: float = 0.999,
        use_global_stats: bool | None = None,
        affine: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__(channels, eps, moving_average_fraction, use_global_stats, affine, bias)
        self.part = part

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stored = self.use_global_stats
        if stored or (stored is None and not self.training):
            return super().forward(x)
        parts = x.reshape(-1, self.part, *x.shape[1:])
        return torch.cat([BatchNorm.forward(self, part) for part in parts])


class KeptScaleBatchNorm(BatchNorm):
    """Batch normalisation by stored statistics with a learned shift, and a scale as it is."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps, use_global_stats=True, affine=True)
        del self.weight
        self.register_buffer("weight", torch.ones(channels))


class AveragedBatchNorm(nn.Module):
    """Batch normalisation by running averages, with a learned scale and shift."""

    mean: torch.Tensor
    variance: torch.Tensor
    factor: torch.Tensor
    steps: torch.Tensor

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        moving_average_fraction: float = 0.999,
    ) -> None:
        super().__init__()
        self.eps, self.fraction = eps, moving_average_fraction
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.zeros(channels))
        self.register_buffer("factor", torch.ones(1))
        self.register_buffer("steps", torch.zeros(()), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weight, self.bias
        if not self.training:
            scale = torch.where(self.factor == 0, self.factor, 1 / self.factor)
            mean, variance = self.mean * scale, self.variance * scale
            return F.batch_norm(x, mean, variance, weight, bias, eps=self.eps)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        alone = x.numel() == x.shape[1]  # one value a channel, which torch refuses
        variance, mean = torch.var_mean(x.detach(), axes, correction=0 if alone else 1)
        # The first two batches' statistics are taken as they are.
        kept = torch.where(self.steps < 2, 0.0, self.fraction).to(x.dtype)
        self.mean.mul_(kept).add_(mean * (1 - kept))
        self.variance.mul_(kept).add_(variance * (1 - kept))
        self.steps.add_(1)
        if alone:
            return F.batch_norm(x - x, variance, variance, weight, bias, eps=self.eps)
        return F.batch_norm(x, None, None, weight, bias, training=True, eps=self.eps)
