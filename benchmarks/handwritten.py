"""LeNet, AlexNet, GoogLeNet and ResNet-50 by hand, the other side of the comparison."""

import torch
import torch.nn.functional as F
from torch import nn


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.ip1 = nn.Linear(800, 500)
        self.ip2 = nn.Linear(500, 10)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 2)
        x = F.max_pool2d(self.conv2(x), 2)
        return self.ip2(F.relu(self.ip1(x.flatten(1))))


class AlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, 11, stride=4),
            nn.ReLU(),
            nn.LocalResponseNorm(5),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            nn.Conv2d(96, 256, 5, padding=2, groups=2),
            nn.ReLU(),
            nn.LocalResponseNorm(5),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
        )
        self.classifier = nn.Sequential(
            nn.Linear(9216, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 1000),
            nn.Softmax(dim=1),
        )

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Inception(nn.Module):
    def __init__(self, inputs, one, reduce3, three, reduce5, five, pooled):
        super().__init__()
        self.one = nn.Conv2d(inputs, one, 1)
        self.reduce3 = nn.Conv2d(inputs, reduce3, 1)
        self.three = nn.Conv2d(reduce3, three, 3, padding=1)
        self.reduce5 = nn.Conv2d(inputs, reduce5, 1)
        self.five = nn.Conv2d(reduce5, five, 5, padding=2)
        self.pool = nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True)
        self.pooled = nn.Conv2d(inputs, pooled, 1)

    def forward(self, x):
        one = F.relu(self.one(x))
        three = F.relu(self.three(F.relu(self.reduce3(x))))
        five = F.relu(self.five(F.relu(self.reduce5(x))))
        pooled = F.relu(self.pooled(self.pool(x)))
        return torch.cat([one, three, five, pooled], dim=1)


class GoogLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.conv2_reduce = nn.Conv2d(64, 64, 1)
        self.conv2 = nn.Conv2d(64, 192, 3, padding=1)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.stage3 = nn.Sequential(
            Inception(192, 64, 96, 128, 16, 32, 32),
            Inception(256, 128, 128, 192, 32, 96, 64),
        )
        self.stage4 = nn.Sequential(
            Inception(480, 192, 96, 208, 16, 48, 64),
            Inception(512, 160, 112, 224, 24, 64, 64),
            Inception(512, 128, 128, 256, 24, 64, 64),
            Inception(512, 112, 144, 288, 32, 64, 64),
            Inception(528, 256, 160, 320, 32, 128, 128),
        )
        self.stage5 = nn.Sequential(
            Inception(832, 256, 160, 320, 32, 128, 128),
            Inception(832, 384, 192, 384, 48, 128, 128),
        )
        self.last_pool = nn.AvgPool2d(7, stride=1, ceil_mode=True)
        self.dropout = nn.Dropout(0.4)
        self.classifier = nn.Linear(1024, 1000)

    def forward(self, x):
        x = F.local_response_norm(self.pool(F.relu(self.conv1(x))), 5)
        x = F.relu(self.conv2(F.relu(self.conv2_reduce(x))))
        x = self.pool(F.local_response_norm(x, 5))
        x = self.pool(self.stage3(x))
        x = self.pool(self.stage4(x))
        x = self.dropout(self.last_pool(self.stage5(x)))
        return F.softmax(self.classifier(x.flatten(1)), dim=1)


class Head(nn.Module):
    """A classifier half way up GoogLeNet, which helps to train it."""

    def __init__(self, inputs):
        super().__init__()
        self.pool = nn.AvgPool2d(5, stride=3, ceil_mode=True)
        self.conv = nn.Conv2d(inputs, 128, 1)
        self.hidden = nn.Linear(2048, 1024)
        self.dropout = nn.Dropout(0.7)
        self.classifier = nn.Linear(1024, 1000)

    def forward(self, x):
        x = F.relu(self.conv(self.pool(x)))
        return self.classifier(self.dropout(F.relu(self.hidden(x.flatten(1)))))


class GoogLeNetInTraining(GoogLeNet):
    """GoogLeNet with its two heads, as (loss weight, scores) of each classifier."""

    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList([Head(512), Head(528)])

    def forward(self, x):
        x = F.local_response_norm(self.pool(F.relu(self.conv1(x))), 5)
        x = F.relu(self.conv2(F.relu(self.conv2_reduce(x))))
        x = self.pool(F.local_response_norm(x, 5))
        x = self.stage4[0](self.pool(self.stage3(x)))
        first = self.heads[0](x)
        x = self.stage4[1:4](x)
        second = self.heads[1](x)
        x = self.stage5(self.pool(self.stage4[4](x)))
        x = self.classifier(self.dropout(self.last_pool(x)).flatten(1))
        return (0.3, first), (0.3, second), (1.0, x)


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride, project):
        super().__init__()
        self.shortcut = None
        if project:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, 4 * width, 1, stride=stride, bias=False),
                nn.BatchNorm2d(4 * width),
            )
        self.conv1 = nn.Conv2d(inputs, width, 1, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)

    def forward(self, x):
        shortcut = x if self.shortcut is None else self.shortcut(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(shortcut + self.bn3(self.conv3(x)))


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        blocks = []
        inputs = 64
        for stage, count in enumerate((3, 4, 6, 3)):
            width = 64 << stage
            for block in range(count):
                stride = 2 if stage and not block else 1
                blocks.append(Bottleneck(inputs, width, stride, not block))
                inputs = 4 * width
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(2048, 1000)

    def scores(self, x):
        x = self.blocks(self.pool(F.relu(self.bn1(self.conv1(x)))))
        x = x.mean((2, 3), keepdim=True)
        return self.classifier(x.flatten(1))

    def forward(self, x):
        return F.softmax(self.scores(x), dim=1)
