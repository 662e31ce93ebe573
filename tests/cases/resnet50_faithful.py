"""ResNet50, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import nn


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


class ScaleBias(nn.Module):
    """Multiply each channel by a learned factor, and add a learned bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


# Caffe's name of each layer.
LAYERS = {
    "conv1": "conv1",
    "conv1/bn": "conv1_bn",
    "conv1/scale": "conv1_scale",
    "pool1": "pool1",
    "res2a_shortcut": "res2a_shortcut",
    "res2a_shortcut/bn": "res2a_shortcut_bn",
    "res2a_shortcut/scale": "res2a_shortcut_scale",
    "res2a_1x1_in": "res2a_1x1_in",
    "res2a_1x1_in/bn": "res2a_1x1_in_bn",
    "res2a_1x1_in/scale": "res2a_1x1_in_scale",
    "res2a_3x3": "res2a_3x3",
    "res2a_3x3/bn": "res2a_3x3_bn",
    "res2a_3x3/scale": "res2a_3x3_scale",
    "res2a_1x1_out": "res2a_1x1_out",
    "res2a_1x1_out/bn": "res2a_1x1_out_bn",
    "res2a_1x1_out/scale": "res2a_1x1_out_scale",
    "res2b_1x1_in": "res2b_1x1_in",
    "res2b_1x1_in/bn": "res2b_1x1_in_bn",
    "res2b_1x1_in/scale": "res2b_1x1_in_scale",
    "res2b_3x3": "res2b_3x3",
    "res2b_3x3/bn": "res2b_3x3_bn",
    "res2b_3x3/scale": "res2b_3x3_scale",
    "res2b_1x1_out": "res2b_1x1_out",
    "res2b_1x1_out/bn": "res2b_1x1_out_bn",
    "res2b_1x1_out/scale": "res2b_1x1_out_scale",
    "res2c_1x1_in": "res2c_1x1_in",
    "res2c_1x1_in/bn": "res2c_1x1_in_bn",
    "res2c_1x1_in/scale": "res2c_1x1_in_scale",
    "res2c_3x3": "res2c_3x3",
    "res2c_3x3/bn": "res2c_3x3_bn",
    "res2c_3x3/scale": "res2c_3x3_scale",
    "res2c_1x1_out": "res2c_1x1_out",
    "res2c_1x1_out/bn": "res2c_1x1_out_bn",
    "res2c_1x1_out/scale": "res2c_1x1_out_scale",
    "res3a_shortcut": "res3a_shortcut",
    "res3a_shortcut/bn": "res3a_shortcut_bn",
    "res3a_shortcut/scale": "res3a_shortcut_scale",
    "res3a_1x1_in": "res3a_1x1_in",
    "res3a_1x1_in/bn": "res3a_1x1_in_bn",
    "res3a_1x1_in/scale": "res3a_1x1_in_scale",
    "res3a_3x3": "res3a_3x3",
    "res3a_3x3/bn": "res3a_3x3_bn",
    "res3a_3x3/scale": "res3a_3x3_scale",
    "res3a_1x1_out": "res3a_1x1_out",
    "res3a_1x1_out/bn": "res3a_1x1_out_bn",
    "res3a_1x1_out/scale": "res3a_1x1_out_scale",
    "res3b_1x1_in": "res3b_1x1_in",
    "res3b_1x1_in/bn": "res3b_1x1_in_bn",
    "res3b_1x1_in/scale": "res3b_1x1_in_scale",
    "res3b_3x3": "res3b_3x3",
    "res3b_3x3/bn": "res3b_3x3_bn",
    "res3b_3x3/scale": "res3b_3x3_scale",
    "res3b_1x1_out": "res3b_1x1_out",
    "res3b_1x1_out/bn": "res3b_1x1_out_bn",
    "res3b_1x1_out/scale": "res3b_1x1_out_scale",
    "res3c_1x1_in": "res3c_1x1_in",
    "res3c_1x1_in/bn": "res3c_1x1_in_bn",
    "res3c_1x1_in/scale": "res3c_1x1_in_scale",
    "res3c_3x3": "res3c_3x3",
    "res3c_3x3/bn": "res3c_3x3_bn",
    "res3c_3x3/scale": "res3c_3x3_scale",
    "res3c_1x1_out": "res3c_1x1_out",
    "res3c_1x1_out/bn": "res3c_1x1_out_bn",
    "res3c_1x1_out/scale": "res3c_1x1_out_scale",
    "res3d_1x1_in": "res3d_1x1_in",
    "res3d_1x1_in/bn": "res3d_1x1_in_bn",
    "res3d_1x1_in/scale": "res3d_1x1_in_scale",
    "res3d_3x3": "res3d_3x3",
    "res3d_3x3/bn": "res3d_3x3_bn",
    "res3d_3x3/scale": "res3d_3x3_scale",
    "res3d_1x1_out": "res3d_1x1_out",
    "res3d_1x1_out/bn": "res3d_1x1_out_bn",
    "res3d_1x1_out/scale": "res3d_1x1_out_scale",
    "res4a_shortcut": "res4a_shortcut",
    "res4a_shortcut/bn": "res4a_shortcut_bn",
    "res4a_shortcut/scale": "res4a_shortcut_scale",
    "res4a_1x1_in": "res4a_1x1_in",
    "res4a_1x1_in/bn": "res4a_1x1_in_bn",
    "res4a_1x1_in/scale": "res4a_1x1_in_scale",
    "res4a_3x3": "res4a_3x3",
    "res4a_3x3/bn": "res4a_3x3_bn",
    "res4a_3x3/scale": "res4a_3x3_scale",
    "res4a_1x1_out": "res4a_1x1_out",
    "res4a_1x1_out/bn": "res4a_1x1_out_bn",
    "res4a_1x1_out/scale": "res4a_1x1_out_scale",
    "res4b_1x1_in": "res4b_1x1_in",
    "res4b_1x1_in/bn": "res4b_1x1_in_bn",
    "res4b_1x1_in/scale": "res4b_1x1_in_scale",
    "res4b_3x3": "res4b_3x3",
    "res4b_3x3/bn": "res4b_3x3_bn",
    "res4b_3x3/scale": "res4b_3x3_scale",
    "res4b_1x1_out": "res4b_1x1_out",
    "res4b_1x1_out/bn": "res4b_1x1_out_bn",
    "res4b_1x1_out/scale": "res4b_1x1_out_scale",
    "res4c_1x1_in": "res4c_1x1_in",
    "res4c_1x1_in/bn": "res4c_1x1_in_bn",
    "res4c_1x1_in/scale": "res4c_1x1_in_scale",
    "res4c_3x3": "res4c_3x3",
    "res4c_3x3/bn": "res4c_3x3_bn",
    "res4c_3x3/scale": "res4c_3x3_scale",
    "res4c_1x1_out": "res4c_1x1_out",
    "res4c_1x1_out/bn": "res4c_1x1_out_bn",
    "res4c_1x1_out/scale": "res4c_1x1_out_scale",
    "res4d_1x1_in": "res4d_1x1_in",
    "res4d_1x1_in/bn": "res4d_1x1_in_bn",
    "res4d_1x1_in/scale": "res4d_1x1_in_scale",
    "res4d_3x3": "res4d_3x3",
    "res4d_3x3/bn": "res4d_3x3_bn",
    "res4d_3x3/scale": "res4d_3x3_scale",
    "res4d_1x1_out": "res4d_1x1_out",
    "res4d_1x1_out/bn": "res4d_1x1_out_bn",
    "res4d_1x1_out/scale": "res4d_1x1_out_scale",
    "res4e_1x1_in": "res4e_1x1_in",
    "res4e_1x1_in/bn": "res4e_1x1_in_bn",
    "res4e_1x1_in/scale": "res4e_1x1_in_scale",
    "res4e_3x3": "res4e_3x3",
    "res4e_3x3/bn": "res4e_3x3_bn",
    "res4e_3x3/scale": "res4e_3x3_scale",
    "res4e_1x1_out": "res4e_1x1_out",
    "res4e_1x1_out/bn": "res4e_1x1_out_bn",
    "res4e_1x1_out/scale": "res4e_1x1_out_scale",
    "res4f_1x1_in": "res4f_1x1_in",
    "res4f_1x1_in/bn": "res4f_1x1_in_bn",
    "res4f_1x1_in/scale": "res4f_1x1_in_scale",
    "res4f_3x3": "res4f_3x3",
    "res4f_3x3/bn": "res4f_3x3_bn",
    "res4f_3x3/scale": "res4f_3x3_scale",
    "res4f_1x1_out": "res4f_1x1_out",
    "res4f_1x1_out/bn": "res4f_1x1_out_bn",
    "res4f_1x1_out/scale": "res4f_1x1_out_scale",
    "res5a_shortcut": "res5a_shortcut",
    "res5a_shortcut/bn": "res5a_shortcut_bn",
    "res5a_shortcut/scale": "res5a_shortcut_scale",
    "res5a_1x1_in": "res5a_1x1_in",
    "res5a_1x1_in/bn": "res5a_1x1_in_bn",
    "res5a_1x1_in/scale": "res5a_1x1_in_scale",
    "res5a_3x3": "res5a_3x3",
    "res5a_3x3/bn": "res5a_3x3_bn",
    "res5a_3x3/scale": "res5a_3x3_scale",
    "res5a_1x1_out": "res5a_1x1_out",
    "res5a_1x1_out/bn": "res5a_1x1_out_bn",
    "res5a_1x1_out/scale": "res5a_1x1_out_scale",
    "res5b_1x1_in": "res5b_1x1_in",
    "res5b_1x1_in/bn": "res5b_1x1_in_bn",
    "res5b_1x1_in/scale": "res5b_1x1_in_scale",
    "res5b_3x3": "res5b_3x3",
    "res5b_3x3/bn": "res5b_3x3_bn",
    "res5b_3x3/scale": "res5b_3x3_scale",
    "res5b_1x1_out": "res5b_1x1_out",
    "res5b_1x1_out/bn": "res5b_1x1_out_bn",
    "res5b_1x1_out/scale": "res5b_1x1_out_scale",
    "res5c_1x1_in": "res5c_1x1_in",
    "res5c_1x1_in/bn": "res5c_1x1_in_bn",
    "res5c_1x1_in/scale": "res5c_1x1_in_scale",
    "res5c_3x3": "res5c_3x3",
    "res5c_3x3/bn": "res5c_3x3_bn",
    "res5c_3x3/scale": "res5c_3x3_scale",
    "res5c_1x1_out": "res5c_1x1_out",
    "res5c_1x1_out/bn": "res5c_1x1_out_bn",
    "res5c_1x1_out/scale": "res5c_1x1_out_scale",
    "fc1000": "fc1000",
}


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.conv1_bn = BatchNorm(64)
        self.conv1_scale = ScaleBias(64)
        self.pool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.res2a_shortcut = nn.Conv2d(64, 256, 1, bias=False)
        self.res2a_shortcut_bn = BatchNorm(256)
        self.res2a_shortcut_scale = ScaleBias(256)
        self.res2a_1x1_in = nn.Conv2d(64, 64, 1, bias=False)
        self.res2a_1x1_in_bn = BatchNorm(64)
        self.res2a_1x1_in_scale = ScaleBias(64)
        self.res2a_3x3 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.res2a_3x3_bn = BatchNorm(64)
        self.res2a_3x3_scale = ScaleBias(64)
        self.res2a_1x1_out = nn.Conv2d(64, 256, 1, bias=False)
        self.res2a_1x1_out_bn = BatchNorm(256)
        self.res2a_1x1_out_scale = ScaleBias(256)
        self.res2b_1x1_in = nn.Conv2d(256, 64, 1, bias=False)
        self.res2b_1x1_in_bn = BatchNorm(64)
        self.res2b_1x1_in_scale = ScaleBias(64)
        self.res2b_3x3 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.res2b_3x3_bn = BatchNorm(64)
        self.res2b_3x3_scale = ScaleBias(64)
        self.res2b_1x1_out = nn.Conv2d(64, 256, 1, bias=False)
        self.res2b_1x1_out_bn = BatchNorm(256)
        self.res2b_1x1_out_scale = ScaleBias(256)
        self.res2c_1x1_in = nn.Conv2d(256, 64, 1, bias=False)
        self.res2c_1x1_in_bn = BatchNorm(64)
        self.res2c_1x1_in_scale = ScaleBias(64)
        self.res2c_3x3 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.res2c_3x3_bn = BatchNorm(64)
        self.res2c_3x3_scale = ScaleBias(64)
        self.res2c_1x1_out = nn.Conv2d(64, 256, 1, bias=False)
        self.res2c_1x1_out_bn = BatchNorm(256)
        self.res2c_1x1_out_scale = ScaleBias(256)
        self.res3a_shortcut = nn.Conv2d(256, 512, 1, stride=2, bias=False)
        self.res3a_shortcut_bn = BatchNorm(512)
        self.res3a_shortcut_scale = ScaleBias(512)
        self.res3a_1x1_in = nn.Conv2d(256, 128, 1, stride=2, bias=False)
        self.res3a_1x1_in_bn = BatchNorm(128)
        self.res3a_1x1_in_scale = ScaleBias(128)
        self.res3a_3x3 = nn.Conv2d(128, 128, 3, padding=1, bias=False)
        self.res3a_3x3_bn = BatchNorm(128)
        self.res3a_3x3_scale = ScaleBias(128)
        self.res3a_1x1_out = nn.Conv2d(128, 512, 1, bias=False)
        self.res3a_1x1_out_bn = BatchNorm(512)
        self.res3a_1x1_out_scale = ScaleBias(512)
        self.res3b_1x1_in = nn.Conv2d(512, 128, 1, bias=False)
        self.res3b_1x1_in_bn = BatchNorm(128)
        self.res3b_1x1_in_scale = ScaleBias(128)
        self.res3b_3x3 = nn.Conv2d(128, 128, 3, padding=1, bias=False)
        self.res3b_3x3_bn = BatchNorm(128)
        self.res3b_3x3_scale = ScaleBias(128)
        self.res3b_1x1_out = nn.Conv2d(128, 512, 1, bias=False)
        self.res3b_1x1_out_bn = BatchNorm(512)
        self.res3b_1x1_out_scale = ScaleBias(512)
        self.res3c_1x1_in = nn.Conv2d(512, 128, 1, bias=False)
        self.res3c_1x1_in_bn = BatchNorm(128)
        self.res3c_1x1_in_scale = ScaleBias(128)
        self.res3c_3x3 = nn.Conv2d(128, 128, 3, padding=1, bias=False)
        self.res3c_3x3_bn = BatchNorm(128)
        self.res3c_3x3_scale = ScaleBias(128)
        self.res3c_1x1_out = nn.Conv2d(128, 512, 1, bias=False)
        self.res3c_1x1_out_bn = BatchNorm(512)
        self.res3c_1x1_out_scale = ScaleBias(512)
        self.res3d_1x1_in = nn.Conv2d(512, 128, 1, bias=False)
        self.res3d_1x1_in_bn = BatchNorm(128)
        self.res3d_1x1_in_scale = ScaleBias(128)
        self.res3d_3x3 = nn.Conv2d(128, 128, 3, padding=1, bias=False)
        self.res3d_3x3_bn = BatchNorm(128)
        self.res3d_3x3_scale = ScaleBias(128)
        self.res3d_1x1_out = nn.Conv2d(128, 512, 1, bias=False)
        self.res3d_1x1_out_bn = BatchNorm(512)
        self.res3d_1x1_out_scale = ScaleBias(512)
        self.res4a_shortcut = nn.Conv2d(512, 1024, 1, stride=2, bias=False)
        self.res4a_shortcut_bn = BatchNorm(1024)
        self.res4a_shortcut_scale = ScaleBias(1024)
        self.res4a_1x1_in = nn.Conv2d(512, 256, 1, stride=2, bias=False)
        self.res4a_1x1_in_bn = BatchNorm(256)
        self.res4a_1x1_in_scale = ScaleBias(256)
        self.res4a_3x3 = nn.Conv2d(256, 256, 3, padding=1, bias=False)
        self.res4a_3x3_bn = BatchNorm(256)
        self.res4a_3x3_scale = ScaleBias(256)
        self.res4a_1x1_out = nn.Conv2d(256, 1024, 1, bias=False)
        self.res4a_1x1_out_bn = BatchNorm(1024)
        self.res4a_1x1_out_scale = ScaleBias(1024)
        self.res4b_1x1_in = nn.Conv2d(1024, 256, 1, bias=False)
        self.res4b_1x1_in_bn = BatchNorm(256)
        self.res4b_1x1_in_scale = ScaleBias(256)
        self.res4b_3x3 = nn.Conv2d(256, 256, 3, padding=1, bias=False)
        self.res4b_3x3_bn = BatchNorm(256)
        self.res4b_3x3_scale = ScaleBias(256)
        self.res4b_1x1_out = nn.Conv2d(256, 1024, 1, bias=False)
        self.res4b_1x1_out_bn = BatchNorm(1024)
        self.res4b_1x1_out_scale = ScaleBias(1024)
        self.res4c_1x1_in = nn.Conv2d(1024, 256, 1, bias=False)
        self.res4c_1x1_in_bn = BatchNorm(256)
        self.res4c_1x1_in_scale = ScaleBias(256)
        self.res4c_3x3 = nn.Conv2d(256, 256, 3, padding=1, bias=False)
        self.res4c_3x3_bn = BatchNorm(256)
        self.res4c_3x3_scale = ScaleBias(256)
        self.res4c_1x1_out = nn.Conv2d(256, 1024, 1, bias=False)
        self.res4c_1x1_out_bn = BatchNorm(1024)
        self.res4c_1x1_out_scale = ScaleBias(1024)
        self.res4d_1x1_in = nn.Conv2d(1024, 256, 1, bias=False)
        self.res4d_1x1_in_bn = BatchNorm(256)
        self.res4d_1x1_in_scale = ScaleBias(256)
        self.res4d_3x3 = nn.Conv2d(256, 256, 3, padding=1, bias=False)
        self.res4d_3x3_bn = BatchNorm(256)
        self.res4d_3x3_scale = ScaleBias(256)
        self.res4d_1x1_out = nn.Conv2d(256, 1024, 1, bias=False)
        self.res4d_1x1_out_bn = BatchNorm(1024)
        self.res4d_1x1_out_scale = ScaleBias(1024)
        self.res4e_1x1_in = nn.Conv2d(1024, 256, 1, bias=False)
        self.res4e_1x1_in_bn = BatchNorm(256)
        self.res4e_1x1_in_scale = ScaleBias(256)
        self.res4e_3x3 = nn.Conv2d(256, 256, 3, padding=1, bias=False)
        self.res4e_3x3_bn = BatchNorm(256)
        self.res4e_3x3_scale = ScaleBias(256)
        self.res4e_1x1_out = nn.Conv2d(256, 1024, 1, bias=False)
        self.res4e_1x1_out_bn = BatchNorm(1024)
        self.res4e_1x1_out_scale = ScaleBias(1024)
        self.res4f_1x1_in = nn.Conv2d(1024, 256, 1, bias=False)
        self.res4f_1x1_in_bn = BatchNorm(256)
        self.res4f_1x1_in_scale = ScaleBias(256)
        self.res4f_3x3 = nn.Conv2d(256, 256, 3, padding=1, bias=False)
        self.res4f_3x3_bn = BatchNorm(256)
        self.res4f_3x3_scale = ScaleBias(256)
        self.res4f_1x1_out = nn.Conv2d(256, 1024, 1, bias=False)
        self.res4f_1x1_out_bn = BatchNorm(1024)
        self.res4f_1x1_out_scale = ScaleBias(1024)
        self.res5a_shortcut = nn.Conv2d(1024, 2048, 1, stride=2, bias=False)
        self.res5a_shortcut_bn = BatchNorm(2048)
        self.res5a_shortcut_scale = ScaleBias(2048)
        self.res5a_1x1_in = nn.Conv2d(1024, 512, 1, stride=2, bias=False)
        self.res5a_1x1_in_bn = BatchNorm(512)
        self.res5a_1x1_in_scale = ScaleBias(512)
        self.res5a_3x3 = nn.Conv2d(512, 512, 3, padding=1, bias=False)
        self.res5a_3x3_bn = BatchNorm(512)
        self.res5a_3x3_scale = ScaleBias(512)
        self.res5a_1x1_out = nn.Conv2d(512, 2048, 1, bias=False)
        self.res5a_1x1_out_bn = BatchNorm(2048)
        self.res5a_1x1_out_scale = ScaleBias(2048)
        self.res5b_1x1_in = nn.Conv2d(2048, 512, 1, bias=False)
        self.res5b_1x1_in_bn = BatchNorm(512)
        self.res5b_1x1_in_scale = ScaleBias(512)
        self.res5b_3x3 = nn.Conv2d(512, 512, 3, padding=1, bias=False)
        self.res5b_3x3_bn = BatchNorm(512)
        self.res5b_3x3_scale = ScaleBias(512)
        self.res5b_1x1_out = nn.Conv2d(512, 2048, 1, bias=False)
        self.res5b_1x1_out_bn = BatchNorm(2048)
        self.res5b_1x1_out_scale = ScaleBias(2048)
        self.res5c_1x1_in = nn.Conv2d(2048, 512, 1, bias=False)
        self.res5c_1x1_in_bn = BatchNorm(512)
        self.res5c_1x1_in_scale = ScaleBias(512)
        self.res5c_3x3 = nn.Conv2d(512, 512, 3, padding=1, bias=False)
        self.res5c_3x3_bn = BatchNorm(512)
        self.res5c_3x3_scale = ScaleBias(512)
        self.res5c_1x1_out = nn.Conv2d(512, 2048, 1, bias=False)
        self.res5c_1x1_out_bn = BatchNorm(2048)
        self.res5c_1x1_out_scale = ScaleBias(2048)
        self.fc1000 = nn.Linear(2048, 1000)

    def forward(self, data):
        conv1 = self.conv1(data)
        conv1 = self.conv1_bn(conv1)
        conv1 = self.conv1_scale(conv1)
        conv1 = F.relu(conv1)
        pool1 = self.pool1(conv1)
        res2a_shortcut = self.res2a_shortcut(pool1)
        res2a_shortcut = self.res2a_shortcut_bn(res2a_shortcut)
        res2a_shortcut = self.res2a_shortcut_scale(res2a_shortcut)
        res2a_1x1_in = self.res2a_1x1_in(pool1)
        del conv1, pool1
        res2a_1x1_in = self.res2a_1x1_in_bn(res2a_1x1_in)
        res2a_1x1_in = self.res2a_1x1_in_scale(res2a_1x1_in)
        res2a_1x1_in = F.relu(res2a_1x1_in)
        res2a_3x3 = self.res2a_3x3(res2a_1x1_in)
        res2a_3x3 = self.res2a_3x3_bn(res2a_3x3)
        res2a_3x3 = self.res2a_3x3_scale(res2a_3x3)
        res2a_3x3 = F.relu(res2a_3x3)
        res2a_1x1_out = self.res2a_1x1_out(res2a_3x3)
        res2a_1x1_out = self.res2a_1x1_out_bn(res2a_1x1_out)
        res2a_1x1_out = self.res2a_1x1_out_scale(res2a_1x1_out)
        res2a = res2a_shortcut + res2a_1x1_out
        del res2a_1x1_in, res2a_3x3, res2a_shortcut, res2a_1x1_out
        res2a = F.relu(res2a)
        res2b_1x1_in = self.res2b_1x1_in(res2a)
        res2b_1x1_in = self.res2b_1x1_in_bn(res2b_1x1_in)
        res2b_1x1_in = self.res2b_1x1_in_scale(res2b_1x1_in)
        res2b_1x1_in = F.relu(res2b_1x1_in)
        res2b_3x3 = self.res2b_3x3(res2b_1x1_in)
        res2b_3x3 = self.res2b_3x3_bn(res2b_3x3)
        res2b_3x3 = self.res2b_3x3_scale(res2b_3x3)
        res2b_3x3 = F.relu(res2b_3x3)
        res2b_1x1_out = self.res2b_1x1_out(res2b_3x3)
        res2b_1x1_out = self.res2b_1x1_out_bn(res2b_1x1_out)
        res2b_1x1_out = self.res2b_1x1_out_scale(res2b_1x1_out)
        res2b = res2a + res2b_1x1_out
        del res2b_1x1_in, res2b_3x3, res2a, res2b_1x1_out
        res2b = F.relu(res2b)
        res2c_1x1_in = self.res2c_1x1_in(res2b)
        res2c_1x1_in = self.res2c_1x1_in_bn(res2c_1x1_in)
        res2c_1x1_in = self.res2c_1x1_in_scale(res2c_1x1_in)
        res2c_1x1_in = F.relu(res2c_1x1_in)
        res2c_3x3 = self.res2c_3x3(res2c_1x1_in)
        res2c_3x3 = self.res2c_3x3_bn(res2c_3x3)
        res2c_3x3 = self.res2c_3x3_scale(res2c_3x3)
        res2c_3x3 = F.relu(res2c_3x3)
        res2c_1x1_out = self.res2c_1x1_out(res2c_3x3)
        res2c_1x1_out = self.res2c_1x1_out_bn(res2c_1x1_out)
        res2c_1x1_out = self.res2c_1x1_out_scale(res2c_1x1_out)
        res2c = res2b + res2c_1x1_out
        del res2c_1x1_in, res2c_3x3, res2b, res2c_1x1_out
        res2c = F.relu(res2c)
        res3a_shortcut = self.res3a_shortcut(res2c)
        res3a_shortcut = self.res3a_shortcut_bn(res3a_shortcut)
        res3a_shortcut = self.res3a_shortcut_scale(res3a_shortcut)
        res3a_1x1_in = self.res3a_1x1_in(res2c)
        res3a_1x1_in = self.res3a_1x1_in_bn(res3a_1x1_in)
        res3a_1x1_in = self.res3a_1x1_in_scale(res3a_1x1_in)
        res3a_1x1_in = F.relu(res3a_1x1_in)
        res3a_3x3 = self.res3a_3x3(res3a_1x1_in)
        del res2c, res3a_1x1_in
        res3a_3x3 = self.res3a_3x3_bn(res3a_3x3)
        res3a_3x3 = self.res3a_3x3_scale(res3a_3x3)
        res3a_3x3 = F.relu(res3a_3x3)
        res3a_1x1_out = self.res3a_1x1_out(res3a_3x3)
        res3a_1x1_out = self.res3a_1x1_out_bn(res3a_1x1_out)
        res3a_1x1_out = self.res3a_1x1_out_scale(res3a_1x1_out)
        res3a = res3a_shortcut + res3a_1x1_out
        del res3a_3x3, res3a_shortcut, res3a_1x1_out
        res3a = F.relu(res3a)
        res3b_1x1_in = self.res3b_1x1_in(res3a)
        res3b_1x1_in = self.res3b_1x1_in_bn(res3b_1x1_in)
        res3b_1x1_in = self.res3b_1x1_in_scale(res3b_1x1_in)
        res3b_1x1_in = F.relu(res3b_1x1_in)
        res3b_3x3 = self.res3b_3x3(res3b_1x1_in)
        res3b_3x3 = self.res3b_3x3_bn(res3b_3x3)
        res3b_3x3 = self.res3b_3x3_scale(res3b_3x3)
        res3b_3x3 = F.relu(res3b_3x3)
        res3b_1x1_out = self.res3b_1x1_out(res3b_3x3)
        res3b_1x1_out = self.res3b_1x1_out_bn(res3b_1x1_out)
        res3b_1x1_out = self.res3b_1x1_out_scale(res3b_1x1_out)
        res3b = res3a + res3b_1x1_out
        del res3b_1x1_in, res3b_3x3, res3a, res3b_1x1_out
        res3b = F.relu(res3b)
        res3c_1x1_in = self.res3c_1x1_in(res3b)
        res3c_1x1_in = self.res3c_1x1_in_bn(res3c_1x1_in)
        res3c_1x1_in = self.res3c_1x1_in_scale(res3c_1x1_in)
        res3c_1x1_in = F.relu(res3c_1x1_in)
        res3c_3x3 = self.res3c_3x3(res3c_1x1_in)
        res3c_3x3 = self.res3c_3x3_bn(res3c_3x3)
        res3c_3x3 = self.res3c_3x3_scale(res3c_3x3)
        res3c_3x3 = F.relu(res3c_3x3)
        res3c_1x1_out = self.res3c_1x1_out(res3c_3x3)
        res3c_1x1_out = self.res3c_1x1_out_bn(res3c_1x1_out)
        res3c_1x1_out = self.res3c_1x1_out_scale(res3c_1x1_out)
        res3c = res3b + res3c_1x1_out
        del res3c_1x1_in, res3c_3x3, res3b, res3c_1x1_out
        res3c = F.relu(res3c)
        res3d_1x1_in = self.res3d_1x1_in(res3c)
        res3d_1x1_in = self.res3d_1x1_in_bn(res3d_1x1_in)
        res3d_1x1_in = self.res3d_1x1_in_scale(res3d_1x1_in)
        res3d_1x1_in = F.relu(res3d_1x1_in)
        res3d_3x3 = self.res3d_3x3(res3d_1x1_in)
        res3d_3x3 = self.res3d_3x3_bn(res3d_3x3)
        res3d_3x3 = self.res3d_3x3_scale(res3d_3x3)
        res3d_3x3 = F.relu(res3d_3x3)
        res3d_1x1_out = self.res3d_1x1_out(res3d_3x3)
        res3d_1x1_out = self.res3d_1x1_out_bn(res3d_1x1_out)
        res3d_1x1_out = self.res3d_1x1_out_scale(res3d_1x1_out)
        res3d = res3c + res3d_1x1_out
        del res3d_1x1_in, res3d_3x3, res3c, res3d_1x1_out
        res3d = F.relu(res3d)
        res4a_shortcut = self.res4a_shortcut(res3d)
        res4a_shortcut = self.res4a_shortcut_bn(res4a_shortcut)
        res4a_shortcut = self.res4a_shortcut_scale(res4a_shortcut)
        res4a_1x1_in = self.res4a_1x1_in(res3d)
        res4a_1x1_in = self.res4a_1x1_in_bn(res4a_1x1_in)
        res4a_1x1_in = self.res4a_1x1_in_scale(res4a_1x1_in)
        res4a_1x1_in = F.relu(res4a_1x1_in)
        res4a_3x3 = self.res4a_3x3(res4a_1x1_in)
        res4a_3x3 = self.res4a_3x3_bn(res4a_3x3)
        res4a_3x3 = self.res4a_3x3_scale(res4a_3x3)
        res4a_3x3 = F.relu(res4a_3x3)
        res4a_1x1_out = self.res4a_1x1_out(res4a_3x3)
        res4a_1x1_out = self.res4a_1x1_out_bn(res4a_1x1_out)
        res4a_1x1_out = self.res4a_1x1_out_scale(res4a_1x1_out)
        res4a = res4a_shortcut + res4a_1x1_out
        del res3d, res4a_1x1_in, res4a_3x3, res4a_shortcut, res4a_1x1_out
        res4a = F.relu(res4a)
        res4b_1x1_in = self.res4b_1x1_in(res4a)
        res4b_1x1_in = self.res4b_1x1_in_bn(res4b_1x1_in)
        res4b_1x1_in = self.res4b_1x1_in_scale(res4b_1x1_in)
        res4b_1x1_in = F.relu(res4b_1x1_in)
        res4b_3x3 = self.res4b_3x3(res4b_1x1_in)
        res4b_3x3 = self.res4b_3x3_bn(res4b_3x3)
        res4b_3x3 = self.res4b_3x3_scale(res4b_3x3)
        res4b_3x3 = F.relu(res4b_3x3)
        res4b_1x1_out = self.res4b_1x1_out(res4b_3x3)
        res4b_1x1_out = self.res4b_1x1_out_bn(res4b_1x1_out)
        res4b_1x1_out = self.res4b_1x1_out_scale(res4b_1x1_out)
        res4b = res4a + res4b_1x1_out
        del res4b_1x1_in, res4b_3x3, res4a, res4b_1x1_out
        res4b = F.relu(res4b)
        res4c_1x1_in = self.res4c_1x1_in(res4b)
        res4c_1x1_in = self.res4c_1x1_in_bn(res4c_1x1_in)
        res4c_1x1_in = self.res4c_1x1_in_scale(res4c_1x1_in)
        res4c_1x1_in = F.relu(res4c_1x1_in)
        res4c_3x3 = self.res4c_3x3(res4c_1x1_in)
        res4c_3x3 = self.res4c_3x3_bn(res4c_3x3)
        res4c_3x3 = self.res4c_3x3_scale(res4c_3x3)
        res4c_3x3 = F.relu(res4c_3x3)
        res4c_1x1_out = self.res4c_1x1_out(res4c_3x3)
        res4c_1x1_out = self.res4c_1x1_out_bn(res4c_1x1_out)
        res4c_1x1_out = self.res4c_1x1_out_scale(res4c_1x1_out)
        res4c = res4b + res4c_1x1_out
        del res4c_1x1_in, res4c_3x3, res4b, res4c_1x1_out
        res4c = F.relu(res4c)
        res4d_1x1_in = self.res4d_1x1_in(res4c)
        res4d_1x1_in = self.res4d_1x1_in_bn(res4d_1x1_in)
        res4d_1x1_in = self.res4d_1x1_in_scale(res4d_1x1_in)
        res4d_1x1_in = F.relu(res4d_1x1_in)
        res4d_3x3 = self.res4d_3x3(res4d_1x1_in)
        res4d_3x3 = self.res4d_3x3_bn(res4d_3x3)
        res4d_3x3 = self.res4d_3x3_scale(res4d_3x3)
        res4d_3x3 = F.relu(res4d_3x3)
        res4d_1x1_out = self.res4d_1x1_out(res4d_3x3)
        res4d_1x1_out = self.res4d_1x1_out_bn(res4d_1x1_out)
        res4d_1x1_out = self.res4d_1x1_out_scale(res4d_1x1_out)
        res4d = res4c + res4d_1x1_out
        del res4d_1x1_in, res4d_3x3, res4c, res4d_1x1_out
        res4d = F.relu(res4d)
        res4e_1x1_in = self.res4e_1x1_in(res4d)
        res4e_1x1_in = self.res4e_1x1_in_bn(res4e_1x1_in)
        res4e_1x1_in = self.res4e_1x1_in_scale(res4e_1x1_in)
        res4e_1x1_in = F.relu(res4e_1x1_in)
        res4e_3x3 = self.res4e_3x3(res4e_1x1_in)
        res4e_3x3 = self.res4e_3x3_bn(res4e_3x3)
        res4e_3x3 = self.res4e_3x3_scale(res4e_3x3)
        res4e_3x3 = F.relu(res4e_3x3)
        res4e_1x1_out = self.res4e_1x1_out(res4e_3x3)
        res4e_1x1_out = self.res4e_1x1_out_bn(res4e_1x1_out)
        res4e_1x1_out = self.res4e_1x1_out_scale(res4e_1x1_out)
        res4e = res4d + res4e_1x1_out
        del res4e_1x1_in, res4e_3x3, res4d, res4e_1x1_out
        res4e = F.relu(res4e)
        res4f_1x1_in = self.res4f_1x1_in(res4e)
        res4f_1x1_in = self.res4f_1x1_in_bn(res4f_1x1_in)
        res4f_1x1_in = self.res4f_1x1_in_scale(res4f_1x1_in)
        res4f_1x1_in = F.relu(res4f_1x1_in)
        res4f_3x3 = self.res4f_3x3(res4f_1x1_in)
        res4f_3x3 = self.res4f_3x3_bn(res4f_3x3)
        res4f_3x3 = self.res4f_3x3_scale(res4f_3x3)
        res4f_3x3 = F.relu(res4f_3x3)
        res4f_1x1_out = self.res4f_1x1_out(res4f_3x3)
        res4f_1x1_out = self.res4f_1x1_out_bn(res4f_1x1_out)
        res4f_1x1_out = self.res4f_1x1_out_scale(res4f_1x1_out)
        res4f = res4e + res4f_1x1_out
        del res4f_1x1_in, res4f_3x3, res4e, res4f_1x1_out
        res4f = F.relu(res4f)
        res5a_shortcut = self.res5a_shortcut(res4f)
        res5a_shortcut = self.res5a_shortcut_bn(res5a_shortcut)
        res5a_shortcut = self.res5a_shortcut_scale(res5a_shortcut)
        res5a_1x1_in = self.res5a_1x1_in(res4f)
        res5a_1x1_in = self.res5a_1x1_in_bn(res5a_1x1_in)
        res5a_1x1_in = self.res5a_1x1_in_scale(res5a_1x1_in)
        res5a_1x1_in = F.relu(res5a_1x1_in)
        res5a_3x3 = self.res5a_3x3(res5a_1x1_in)
        res5a_3x3 = self.res5a_3x3_bn(res5a_3x3)
        res5a_3x3 = self.res5a_3x3_scale(res5a_3x3)
        res5a_3x3 = F.relu(res5a_3x3)
        res5a_1x1_out = self.res5a_1x1_out(res5a_3x3)
        res5a_1x1_out = self.res5a_1x1_out_bn(res5a_1x1_out)
        res5a_1x1_out = self.res5a_1x1_out_scale(res5a_1x1_out)
        res5a = res5a_shortcut + res5a_1x1_out
        del res4f, res5a_1x1_in, res5a_3x3, res5a_shortcut, res5a_1x1_out
        res5a = F.relu(res5a)
        res5b_1x1_in = self.res5b_1x1_in(res5a)
        res5b_1x1_in = self.res5b_1x1_in_bn(res5b_1x1_in)
        res5b_1x1_in = self.res5b_1x1_in_scale(res5b_1x1_in)
        res5b_1x1_in = F.relu(res5b_1x1_in)
        res5b_3x3 = self.res5b_3x3(res5b_1x1_in)
        res5b_3x3 = self.res5b_3x3_bn(res5b_3x3)
        res5b_3x3 = self.res5b_3x3_scale(res5b_3x3)
        res5b_3x3 = F.relu(res5b_3x3)
        res5b_1x1_out = self.res5b_1x1_out(res5b_3x3)
        res5b_1x1_out = self.res5b_1x1_out_bn(res5b_1x1_out)
        res5b_1x1_out = self.res5b_1x1_out_scale(res5b_1x1_out)
        res5b = res5a + res5b_1x1_out
        del res5b_1x1_in, res5b_3x3, res5a, res5b_1x1_out
        res5b = F.relu(res5b)
        res5c_1x1_in = self.res5c_1x1_in(res5b)
        res5c_1x1_in = self.res5c_1x1_in_bn(res5c_1x1_in)
        res5c_1x1_in = self.res5c_1x1_in_scale(res5c_1x1_in)
        res5c_1x1_in = F.relu(res5c_1x1_in)
        res5c_3x3 = self.res5c_3x3(res5c_1x1_in)
        res5c_3x3 = self.res5c_3x3_bn(res5c_3x3)
        res5c_3x3 = self.res5c_3x3_scale(res5c_3x3)
        res5c_3x3 = F.relu(res5c_3x3)
        res5c_1x1_out = self.res5c_1x1_out(res5c_3x3)
        res5c_1x1_out = self.res5c_1x1_out_bn(res5c_1x1_out)
        res5c_1x1_out = self.res5c_1x1_out_scale(res5c_1x1_out)
        res5c = res5b + res5c_1x1_out
        del res5c_1x1_in, res5c_3x3, res5b, res5c_1x1_out
        res5c = F.relu(res5c)
        pool5 = res5c.mean((2, 3), keepdim=True)
        fc1000 = self.fc1000(pool5.flatten(1))
        prob = F.softmax(fc1000, dim=1)
        return prob


if __name__ == "__main__":
    net = ResNet50().eval()
    print(tuple(net(torch.zeros(1, 3, 224, 224)).shape))
