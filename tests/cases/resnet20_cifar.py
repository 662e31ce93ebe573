"""ResNet20_CIFAR, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BasicBlockA(nn.Module):
    """Two convolutions beside a shortcut.

    (n, channels, h, w) to (n, channels, h, w).
    """

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(x + y)


class BasicBlockB(nn.Module):
    """Two convolutions beside a shortcut.

    (n, channels, h, w) to (n, out_channels, h / 2, w / 2).
    """

    def __init__(self, channels, out_channels):
        super().__init__()
        self.pool = nn.MaxPool2d(1, stride=2)
        self.conv1 = nn.Conv2d(
            channels, out_channels, 3, stride=2, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.pool(x)
        pool = torch.full_like(y, 0.0)
        y = torch.cat([y, pool], dim=1)
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        return F.relu(y + x)


class ResNet20CIFAR(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.conv1_bn = nn.BatchNorm2d(16)
        self.res2 = nn.Sequential(*(BasicBlockA(16) for _ in range(3)))
        self.res3_1 = BasicBlockB(16, 32)
        self.res3 = nn.Sequential(*(BasicBlockA(32) for _ in range(2)))
        self.res4_1 = BasicBlockB(32, 64)
        self.res4 = nn.Sequential(*(BasicBlockA(64) for _ in range(2)))
        self.fc10 = nn.Linear(64, 10)

    def forward(self, data: Tensor) -> Tensor:
        x = F.relu(self.conv1_bn(self.conv1(data)))
        x = self.res2(x)
        x = self.res3_1(x)
        x = self.res3(x)
        x = self.res4_1(x)
        x = self.fc10(self.res4(x).mean((2, 3)))
        return F.softmax(x, dim=1)


if __name__ == "__main__":
    net = ResNet20CIFAR().eval()
    print(tuple(net(torch.zeros(1, 3, 32, 32)).shape))
