"""LeNet, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.pool2 = nn.MaxPool2d(2)
        self.ip1 = nn.Linear(800, 500)
        self.ip2 = nn.Linear(500, 10)

    def forward(self, data: Tensor) -> Tensor:
        conv1 = self.conv1(data)
        pool1 = self.pool1(conv1)
        conv2 = self.conv2(pool1)
        pool2 = self.pool2(conv2)
        ip1 = F.relu(self.ip1(pool2.flatten(1)))
        ip2 = self.ip2(ip1)
        return F.softmax(ip2, dim=1)


if __name__ == "__main__":
    net = LeNet().eval()
    print(tuple(net(torch.zeros(64, 1, 28, 28)).shape))
