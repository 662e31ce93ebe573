"""DenseNet121, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DenseLayer(nn.Module):
    """New channels behind the old ones.

    (n, channels, h, w) to (n, channels + 32, h, w).
    """

    def __init__(self, channels):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 128, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(128)
        self.conv2 = nn.Conv2d(128, 32, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.bn1(x)))
        y = self.conv2(F.relu(self.bn2(y)))
        return torch.cat([x, y], dim=1)


class DenseNet121(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.conv1_bn = nn.BatchNorm2d(64)
        self.pool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.dense1 = nn.Sequential(
            *(DenseLayer(channels) for channels in range(64, 256, 32))
        )
        self.transition1_bn = nn.BatchNorm2d(256)
        self.transition1_1x1 = nn.Conv2d(256, 128, 1, bias=False)
        self.pool = nn.AvgPool2d(2, ceil_mode=True)
        self.dense2 = nn.Sequential(
            *(DenseLayer(channels) for channels in range(128, 512, 32))
        )
        self.transition2_bn = nn.BatchNorm2d(512)
        self.transition2_1x1 = nn.Conv2d(512, 256, 1, bias=False)
        self.dense3 = nn.Sequential(
            *(DenseLayer(channels) for channels in range(256, 1024, 32))
        )
        self.transition3_bn = nn.BatchNorm2d(1024)
        self.transition3_1x1 = nn.Conv2d(1024, 512, 1, bias=False)
        self.dense4 = nn.Sequential(
            *(DenseLayer(channels) for channels in range(512, 1024, 32))
        )
        self.last_bn = nn.BatchNorm2d(1024)
        self.fc1000 = nn.Linear(1024, 1000)

    def forward(self, data: Tensor) -> Tensor:
        x = self.pool1(F.relu(self.conv1_bn(self.conv1(data))))
        x = F.relu(self.transition1_bn(self.dense1(x)))
        x = self.pool(self.transition1_1x1(x))
        x = F.relu(self.transition2_bn(self.dense2(x)))
        x = self.pool(self.transition2_1x1(x))
        x = F.relu(self.transition3_bn(self.dense3(x)))
        x = self.pool(self.transition3_1x1(x))
        x = F.relu(self.last_bn(self.dense4(x)))
        return F.softmax(self.fc1000(x.mean((2, 3))), dim=1)


if __name__ == "__main__":
    net = DenseNet121().eval()
    print(tuple(net(torch.zeros(1, 3, 224, 224)).shape))
