"""AlexNet, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import nn


def local_response_norm(
    x: torch.Tensor,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> torch.Tensor:
    """F.local_response_norm in shifted adds over the channels, which are much faster."""
    channels = x.shape[1]
    square = F.pad(x.square(), [0, 0, 0, 0, size // 2, size // 2])
    energy = square[:, :channels]
    for i in range(1, size):
        energy = energy + square[:, i : i + channels]
    return x * (k + alpha / size * energy) ** -beta


class AlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
        self.pool1 = nn.MaxPool2d(3, stride=2)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.pool2 = nn.MaxPool2d(3, stride=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.pool5 = nn.MaxPool2d(3, stride=2)
        self.fc6 = nn.Linear(9216, 4096)
        self.drop6 = nn.Dropout(0.5)
        self.fc7 = nn.Linear(4096, 4096)
        self.drop7 = nn.Dropout(0.5)
        self.fc8 = nn.Linear(4096, 1000)

    def forward(self, data):
        conv1 = F.relu(self.conv1(data))
        norm1 = local_response_norm(conv1, 5)
        pool1 = self.pool1(norm1)
        conv2 = F.relu(self.conv2(pool1))
        norm2 = local_response_norm(conv2, 5)
        pool2 = self.pool2(norm2)
        conv3 = F.relu(self.conv3(pool2))
        conv4 = F.relu(self.conv4(conv3))
        conv5 = F.relu(self.conv5(conv4))
        pool5 = self.pool5(conv5)
        fc6 = self.drop6(F.relu(self.fc6(pool5.flatten(1))))
        fc7 = self.drop7(F.relu(self.fc7(fc6)))
        fc8 = self.fc8(fc7)
        return F.softmax(fc8, dim=1)


if __name__ == "__main__":
    net = AlexNet().eval()
    print(tuple(net(torch.zeros(10, 3, 227, 227)).shape))
