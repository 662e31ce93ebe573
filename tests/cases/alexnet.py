"""AlexNet, compiled from deploy.prototxt by protonet."""

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


class AlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.fc6 = nn.Linear(9216, 4096)
        self.drop = nn.Dropout(0.5)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, 1000)

    def forward(self, data: Tensor) -> Tensor:
        x = self.pool(local_response_norm(F.relu(self.conv1(data)), 5))
        x = self.pool(local_response_norm(F.relu(self.conv2(x)), 5))
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = self.pool(F.relu(self.conv5(x)))
        x = self.drop(F.relu(self.fc6(x.flatten(1))))
        x = self.drop(F.relu(self.fc7(x)))
        return F.softmax(self.fc8(x), dim=1)


if __name__ == "__main__":
    net = AlexNet().eval()
    print(tuple(net(torch.zeros(10, 3, 227, 227)).shape))
