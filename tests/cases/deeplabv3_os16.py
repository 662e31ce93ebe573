"""DeepLabv3_stride_16, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvBN(nn.Module):
    """Convolution and batch normalization."""

    def __init__(
        self, channels, out_channels, kernel_size, stride=1, padding=0, dilation=1
    ):
        super().__init__()
        self.conv = nn.Conv2d(
            channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class Bottleneck(nn.Module):
    """Convolutions, narrow in the middle, beside a shortcut.

    (n, channels, h, w) to (n, out_channels, h / stride, w / stride).
    """

    def __init__(
        self, channels, width, out_channels, stride=1, dilation=1, projection=False
    ):
        super().__init__()
        self.shortcut = (
            nn.Sequential(
                nn.Conv2d(channels, out_channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
            if projection
            else nn.Identity()
        )
        self.conv1 = ConvBN(channels, width, 1, stride=stride)
        self.conv2 = ConvBN(width, width, 3, padding=dilation, dilation=dilation)
        self.conv3 = ConvBN(width, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.shortcut(x)
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = self.conv3(x)
        return F.relu(y + x)


class DeepLabv3Stride16(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = ConvBN(3, 64, 7, stride=2, padding=3)
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
        self.res2 = nn.Sequential(
            Bottleneck(64, 64, 256, projection=True),
            *(Bottleneck(256, 64, 256) for _ in range(2)),
        )
        self.res3 = nn.Sequential(
            Bottleneck(256, 128, 512, stride=2, projection=True),
            *(Bottleneck(512, 128, 512) for _ in range(3)),
        )
        self.res4 = nn.Sequential(
            Bottleneck(512, 256, 1024, stride=2, projection=True),
            *(Bottleneck(1024, 256, 1024) for _ in range(5)),
        )
        self.res5 = nn.Sequential(
            Bottleneck(1024, 512, 2048, dilation=2, projection=True),
            Bottleneck(2048, 512, 2048, dilation=4),
            Bottleneck(2048, 512, 2048, dilation=8),
        )
        self.aspp_1x1 = ConvBN(2048, 256, 1)
        self.aspp_rate6 = ConvBN(2048, 256, 3, padding=6, dilation=6)
        self.aspp_rate12 = ConvBN(2048, 256, 3, padding=12, dilation=12)
        self.aspp_rate18 = ConvBN(2048, 256, 3, padding=18, dilation=18)
        self.aspp_image = ConvBN(2048, 256, 1)
        self.project = ConvBN(1280, 256, 1)
        self.score = nn.Conv2d(256, 21, 1)

    def forward(self, data: Tensor) -> Tensor:
        x = self.pool1(F.relu(self.conv1(data)))
        x = self.res2(x)
        x = self.res3(x)
        x = self.res4(x)
        res5c = self.res5(x)
        aspp_1x1 = F.relu(self.aspp_1x1(res5c))
        aspp_rate6 = F.relu(self.aspp_rate6(res5c))
        aspp_rate12 = F.relu(self.aspp_rate12(res5c))
        aspp_rate18 = F.relu(self.aspp_rate18(res5c))
        x = F.relu(self.aspp_image(res5c.mean((2, 3), keepdim=True)))
        aspp_flat = x.flatten(1)
        x = torch.full_like(aspp_1x1, 1.0)
        aspp_spread = x * aspp_flat[..., None, None]
        x = torch.cat(
            [aspp_1x1, aspp_rate6, aspp_rate12, aspp_rate18, aspp_spread], dim=1
        )
        score = self.score(F.relu(self.project(x)))
        upsampled_size = ((score.shape[2] - 1) * 16 + 1, (score.shape[3] - 1) * 16 + 1)
        x = F.interpolate(score, upsampled_size, mode="bilinear", align_corners=True)
        return F.softmax(x, dim=1)


if __name__ == "__main__":
    net = DeepLabv3Stride16().eval()
    print(tuple(net(torch.zeros(1, 3, 513, 513)).shape))
