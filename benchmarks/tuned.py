"""The loops that one tunes by hand in PyTorch, the other side of training's comparison."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from handwritten import AlexNet, GoogLeNetInTraining, LeNet
from torch import nn


class Basic(nn.Module):
    """Two convolutions beside a shortcut, which takes every second pixel and pads with zeros."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.narrows = inputs != outputs
        self.conv1 = nn.Conv2d(
            inputs, outputs, 3, stride=2 if self.narrows else 1, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        if self.narrows:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, x.shape[1]))
        return F.relu(x + y, inplace=True)


class ResNet20(nn.Sequential):
    def __init__(self):
        widths = [16] * 4 + [32] * 3 + [64] * 3
        pairs = zip(widths, widths[1:], strict=False)
        super().__init__(
            nn.Conv2d(3, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            *(Basic(inputs, outputs) for inputs, outputs in pairs),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64, 10),
        )


def _convolved(inputs, outputs, kernel, stride=1, groups=1):
    pad = kernel // 2
    conv = nn.Conv2d(inputs, outputs, kernel, stride, pad, groups=groups, bias=False)
    return conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


class MobileNet(nn.Sequential):
    def __init__(self):
        parts = [*_convolved(3, 32, 3, 2)]
        inputs = 32
        for outputs, stride in (
            *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
            *[(512, 1)] * 5,
            *((1024, 2), (1024, 1)),
        ):
            parts += _convolved(inputs, inputs, 3, stride, inputs)
            parts += _convolved(inputs, outputs, 1)
            inputs = outputs
        super().__init__(
            *parts,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.001),
            nn.Linear(1024, 1000),
        )


class Classified(nn.Module):
    """AlexNet without its softmax, which cross_entropy has."""

    def __init__(self):
        super().__init__()
        net = AlexNet()
        self.features, self.classifier = net.features, net.classifier[:-1]

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


@dataclass(frozen=True)
class Way:
    """How a loop is tuned."""

    channels_last: bool = False
    compiled: bool = False

    def __str__(self):
        form = "channels-last" if self.channels_last else "planes first"
        return f"{form}, torch.compile" if self.compiled else form


class Loop:
    """A step as one writes it: fused SGD, the loss read at the end."""

    def __init__(self, cls, batch, rate, way):
        form = torch.channels_last if way.channels_last else torch.contiguous_format
        self.net = cls().to(memory_format=form)
        images, labels = batch
        self.images, self.labels = images.contiguous(memory_format=form), labels.long()
        settings = {"lr": rate, "momentum": 0.9, "weight_decay": 0.0005}
        self.optimizer = torch.optim.SGD(self.net.parameters(), **settings, fused=True)
        self.call = torch.compile(self.loss) if way.compiled else self.loss

    def loss(self, images, labels):
        found = self.net(images)
        if isinstance(found, tuple):
            return sum(weight * F.cross_entropy(y, labels) for weight, y in found)
        return F.cross_entropy(found, labels)

    def step(self):
        self.optimizer.zero_grad()
        loss = self.call(self.images, self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


NETS = {
    "alexnet": Classified,
    "googlenet": GoogLeNetInTraining,
    "resnet20_cifar": ResNet20,
    "mobilenet_v1": MobileNet,
    "lenet": LeNet,
}
