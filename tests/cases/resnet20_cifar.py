"""ResNet20_CIFAR, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import nn


# Caffe's name of each layer.
LAYERS = {
    "conv1": "conv1",
    "conv1/bn": "conv1_bn",
    "res2_1_a": "res2_1_a",
    "res2_1_a/bn": "res2_1_a_bn",
    "res2_1_b": "res2_1_b",
    "res2_1_b/bn": "res2_1_b_bn",
    "res2_2_a": "res2_2_a",
    "res2_2_a/bn": "res2_2_a_bn",
    "res2_2_b": "res2_2_b",
    "res2_2_b/bn": "res2_2_b_bn",
    "res2_3_a": "res2_3_a",
    "res2_3_a/bn": "res2_3_a_bn",
    "res2_3_b": "res2_3_b",
    "res2_3_b/bn": "res2_3_b_bn",
    "res3_1_sampled": "res3_1_sampled",
    "res3_1_a": "res3_1_a",
    "res3_1_a/bn": "res3_1_a_bn",
    "res3_1_b": "res3_1_b",
    "res3_1_b/bn": "res3_1_b_bn",
    "res3_2_a": "res3_2_a",
    "res3_2_a/bn": "res3_2_a_bn",
    "res3_2_b": "res3_2_b",
    "res3_2_b/bn": "res3_2_b_bn",
    "res3_3_a": "res3_3_a",
    "res3_3_a/bn": "res3_3_a_bn",
    "res3_3_b": "res3_3_b",
    "res3_3_b/bn": "res3_3_b_bn",
    "res4_1_sampled": "res4_1_sampled",
    "res4_1_a": "res4_1_a",
    "res4_1_a/bn": "res4_1_a_bn",
    "res4_1_b": "res4_1_b",
    "res4_1_b/bn": "res4_1_b_bn",
    "res4_2_a": "res4_2_a",
    "res4_2_a/bn": "res4_2_a_bn",
    "res4_2_b": "res4_2_b",
    "res4_2_b/bn": "res4_2_b_bn",
    "res4_3_a": "res4_3_a",
    "res4_3_a/bn": "res4_3_a_bn",
    "res4_3_b": "res4_3_b",
    "res4_3_b/bn": "res4_3_b_bn",
    "fc10": "fc10",
}


class ResNet20CIFAR(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.conv1_bn = nn.BatchNorm2d(16)
        self.res2_1_a = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.res2_1_a_bn = nn.BatchNorm2d(16)
        self.res2_1_b = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.res2_1_b_bn = nn.BatchNorm2d(16)
        self.res2_2_a = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.res2_2_a_bn = nn.BatchNorm2d(16)
        self.res2_2_b = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.res2_2_b_bn = nn.BatchNorm2d(16)
        self.res2_3_a = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.res2_3_a_bn = nn.BatchNorm2d(16)
        self.res2_3_b = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.res2_3_b_bn = nn.BatchNorm2d(16)
        self.res3_1_sampled = nn.MaxPool2d(1, stride=2)
        self.res3_1_a = nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False)
        self.res3_1_a_bn = nn.BatchNorm2d(32)
        self.res3_1_b = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.res3_1_b_bn = nn.BatchNorm2d(32)
        self.res3_2_a = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.res3_2_a_bn = nn.BatchNorm2d(32)
        self.res3_2_b = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.res3_2_b_bn = nn.BatchNorm2d(32)
        self.res3_3_a = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.res3_3_a_bn = nn.BatchNorm2d(32)
        self.res3_3_b = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.res3_3_b_bn = nn.BatchNorm2d(32)
        self.res4_1_sampled = nn.MaxPool2d(1, stride=2)
        self.res4_1_a = nn.Conv2d(32, 64, 3, stride=2, padding=1, bias=False)
        self.res4_1_a_bn = nn.BatchNorm2d(64)
        self.res4_1_b = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.res4_1_b_bn = nn.BatchNorm2d(64)
        self.res4_2_a = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.res4_2_a_bn = nn.BatchNorm2d(64)
        self.res4_2_b = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.res4_2_b_bn = nn.BatchNorm2d(64)
        self.res4_3_a = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.res4_3_a_bn = nn.BatchNorm2d(64)
        self.res4_3_b = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.res4_3_b_bn = nn.BatchNorm2d(64)
        self.fc10 = nn.Linear(64, 10)

    def forward(self, data):
        conv1 = F.relu(self.conv1_bn(self.conv1(data)))
        res2_1_a = F.relu(self.res2_1_a_bn(self.res2_1_a(conv1)))
        res2_1_b = self.res2_1_b_bn(self.res2_1_b(res2_1_a))
        res2_1 = F.relu(conv1 + res2_1_b)
        del res2_1_a, conv1, res2_1_b
        res2_2_a = F.relu(self.res2_2_a_bn(self.res2_2_a(res2_1)))
        res2_2_b = self.res2_2_b_bn(self.res2_2_b(res2_2_a))
        res2_2 = F.relu(res2_1 + res2_2_b)
        del res2_2_a, res2_1, res2_2_b
        res2_3_a = F.relu(self.res2_3_a_bn(self.res2_3_a(res2_2)))
        res2_3_b = self.res2_3_b_bn(self.res2_3_b(res2_3_a))
        res2_3 = F.relu(res2_2 + res2_3_b)
        del res2_3_a, res2_2, res2_3_b
        res3_1_sampled = self.res3_1_sampled(res2_3)
        res3_1_zeros = torch.full_like(res3_1_sampled, 0.0)
        res3_1_shortcut = torch.cat([res3_1_sampled, res3_1_zeros], dim=1)
        del res3_1_sampled, res3_1_zeros
        res3_1_a = F.relu(self.res3_1_a_bn(self.res3_1_a(res2_3)))
        res3_1_b = self.res3_1_b_bn(self.res3_1_b(res3_1_a))
        del res2_3, res3_1_a
        res3_1 = F.relu(res3_1_shortcut + res3_1_b)
        del res3_1_shortcut, res3_1_b
        res3_2_a = F.relu(self.res3_2_a_bn(self.res3_2_a(res3_1)))
        res3_2_b = self.res3_2_b_bn(self.res3_2_b(res3_2_a))
        res3_2 = F.relu(res3_1 + res3_2_b)
        del res3_2_a, res3_1, res3_2_b
        res3_3_a = F.relu(self.res3_3_a_bn(self.res3_3_a(res3_2)))
        res3_3_b = self.res3_3_b_bn(self.res3_3_b(res3_3_a))
        res3_3 = F.relu(res3_2 + res3_3_b)
        del res3_3_a, res3_2, res3_3_b
        res4_1_sampled = self.res4_1_sampled(res3_3)
        res4_1_zeros = torch.full_like(res4_1_sampled, 0.0)
        res4_1_shortcut = torch.cat([res4_1_sampled, res4_1_zeros], dim=1)
        del res4_1_sampled, res4_1_zeros
        res4_1_a = F.relu(self.res4_1_a_bn(self.res4_1_a(res3_3)))
        res4_1_b = self.res4_1_b_bn(self.res4_1_b(res4_1_a))
        res4_1 = F.relu(res4_1_shortcut + res4_1_b)
        del res3_3, res4_1_a, res4_1_shortcut, res4_1_b
        res4_2_a = F.relu(self.res4_2_a_bn(self.res4_2_a(res4_1)))
        res4_2_b = self.res4_2_b_bn(self.res4_2_b(res4_2_a))
        res4_2 = F.relu(res4_1 + res4_2_b)
        del res4_2_a, res4_1, res4_2_b
        res4_3_a = F.relu(self.res4_3_a_bn(self.res4_3_a(res4_2)))
        res4_3_b = self.res4_3_b_bn(self.res4_3_b(res4_3_a))
        res4_3 = F.relu(res4_2 + res4_3_b)
        del res4_3_a, res4_2, res4_3_b
        pool = res4_3.mean((2, 3))
        fc10 = self.fc10(pool)
        return F.softmax(fc10, dim=1)


if __name__ == "__main__":
    net = ResNet20CIFAR().eval()
    print(tuple(net(torch.zeros(1, 3, 32, 32)).shape))
