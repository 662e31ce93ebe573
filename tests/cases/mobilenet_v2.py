"""MobileNetV2, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project.

    (n, channels, h, w) to (n, out_channels, h / stride, w / stride).
    """

    def __init__(self, channels, width, out_channels, stride=1):
        super().__init__()
        self.expand = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.depthwise = nn.Conv2d(
            width, width, 3, stride=stride, padding=1, groups=width, bias=False
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.project = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.residual = channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.bn1(self.expand(x)))
        y = F.relu6(self.bn2(self.depthwise(y)))
        y = self.bn3(self.project(y))
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False)
        self.conv1_bn = nn.BatchNorm2d(32)
        self.conv2_1_dw = nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False)
        self.conv2_1_dw_bn = nn.BatchNorm2d(32)
        self.conv2_1_project = nn.Conv2d(32, 16, 1, bias=False)
        self.conv2_1_project_bn = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(
            InvertedResidual(16, 96, 24, stride=2),
            InvertedResidual(24, 144, 24),
            InvertedResidual(24, 144, 32, stride=2),
            *(InvertedResidual(32, 192, 32) for _ in range(2)),
            InvertedResidual(32, 192, 64, stride=2),
            *(InvertedResidual(64, 384, 64) for _ in range(3)),
            InvertedResidual(64, 384, 96),
            *(InvertedResidual(96, 576, 96) for _ in range(2)),
            InvertedResidual(96, 576, 160, stride=2),
            *(InvertedResidual(160, 960, 160) for _ in range(2)),
            InvertedResidual(160, 960, 320),
        )
        self.conv9 = nn.Conv2d(320, 1280, 1, bias=False)
        self.conv9_bn = nn.BatchNorm2d(1280)
        self.drop = nn.Dropout(0.2)
        self.fc1000 = nn.Linear(1280, 1000)

    def forward(self, data: Tensor) -> Tensor:
        x = F.relu6(self.conv1_bn(self.conv1(data)))
        x = F.relu6(self.conv2_1_dw_bn(self.conv2_1_dw(x)))
        x = self.conv2_1_project_bn(self.conv2_1_project(x))
        x = self.blocks(x)
        x = F.relu6(self.conv9_bn(self.conv9(x)))
        x = self.drop(x.mean((2, 3), keepdim=True))
        return F.softmax(self.fc1000(x.flatten(1)), dim=1)


if __name__ == "__main__":
    net = MobileNetV2().eval()
    print(tuple(net(torch.zeros(1, 3, 224, 224)).shape))
