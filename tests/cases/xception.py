"""Xception, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SeparableConv(nn.Module):
    """A filter for each channel, then a mix of the channels."""

    def __init__(self, channels, out_channels):
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels, channels, 3, padding=1, groups=channels, bias=False
        )
        self.pointwise = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.pointwise(self.depthwise(x)))


class ProjectionBlock(nn.Module):
    """Convolutions beside a projection.

    (n, channels, h, w) to (n, out_channels, h / 2, w / 2).
    """

    def __init__(self, channels, out_channels, width, activation=True):
        super().__init__()
        self.shortcut = nn.Conv2d(channels, out_channels, 1, stride=2, bias=False)
        self.shortcut_bn = nn.BatchNorm2d(out_channels)
        self.sepconv1 = SeparableConv(channels, width)
        self.sepconv2 = SeparableConv(width, out_channels)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut_bn(self.shortcut(x))
        x = F.relu(x) if self.activation else x
        x = F.relu(self.sepconv1(x))
        x = self.sepconv2(x)
        x = self.pool(x)
        return shortcut + x


class ResidualBlock(nn.Module):
    """Convolutions, added to what goes in: (n, 728, h, w) to (n, 728, h, w)."""

    def __init__(self):
        super().__init__()
        self.sepconv1 = SeparableConv(728, 728)
        self.sepconv2 = SeparableConv(728, 728)
        self.sepconv3 = SeparableConv(728, 728)

    def forward(self, x: Tensor) -> Tensor:
        y = self.sepconv1(F.relu(x))
        y = self.sepconv2(F.relu(y))
        y = self.sepconv3(F.relu(y))
        return x + y


class Xception(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, bias=False)
        self.conv1_bn = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.conv2_bn = nn.BatchNorm2d(64)
        self.block1 = ProjectionBlock(64, 128, 128, activation=False)
        self.block2 = ProjectionBlock(128, 256, 256)
        self.block3 = ProjectionBlock(256, 728, 728)
        self.blocks = nn.Sequential(*(ResidualBlock() for _ in range(8)))
        self.block12 = ProjectionBlock(728, 1024, 728)
        self.conv3 = SeparableConv(1024, 1536)
        self.conv4 = SeparableConv(1536, 2048)
        self.drop = nn.Dropout(0.5)
        self.fc1000 = nn.Linear(2048, 1000)

    def forward(self, data: Tensor) -> Tensor:
        x = F.relu(self.conv1_bn(self.conv1(data)))
        x = F.relu(self.conv2_bn(self.conv2(x)))
        x = self.block1(x)
        x = self.block2(x)
        x = self.block3(x)
        x = self.blocks(x)
        x = self.block12(x)
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = self.drop(x.mean((2, 3), keepdim=True))
        return F.softmax(self.fc1000(x.flatten(1)), dim=1)


if __name__ == "__main__":
    net = Xception().eval()
    print(tuple(net(torch.zeros(1, 3, 299, 299)).shape))
