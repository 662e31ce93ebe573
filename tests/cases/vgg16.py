"""VGG16, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import nn


class VGG16(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1_1 = nn.Conv2d(3, 64, 3, padding=1)
        self.conv1_2 = nn.Conv2d(64, 64, 3, padding=1)
        self.pool1 = nn.MaxPool2d(2)
        self.conv2_1 = nn.Conv2d(64, 128, 3, padding=1)
        self.conv2_2 = nn.Conv2d(128, 128, 3, padding=1)
        self.pool2 = nn.MaxPool2d(2)
        self.conv3_1 = nn.Conv2d(128, 256, 3, padding=1)
        self.conv3_2 = nn.Conv2d(256, 256, 3, padding=1)
        self.conv3_3 = nn.Conv2d(256, 256, 3, padding=1)
        self.pool3 = nn.MaxPool2d(2)
        self.conv4_1 = nn.Conv2d(256, 512, 3, padding=1)
        self.conv4_2 = nn.Conv2d(512, 512, 3, padding=1)
        self.conv4_3 = nn.Conv2d(512, 512, 3, padding=1)
        self.pool4 = nn.MaxPool2d(2)
        self.conv5_1 = nn.Conv2d(512, 512, 3, padding=1)
        self.conv5_2 = nn.Conv2d(512, 512, 3, padding=1)
        self.conv5_3 = nn.Conv2d(512, 512, 3, padding=1)
        self.pool5 = nn.MaxPool2d(2)
        self.fc6 = nn.Linear(25088, 4096)
        self.drop6 = nn.Dropout(0.5)
        self.fc7 = nn.Linear(4096, 4096)
        self.drop7 = nn.Dropout(0.5)
        self.fc8 = nn.Linear(4096, 1000)

    def forward(self, data):
        conv1_1 = F.relu(self.conv1_1(data))
        conv1_2 = F.relu(self.conv1_2(conv1_1))
        pool1 = self.pool1(conv1_2)
        conv2_1 = F.relu(self.conv2_1(pool1))
        conv2_2 = F.relu(self.conv2_2(conv2_1))
        pool2 = self.pool2(conv2_2)
        conv3_1 = F.relu(self.conv3_1(pool2))
        conv3_2 = F.relu(self.conv3_2(conv3_1))
        conv3_3 = F.relu(self.conv3_3(conv3_2))
        pool3 = self.pool3(conv3_3)
        conv4_1 = F.relu(self.conv4_1(pool3))
        conv4_2 = F.relu(self.conv4_2(conv4_1))
        conv4_3 = F.relu(self.conv4_3(conv4_2))
        pool4 = self.pool4(conv4_3)
        conv5_1 = F.relu(self.conv5_1(pool4))
        conv5_2 = F.relu(self.conv5_2(conv5_1))
        conv5_3 = F.relu(self.conv5_3(conv5_2))
        pool5 = self.pool5(conv5_3)
        fc6 = self.drop6(F.relu(self.fc6(pool5.flatten(1))))
        fc7 = self.drop7(F.relu(self.fc7(fc6)))
        fc8 = self.fc8(fc7)
        return F.softmax(fc8, dim=1)


if __name__ == "__main__":
    net = VGG16().eval()
    print(tuple(net(torch.zeros(1, 3, 224, 224)).shape))
