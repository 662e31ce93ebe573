"""Inception_v3, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvBNReLU(nn.Module):
    """Convolution and batch normalization, then ReLU."""

    def __init__(self, channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(
            channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class InceptionA(nn.Module):
    """Branches side by side: (n, channels, h, w) to (n, c', h, w)."""

    def __init__(self, channels, pool_proj):
        super().__init__()
        self.conv1x1 = ConvBNReLU(channels, 64, 1)
        self.reduce5x5 = ConvBNReLU(channels, 48, 1)
        self.conv5x5 = ConvBNReLU(48, 64, 5, padding=2)
        self.double_reduce = ConvBNReLU(channels, 64, 1)
        self.double_1 = ConvBNReLU(64, 96, 3, padding=1)
        self.double_2 = ConvBNReLU(96, 96, 3, padding=1)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.pool_proj = ConvBNReLU(channels, pool_proj, 1)

    def forward(self, x: Tensor) -> Tensor:
        conv1x1 = self.conv1x1(x)
        conv5x5 = self.conv5x5(self.reduce5x5(x))
        double_2 = self.double_2(self.double_1(self.double_reduce(x)))
        pool_proj = self.pool_proj(self.pool(x))
        return torch.cat([conv1x1, conv5x5, double_2, pool_proj], dim=1)


class InceptionB(nn.Module):
    """Branches side by side: (n, 768, h, w) to (n, 768, h, w)."""

    def __init__(self, reduce7x7):
        super().__init__()
        self.conv1x1 = ConvBNReLU(768, 192, 1)
        self.reduce7x7 = ConvBNReLU(768, reduce7x7, 1)
        self.conv1x7 = ConvBNReLU(reduce7x7, reduce7x7, (1, 7), padding=(0, 3))
        self.conv7x1 = ConvBNReLU(reduce7x7, 192, (7, 1), padding=(3, 0))
        self.double_reduce = ConvBNReLU(768, reduce7x7, 1)
        self.double_7x1_1 = ConvBNReLU(reduce7x7, reduce7x7, (7, 1), padding=(3, 0))
        self.double_1x7_1 = ConvBNReLU(reduce7x7, reduce7x7, (1, 7), padding=(0, 3))
        self.double_7x1_2 = ConvBNReLU(reduce7x7, reduce7x7, (7, 1), padding=(3, 0))
        self.double_1x7_2 = ConvBNReLU(reduce7x7, 192, (1, 7), padding=(0, 3))
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.pool_proj = ConvBNReLU(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        conv1x1 = self.conv1x1(x)
        conv7x1 = self.conv7x1(self.conv1x7(self.reduce7x7(x)))
        y = self.double_1x7_1(self.double_7x1_1(self.double_reduce(x)))
        double_1x7_2 = self.double_1x7_2(self.double_7x1_2(y))
        pool_proj = self.pool_proj(self.pool(x))
        return torch.cat([conv1x1, conv7x1, double_1x7_2, pool_proj], dim=1)


class InceptionC(nn.Module):
    """Branches side by side: (n, channels, h, w) to (n, 2048, h, w)."""

    def __init__(self, channels):
        super().__init__()
        self.conv1x1 = ConvBNReLU(channels, 320, 1)
        self.reduce3x3 = ConvBNReLU(channels, 384, 1)
        self.conv1x3 = ConvBNReLU(384, 384, (1, 3), padding=(0, 1))
        self.conv3x1 = ConvBNReLU(384, 384, (3, 1), padding=(1, 0))
        self.double_reduce = ConvBNReLU(channels, 448, 1)
        self.double_2 = ConvBNReLU(448, 384, 3, padding=1)
        self.double_1x3 = ConvBNReLU(384, 384, (1, 3), padding=(0, 1))
        self.double_3x1 = ConvBNReLU(384, 384, (3, 1), padding=(1, 0))
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.pool_proj = ConvBNReLU(channels, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        conv1x1 = self.conv1x1(x)
        y = self.reduce3x3(x)
        conv1x3 = self.conv1x3(y)
        conv3x1 = self.conv3x1(y)
        y = self.double_2(self.double_reduce(x))
        double_1x3 = self.double_1x3(y)
        double_3x1 = self.double_3x1(y)
        pool_proj = self.pool_proj(self.pool(x))
        return torch.cat(
            [conv1x1, conv1x3, conv3x1, double_1x3, double_3x1, pool_proj], dim=1
        )


class InceptionV3(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = ConvBNReLU(3, 32, 3, stride=2)
        self.conv2 = ConvBNReLU(32, 32, 3)
        self.conv3 = ConvBNReLU(32, 64, 3, padding=1)
        self.pool = nn.MaxPool2d(3, stride=2)
        self.conv4 = ConvBNReLU(64, 80, 1)
        self.conv5 = ConvBNReLU(80, 192, 3)
        self.mixed_5b = InceptionA(192, 32)
        self.mixed_5c = InceptionA(256, 64)
        self.mixed_5d = InceptionA(288, 64)
        self.mixed_6a_3x3 = ConvBNReLU(288, 384, 3, stride=2)
        self.mixed_6a_double_reduce = ConvBNReLU(288, 64, 1)
        self.mixed_6a_double_1 = ConvBNReLU(64, 96, 3, padding=1)
        self.mixed_6a_double_2 = ConvBNReLU(96, 96, 3, stride=2)
        self.mixed_6 = nn.Sequential(
            InceptionB(128), *(InceptionB(160) for _ in range(2)), InceptionB(192)
        )
        self.mixed_7a_3x3_reduce = ConvBNReLU(768, 192, 1)
        self.mixed_7a_3x3 = ConvBNReLU(192, 320, 3, stride=2)
        self.mixed_7a_7x7_reduce = ConvBNReLU(768, 192, 1)
        self.mixed_7a_1x7 = ConvBNReLU(192, 192, (1, 7), padding=(0, 3))
        self.mixed_7a_7x1 = ConvBNReLU(192, 192, (7, 1), padding=(3, 0))
        self.mixed_7a_7x7_3x3 = ConvBNReLU(192, 192, 3, stride=2)
        self.mixed_7b = InceptionC(1280)
        self.mixed_7c = InceptionC(2048)
        self.drop = nn.Dropout(0.2)
        self.logits = nn.Linear(2048, 1000)

    def forward(self, data: Tensor) -> Tensor:
        x = self.pool(self.conv3(self.conv2(self.conv1(data))))
        x = self.pool(self.conv5(self.conv4(x)))
        x = self.mixed_5b(x)
        x = self.mixed_5c(x)
        mixed_5d_output = self.mixed_5d(x)
        mixed_6a_3x3 = self.mixed_6a_3x3(mixed_5d_output)
        x = self.mixed_6a_double_1(self.mixed_6a_double_reduce(mixed_5d_output))
        mixed_6a_double_2 = self.mixed_6a_double_2(x)
        mixed_6a_pool = self.pool(mixed_5d_output)
        x = torch.cat([mixed_6a_3x3, mixed_6a_double_2, mixed_6a_pool], dim=1)
        mixed_6e_output = self.mixed_6(x)
        mixed_7a_3x3 = self.mixed_7a_3x3(self.mixed_7a_3x3_reduce(mixed_6e_output))
        x = self.mixed_7a_1x7(self.mixed_7a_7x7_reduce(mixed_6e_output))
        mixed_7a_7x7_3x3 = self.mixed_7a_7x7_3x3(self.mixed_7a_7x1(x))
        mixed_7a_pool = self.pool(mixed_6e_output)
        x = torch.cat([mixed_7a_3x3, mixed_7a_7x7_3x3, mixed_7a_pool], dim=1)
        x = self.mixed_7b(x)
        x = self.mixed_7c(x)
        x = self.drop(x.mean((2, 3), keepdim=True))
        return F.softmax(self.logits(x.flatten(1)), dim=1)


if __name__ == "__main__":
    net = InceptionV3().eval()
    print(tuple(net(torch.zeros(1, 3, 299, 299)).shape))
