"""MobileNet_v1, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SeparableConv(nn.Module):
    """A filter for each channel, then a mix of the channels.

    (n, channels, h, w) to (n, out_channels, h / stride, w / stride).
    """

    def __init__(self, channels, out_channels, stride=1):
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.pointwise = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.depthwise(x)))
        return F.relu(self.bn2(self.pointwise(x)))


class MobileNetV1(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False)
        self.conv1_bn = nn.BatchNorm2d(32)
        self.blocks = nn.Sequential(
            SeparableConv(32, 64),
            SeparableConv(64, 128, stride=2),
            SeparableConv(128, 128),
            SeparableConv(128, 256, stride=2),
            SeparableConv(256, 256),
            SeparableConv(256, 512, stride=2),
            *(SeparableConv(512, 512) for _ in range(5)),
            SeparableConv(512, 1024, stride=2),
            SeparableConv(1024, 1024),
        )
        self.drop = nn.Dropout(0.001)
        self.fc1000 = nn.Linear(1024, 1000)

    def forward(self, data: Tensor) -> Tensor:
        x = F.relu(self.conv1_bn(self.conv1(data)))
        x = self.drop(self.blocks(x).mean((2, 3), keepdim=True))
        return F.softmax(self.fc1000(x.flatten(1)), dim=1)


if __name__ == "__main__":
    net = MobileNetV1().eval()
    print(tuple(net(torch.zeros(1, 3, 224, 224)).shape))
