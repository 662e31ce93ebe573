"""MobileNetV2, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import nn


# Caffe's name of each layer.
LAYERS = {
    "conv1": "conv1",
    "conv1/bn": "conv1_bn",
    "conv2_1/dw": "conv2_1_dw",
    "conv2_1/dw/bn": "conv2_1_dw_bn",
    "conv2_1/project": "conv2_1_project",
    "conv2_1/project/bn": "conv2_1_project_bn",
    "conv3_1/expand": "conv3_1_expand",
    "conv3_1/expand/bn": "conv3_1_expand_bn",
    "conv3_1/dw": "conv3_1_dw",
    "conv3_1/dw/bn": "conv3_1_dw_bn",
    "conv3_1/project": "conv3_1_project",
    "conv3_1/project/bn": "conv3_1_project_bn",
    "conv3_2/expand": "conv3_2_expand",
    "conv3_2/expand/bn": "conv3_2_expand_bn",
    "conv3_2/dw": "conv3_2_dw",
    "conv3_2/dw/bn": "conv3_2_dw_bn",
    "conv3_2/project": "conv3_2_project",
    "conv3_2/project/bn": "conv3_2_project_bn",
    "conv4_1/expand": "conv4_1_expand",
    "conv4_1/expand/bn": "conv4_1_expand_bn",
    "conv4_1/dw": "conv4_1_dw",
    "conv4_1/dw/bn": "conv4_1_dw_bn",
    "conv4_1/project": "conv4_1_project",
    "conv4_1/project/bn": "conv4_1_project_bn",
    "conv4_2/expand": "conv4_2_expand",
    "conv4_2/expand/bn": "conv4_2_expand_bn",
    "conv4_2/dw": "conv4_2_dw",
    "conv4_2/dw/bn": "conv4_2_dw_bn",
    "conv4_2/project": "conv4_2_project",
    "conv4_2/project/bn": "conv4_2_project_bn",
    "conv4_3/expand": "conv4_3_expand",
    "conv4_3/expand/bn": "conv4_3_expand_bn",
    "conv4_3/dw": "conv4_3_dw",
    "conv4_3/dw/bn": "conv4_3_dw_bn",
    "conv4_3/project": "conv4_3_project",
    "conv4_3/project/bn": "conv4_3_project_bn",
    "conv5_1/expand": "conv5_1_expand",
    "conv5_1/expand/bn": "conv5_1_expand_bn",
    "conv5_1/dw": "conv5_1_dw",
    "conv5_1/dw/bn": "conv5_1_dw_bn",
    "conv5_1/project": "conv5_1_project",
    "conv5_1/project/bn": "conv5_1_project_bn",
    "conv5_2/expand": "conv5_2_expand",
    "conv5_2/expand/bn": "conv5_2_expand_bn",
    "conv5_2/dw": "conv5_2_dw",
    "conv5_2/dw/bn": "conv5_2_dw_bn",
    "conv5_2/project": "conv5_2_project",
    "conv5_2/project/bn": "conv5_2_project_bn",
    "conv5_3/expand": "conv5_3_expand",
    "conv5_3/expand/bn": "conv5_3_expand_bn",
    "conv5_3/dw": "conv5_3_dw",
    "conv5_3/dw/bn": "conv5_3_dw_bn",
    "conv5_3/project": "conv5_3_project",
    "conv5_3/project/bn": "conv5_3_project_bn",
    "conv5_4/expand": "conv5_4_expand",
    "conv5_4/expand/bn": "conv5_4_expand_bn",
    "conv5_4/dw": "conv5_4_dw",
    "conv5_4/dw/bn": "conv5_4_dw_bn",
    "conv5_4/project": "conv5_4_project",
    "conv5_4/project/bn": "conv5_4_project_bn",
    "conv6_1/expand": "conv6_1_expand",
    "conv6_1/expand/bn": "conv6_1_expand_bn",
    "conv6_1/dw": "conv6_1_dw",
    "conv6_1/dw/bn": "conv6_1_dw_bn",
    "conv6_1/project": "conv6_1_project",
    "conv6_1/project/bn": "conv6_1_project_bn",
    "conv6_2/expand": "conv6_2_expand",
    "conv6_2/expand/bn": "conv6_2_expand_bn",
    "conv6_2/dw": "conv6_2_dw",
    "conv6_2/dw/bn": "conv6_2_dw_bn",
    "conv6_2/project": "conv6_2_project",
    "conv6_2/project/bn": "conv6_2_project_bn",
    "conv6_3/expand": "conv6_3_expand",
    "conv6_3/expand/bn": "conv6_3_expand_bn",
    "conv6_3/dw": "conv6_3_dw",
    "conv6_3/dw/bn": "conv6_3_dw_bn",
    "conv6_3/project": "conv6_3_project",
    "conv6_3/project/bn": "conv6_3_project_bn",
    "conv7_1/expand": "conv7_1_expand",
    "conv7_1/expand/bn": "conv7_1_expand_bn",
    "conv7_1/dw": "conv7_1_dw",
    "conv7_1/dw/bn": "conv7_1_dw_bn",
    "conv7_1/project": "conv7_1_project",
    "conv7_1/project/bn": "conv7_1_project_bn",
    "conv7_2/expand": "conv7_2_expand",
    "conv7_2/expand/bn": "conv7_2_expand_bn",
    "conv7_2/dw": "conv7_2_dw",
    "conv7_2/dw/bn": "conv7_2_dw_bn",
    "conv7_2/project": "conv7_2_project",
    "conv7_2/project/bn": "conv7_2_project_bn",
    "conv7_3/expand": "conv7_3_expand",
    "conv7_3/expand/bn": "conv7_3_expand_bn",
    "conv7_3/dw": "conv7_3_dw",
    "conv7_3/dw/bn": "conv7_3_dw_bn",
    "conv7_3/project": "conv7_3_project",
    "conv7_3/project/bn": "conv7_3_project_bn",
    "conv8_1/expand": "conv8_1_expand",
    "conv8_1/expand/bn": "conv8_1_expand_bn",
    "conv8_1/dw": "conv8_1_dw",
    "conv8_1/dw/bn": "conv8_1_dw_bn",
    "conv8_1/project": "conv8_1_project",
    "conv8_1/project/bn": "conv8_1_project_bn",
    "conv9": "conv9",
    "conv9/bn": "conv9_bn",
    "drop": "drop",
    "fc1000": "fc1000",
}


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False)
        self.conv1_bn = nn.BatchNorm2d(32)
        self.conv2_1_dw = nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False)
        self.conv2_1_dw_bn = nn.BatchNorm2d(32)
        self.conv2_1_project = nn.Conv2d(32, 16, 1, bias=False)
        self.conv2_1_project_bn = nn.BatchNorm2d(16)
        self.conv3_1_expand = nn.Conv2d(16, 96, 1, bias=False)
        self.conv3_1_expand_bn = nn.BatchNorm2d(96)
        self.conv3_1_dw = nn.Conv2d(
            96, 96, 3, stride=2, padding=1, groups=96, bias=False
        )
        self.conv3_1_dw_bn = nn.BatchNorm2d(96)
        self.conv3_1_project = nn.Conv2d(96, 24, 1, bias=False)
        self.conv3_1_project_bn = nn.BatchNorm2d(24)
        self.conv3_2_expand = nn.Conv2d(24, 144, 1, bias=False)
        self.conv3_2_expand_bn = nn.BatchNorm2d(144)
        self.conv3_2_dw = nn.Conv2d(144, 144, 3, padding=1, groups=144, bias=False)
        self.conv3_2_dw_bn = nn.BatchNorm2d(144)
        self.conv3_2_project = nn.Conv2d(144, 24, 1, bias=False)
        self.conv3_2_project_bn = nn.BatchNorm2d(24)
        self.conv4_1_expand = nn.Conv2d(24, 144, 1, bias=False)
        self.conv4_1_expand_bn = nn.BatchNorm2d(144)
        self.conv4_1_dw = nn.Conv2d(
            144, 144, 3, stride=2, padding=1, groups=144, bias=False
        )
        self.conv4_1_dw_bn = nn.BatchNorm2d(144)
        self.conv4_1_project = nn.Conv2d(144, 32, 1, bias=False)
        self.conv4_1_project_bn = nn.BatchNorm2d(32)
        self.conv4_2_expand = nn.Conv2d(32, 192, 1, bias=False)
        self.conv4_2_expand_bn = nn.BatchNorm2d(192)
        self.conv4_2_dw = nn.Conv2d(192, 192, 3, padding=1, groups=192, bias=False)
        self.conv4_2_dw_bn = nn.BatchNorm2d(192)
        self.conv4_2_project = nn.Conv2d(192, 32, 1, bias=False)
        self.conv4_2_project_bn = nn.BatchNorm2d(32)
        self.conv4_3_expand = nn.Conv2d(32, 192, 1, bias=False)
        self.conv4_3_expand_bn = nn.BatchNorm2d(192)
        self.conv4_3_dw = nn.Conv2d(192, 192, 3, padding=1, groups=192, bias=False)
        self.conv4_3_dw_bn = nn.BatchNorm2d(192)
        self.conv4_3_project = nn.Conv2d(192, 32, 1, bias=False)
        self.conv4_3_project_bn = nn.BatchNorm2d(32)
        self.conv5_1_expand = nn.Conv2d(32, 192, 1, bias=False)
        self.conv5_1_expand_bn = nn.BatchNorm2d(192)
        self.conv5_1_dw = nn.Conv2d(
            192, 192, 3, stride=2, padding=1, groups=192, bias=False
        )
        self.conv5_1_dw_bn = nn.BatchNorm2d(192)
        self.conv5_1_project = nn.Conv2d(192, 64, 1, bias=False)
        self.conv5_1_project_bn = nn.BatchNorm2d(64)
        self.conv5_2_expand = nn.Conv2d(64, 384, 1, bias=False)
        self.conv5_2_expand_bn = nn.BatchNorm2d(384)
        self.conv5_2_dw = nn.Conv2d(384, 384, 3, padding=1, groups=384, bias=False)
        self.conv5_2_dw_bn = nn.BatchNorm2d(384)
        self.conv5_2_project = nn.Conv2d(384, 64, 1, bias=False)
        self.conv5_2_project_bn = nn.BatchNorm2d(64)
        self.conv5_3_expand = nn.Conv2d(64, 384, 1, bias=False)
        self.conv5_3_expand_bn = nn.BatchNorm2d(384)
        self.conv5_3_dw = nn.Conv2d(384, 384, 3, padding=1, groups=384, bias=False)
        self.conv5_3_dw_bn = nn.BatchNorm2d(384)
        self.conv5_3_project = nn.Conv2d(384, 64, 1, bias=False)
        self.conv5_3_project_bn = nn.BatchNorm2d(64)
        self.conv5_4_expand = nn.Conv2d(64, 384, 1, bias=False)
        self.conv5_4_expand_bn = nn.BatchNorm2d(384)
        self.conv5_4_dw = nn.Conv2d(384, 384, 3, padding=1, groups=384, bias=False)
        self.conv5_4_dw_bn = nn.BatchNorm2d(384)
        self.conv5_4_project = nn.Conv2d(384, 64, 1, bias=False)
        self.conv5_4_project_bn = nn.BatchNorm2d(64)
        self.conv6_1_expand = nn.Conv2d(64, 384, 1, bias=False)
        self.conv6_1_expand_bn = nn.BatchNorm2d(384)
        self.conv6_1_dw = nn.Conv2d(384, 384, 3, padding=1, groups=384, bias=False)
        self.conv6_1_dw_bn = nn.BatchNorm2d(384)
        self.conv6_1_project = nn.Conv2d(384, 96, 1, bias=False)
        self.conv6_1_project_bn = nn.BatchNorm2d(96)
        self.conv6_2_expand = nn.Conv2d(96, 576, 1, bias=False)
        self.conv6_2_expand_bn = nn.BatchNorm2d(576)
        self.conv6_2_dw = nn.Conv2d(576, 576, 3, padding=1, groups=576, bias=False)
        self.conv6_2_dw_bn = nn.BatchNorm2d(576)
        self.conv6_2_project = nn.Conv2d(576, 96, 1, bias=False)
        self.conv6_2_project_bn = nn.BatchNorm2d(96)
        self.conv6_3_expand = nn.Conv2d(96, 576, 1, bias=False)
        self.conv6_3_expand_bn = nn.BatchNorm2d(576)
        self.conv6_3_dw = nn.Conv2d(576, 576, 3, padding=1, groups=576, bias=False)
        self.conv6_3_dw_bn = nn.BatchNorm2d(576)
        self.conv6_3_project = nn.Conv2d(576, 96, 1, bias=False)
        self.conv6_3_project_bn = nn.BatchNorm2d(96)
        self.conv7_1_expand = nn.Conv2d(96, 576, 1, bias=False)
        self.conv7_1_expand_bn = nn.BatchNorm2d(576)
        self.conv7_1_dw = nn.Conv2d(
            576, 576, 3, stride=2, padding=1, groups=576, bias=False
        )
        self.conv7_1_dw_bn = nn.BatchNorm2d(576)
        self.conv7_1_project = nn.Conv2d(576, 160, 1, bias=False)
        self.conv7_1_project_bn = nn.BatchNorm2d(160)
        self.conv7_2_expand = nn.Conv2d(160, 960, 1, bias=False)
        self.conv7_2_expand_bn = nn.BatchNorm2d(960)
        self.conv7_2_dw = nn.Conv2d(960, 960, 3, padding=1, groups=960, bias=False)
        self.conv7_2_dw_bn = nn.BatchNorm2d(960)
        self.conv7_2_project = nn.Conv2d(960, 160, 1, bias=False)
        self.conv7_2_project_bn = nn.BatchNorm2d(160)
        self.conv7_3_expand = nn.Conv2d(160, 960, 1, bias=False)
        self.conv7_3_expand_bn = nn.BatchNorm2d(960)
        self.conv7_3_dw = nn.Conv2d(960, 960, 3, padding=1, groups=960, bias=False)
        self.conv7_3_dw_bn = nn.BatchNorm2d(960)
        self.conv7_3_project = nn.Conv2d(960, 160, 1, bias=False)
        self.conv7_3_project_bn = nn.BatchNorm2d(160)
        self.conv8_1_expand = nn.Conv2d(160, 960, 1, bias=False)
        self.conv8_1_expand_bn = nn.BatchNorm2d(960)
        self.conv8_1_dw = nn.Conv2d(960, 960, 3, padding=1, groups=960, bias=False)
        self.conv8_1_dw_bn = nn.BatchNorm2d(960)
        self.conv8_1_project = nn.Conv2d(960, 320, 1, bias=False)
        self.conv8_1_project_bn = nn.BatchNorm2d(320)
        self.conv9 = nn.Conv2d(320, 1280, 1, bias=False)
        self.conv9_bn = nn.BatchNorm2d(1280)
        self.drop = nn.Dropout(0.2)
        self.fc1000 = nn.Linear(1280, 1000)

    def forward(self, data):
        conv1 = F.relu6(self.conv1_bn(self.conv1(data)))
        conv2_1_dw = F.relu6(self.conv2_1_dw_bn(self.conv2_1_dw(conv1)))
        conv2_1_project = self.conv2_1_project_bn(self.conv2_1_project(conv2_1_dw))
        conv3_1_expand = self.conv3_1_expand_bn(self.conv3_1_expand(conv2_1_project))
        conv3_1_expand = F.relu6(conv3_1_expand)
        conv3_1_dw = F.relu6(self.conv3_1_dw_bn(self.conv3_1_dw(conv3_1_expand)))
        conv3_1_project = self.conv3_1_project_bn(self.conv3_1_project(conv3_1_dw))
        conv3_2_expand = self.conv3_2_expand_bn(self.conv3_2_expand(conv3_1_project))
        conv3_2_expand = F.relu6(conv3_2_expand)
        conv3_2_dw = F.relu6(self.conv3_2_dw_bn(self.conv3_2_dw(conv3_2_expand)))
        conv3_2_project = self.conv3_2_project_bn(self.conv3_2_project(conv3_2_dw))
        conv3_2 = conv3_1_project + conv3_2_project
        conv4_1_expand = F.relu6(self.conv4_1_expand_bn(self.conv4_1_expand(conv3_2)))
        conv4_1_dw = F.relu6(self.conv4_1_dw_bn(self.conv4_1_dw(conv4_1_expand)))
        conv4_1_project = self.conv4_1_project_bn(self.conv4_1_project(conv4_1_dw))
        conv4_2_expand = self.conv4_2_expand_bn(self.conv4_2_expand(conv4_1_project))
        conv4_2_expand = F.relu6(conv4_2_expand)
        conv4_2_dw = F.relu6(self.conv4_2_dw_bn(self.conv4_2_dw(conv4_2_expand)))
        conv4_2_project = self.conv4_2_project_bn(self.conv4_2_project(conv4_2_dw))
        conv4_2 = conv4_1_project + conv4_2_project
        conv4_3_expand = F.relu6(self.conv4_3_expand_bn(self.conv4_3_expand(conv4_2)))
        conv4_3_dw = F.relu6(self.conv4_3_dw_bn(self.conv4_3_dw(conv4_3_expand)))
        conv4_3_project = self.conv4_3_project_bn(self.conv4_3_project(conv4_3_dw))
        conv4_3 = conv4_2 + conv4_3_project
        conv5_1_expand = F.relu6(self.conv5_1_expand_bn(self.conv5_1_expand(conv4_3)))
        conv5_1_dw = F.relu6(self.conv5_1_dw_bn(self.conv5_1_dw(conv5_1_expand)))
        conv5_1_project = self.conv5_1_project_bn(self.conv5_1_project(conv5_1_dw))
        conv5_2_expand = self.conv5_2_expand_bn(self.conv5_2_expand(conv5_1_project))
        conv5_2_expand = F.relu6(conv5_2_expand)
        conv5_2_dw = F.relu6(self.conv5_2_dw_bn(self.conv5_2_dw(conv5_2_expand)))
        conv5_2_project = self.conv5_2_project_bn(self.conv5_2_project(conv5_2_dw))
        conv5_2 = conv5_1_project + conv5_2_project
        conv5_3_expand = F.relu6(self.conv5_3_expand_bn(self.conv5_3_expand(conv5_2)))
        conv5_3_dw = F.relu6(self.conv5_3_dw_bn(self.conv5_3_dw(conv5_3_expand)))
        conv5_3_project = self.conv5_3_project_bn(self.conv5_3_project(conv5_3_dw))
        conv5_3 = conv5_2 + conv5_3_project
        conv5_4_expand = F.relu6(self.conv5_4_expand_bn(self.conv5_4_expand(conv5_3)))
        conv5_4_dw = F.relu6(self.conv5_4_dw_bn(self.conv5_4_dw(conv5_4_expand)))
        conv5_4_project = self.conv5_4_project_bn(self.conv5_4_project(conv5_4_dw))
        conv5_4 = conv5_3 + conv5_4_project
        conv6_1_expand = F.relu6(self.conv6_1_expand_bn(self.conv6_1_expand(conv5_4)))
        conv6_1_dw = F.relu6(self.conv6_1_dw_bn(self.conv6_1_dw(conv6_1_expand)))
        conv6_1_project = self.conv6_1_project_bn(self.conv6_1_project(conv6_1_dw))
        conv6_2_expand = self.conv6_2_expand_bn(self.conv6_2_expand(conv6_1_project))
        conv6_2_expand = F.relu6(conv6_2_expand)
        conv6_2_dw = F.relu6(self.conv6_2_dw_bn(self.conv6_2_dw(conv6_2_expand)))
        conv6_2_project = self.conv6_2_project_bn(self.conv6_2_project(conv6_2_dw))
        conv6_2 = conv6_1_project + conv6_2_project
        conv6_3_expand = F.relu6(self.conv6_3_expand_bn(self.conv6_3_expand(conv6_2)))
        conv6_3_dw = F.relu6(self.conv6_3_dw_bn(self.conv6_3_dw(conv6_3_expand)))
        conv6_3_project = self.conv6_3_project_bn(self.conv6_3_project(conv6_3_dw))
        conv6_3 = conv6_2 + conv6_3_project
        conv7_1_expand = F.relu6(self.conv7_1_expand_bn(self.conv7_1_expand(conv6_3)))
        conv7_1_dw = F.relu6(self.conv7_1_dw_bn(self.conv7_1_dw(conv7_1_expand)))
        conv7_1_project = self.conv7_1_project_bn(self.conv7_1_project(conv7_1_dw))
        conv7_2_expand = self.conv7_2_expand_bn(self.conv7_2_expand(conv7_1_project))
        conv7_2_expand = F.relu6(conv7_2_expand)
        conv7_2_dw = F.relu6(self.conv7_2_dw_bn(self.conv7_2_dw(conv7_2_expand)))
        conv7_2_project = self.conv7_2_project_bn(self.conv7_2_project(conv7_2_dw))
        conv7_2 = conv7_1_project + conv7_2_project
        conv7_3_expand = F.relu6(self.conv7_3_expand_bn(self.conv7_3_expand(conv7_2)))
        conv7_3_dw = F.relu6(self.conv7_3_dw_bn(self.conv7_3_dw(conv7_3_expand)))
        conv7_3_project = self.conv7_3_project_bn(self.conv7_3_project(conv7_3_dw))
        conv7_3 = conv7_2 + conv7_3_project
        conv8_1_expand = F.relu6(self.conv8_1_expand_bn(self.conv8_1_expand(conv7_3)))
        conv8_1_dw = F.relu6(self.conv8_1_dw_bn(self.conv8_1_dw(conv8_1_expand)))
        conv8_1_project = self.conv8_1_project_bn(self.conv8_1_project(conv8_1_dw))
        conv9 = F.relu6(self.conv9_bn(self.conv9(conv8_1_project)))
        pool = self.drop(conv9.mean((2, 3), keepdim=True))
        fc1000 = self.fc1000(pool.flatten(1))
        return F.softmax(fc1000, dim=1)


if __name__ == "__main__":
    net = MobileNetV2().eval()
    print(tuple(net(torch.zeros(1, 3, 224, 224)).shape))
