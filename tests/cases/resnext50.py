"""ResNeXt50_32x4d, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """Convolutions, narrow in the middle, beside a shortcut.

    (n, channels, h, w) to (n, out_channels, h / stride, w / stride).
    """

    def __init__(self, channels, width, out_channels, stride=1, projection=False):
        super().__init__()
        self.shortcut = (
            nn.Sequential(
                nn.Conv2d(channels, out_channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
            if projection
            else nn.Identity()
        )
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(
            width, width, 3, stride=stride, padding=1, groups=32, bias=False
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.shortcut(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        return F.relu(y + x)


class ResNeXt50_32x4d(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.conv1_bn = nn.BatchNorm2d(64)
        self.pool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.res2 = nn.Sequential(
            Bottleneck(64, 128, 256, projection=True),
            *(Bottleneck(256, 128, 256) for _ in range(2)),
        )
        self.res3 = nn.Sequential(
            Bottleneck(256, 256, 512, stride=2, projection=True),
            *(Bottleneck(512, 256, 512) for _ in range(3)),
        )
        self.res4 = nn.Sequential(
            Bottleneck(512, 512, 1024, stride=2, projection=True),
            *(Bottleneck(1024, 512, 1024) for _ in range(5)),
        )
        self.res5 = nn.Sequential(
            Bottleneck(1024, 1024, 2048, stride=2, projection=True),
            *(Bottleneck(2048, 1024, 2048) for _ in range(2)),
        )
        self.fc1000 = nn.Linear(2048, 1000)

    def forward(self, data: Tensor) -> Tensor:
        x = self.pool1(F.relu(self.conv1_bn(self.conv1(data))))
        x = self.res2(x)
        x = self.res3(x)
        x = self.res4(x)
        x = self.fc1000(self.res5(x).mean((2, 3)))
        return F.softmax(x, dim=1)


if __name__ == "__main__":
    net = ResNeXt50_32x4d().eval()
    print(tuple(net(torch.zeros(1, 3, 224, 224)).shape))
