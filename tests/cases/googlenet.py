"""GoogLeNet, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def local_response_norm(x: Tensor, size: int) -> Tensor:
    """F.local_response_norm in shifted adds over the channels, which are much faster."""
    channels = x.shape[1]
    square = F.pad(x.square(), [0, 0, 0, 0, size // 2, size // 2])
    energy = square[:, :channels]
    for i in range(1, size):
        energy = energy + square[:, i : i + channels]
    return x * (1.0 + 0.0001 / size * energy) ** -0.75


class Inception(nn.Module):
    """Branches side by side: (n, channels, h, w) to (n, c', h, w)."""

    def __init__(
        self, channels, out1x1, reduce3x3, out3x3, reduce5x5, out5x5, pool_proj
    ):
        super().__init__()
        self.conv1x1 = nn.Conv2d(channels, out1x1, 1)
        self.reduce3x3 = nn.Conv2d(channels, reduce3x3, 1)
        self.conv3x3 = nn.Conv2d(reduce3x3, out3x3, 3, padding=1)
        self.reduce5x5 = nn.Conv2d(channels, reduce5x5, 1)
        self.conv5x5 = nn.Conv2d(reduce5x5, out5x5, 5, padding=2)
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.pool_proj = nn.Conv2d(channels, pool_proj, 1)

    def forward(self, x: Tensor) -> Tensor:
        conv1x1 = F.relu(self.conv1x1(x))
        conv3x3 = F.relu(self.conv3x3(F.relu(self.reduce3x3(x))))
        conv5x5 = F.relu(self.conv5x5(F.relu(self.reduce5x5(x))))
        pool_proj = F.relu(self.pool_proj(self.pool(x)))
        return torch.cat([conv1x1, conv3x3, conv5x5, pool_proj], dim=1)


class GoogLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1_7x7_s2 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2_3x3_reduce = nn.Conv2d(64, 64, 1)
        self.conv2_3x3 = nn.Conv2d(64, 192, 3, padding=1)
        self.inception_3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception_3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.inception_4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception_4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception_4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception_4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception_4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.inception_5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception_5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.pool5_7x7_s1 = nn.AvgPool2d(7, stride=1)
        self.pool5_drop = nn.Dropout(0.4)
        self.loss3_classifier = nn.Linear(1024, 1000)

    def forward(self, data: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1_7x7_s2(data)))
        x = F.relu(self.conv2_3x3_reduce(local_response_norm(x, 5)))
        x = self.pool(local_response_norm(F.relu(self.conv2_3x3(x)), 5))
        x = self.inception_3a(x)
        x = self.inception_3b(x)
        x = self.pool(x)
        x = self.inception_4a(x)
        x = self.inception_4b(x)
        x = self.inception_4c(x)
        x = self.inception_4d(x)
        x = self.inception_4e(x)
        x = self.pool(x)
        x = self.inception_5a(x)
        x = self.inception_5b(x)
        x = self.pool5_drop(self.pool5_7x7_s1(x))
        return F.softmax(self.loss3_classifier(x.flatten(1)), dim=1)


if __name__ == "__main__":
    net = GoogLeNet().eval()
    print(tuple(net(torch.zeros(10, 3, 224, 224)).shape))
