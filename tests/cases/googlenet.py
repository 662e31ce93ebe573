"""GoogLeNet, compiled from deploy.prototxt by protonet."""

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


# Caffe's name of each layer.
LAYERS = {
    "conv1/7x7_s2": "conv1_7x7_s2",
    "pool1/3x3_s2": "pool1_3x3_s2",
    "conv2/3x3_reduce": "conv2_3x3_reduce",
    "conv2/3x3": "conv2_3x3",
    "pool2/3x3_s2": "pool2_3x3_s2",
    "inception_3a/1x1": "inception_3a_1x1",
    "inception_3a/3x3_reduce": "inception_3a_3x3_reduce",
    "inception_3a/3x3": "inception_3a_3x3",
    "inception_3a/5x5_reduce": "inception_3a_5x5_reduce",
    "inception_3a/5x5": "inception_3a_5x5",
    "inception_3a/pool": "inception_3a_pool",
    "inception_3a/pool_proj": "inception_3a_pool_proj",
    "inception_3b/1x1": "inception_3b_1x1",
    "inception_3b/3x3_reduce": "inception_3b_3x3_reduce",
    "inception_3b/3x3": "inception_3b_3x3",
    "inception_3b/5x5_reduce": "inception_3b_5x5_reduce",
    "inception_3b/5x5": "inception_3b_5x5",
    "inception_3b/pool": "inception_3b_pool",
    "inception_3b/pool_proj": "inception_3b_pool_proj",
    "pool3/3x3_s2": "pool3_3x3_s2",
    "inception_4a/1x1": "inception_4a_1x1",
    "inception_4a/3x3_reduce": "inception_4a_3x3_reduce",
    "inception_4a/3x3": "inception_4a_3x3",
    "inception_4a/5x5_reduce": "inception_4a_5x5_reduce",
    "inception_4a/5x5": "inception_4a_5x5",
    "inception_4a/pool": "inception_4a_pool",
    "inception_4a/pool_proj": "inception_4a_pool_proj",
    "inception_4b/1x1": "inception_4b_1x1",
    "inception_4b/3x3_reduce": "inception_4b_3x3_reduce",
    "inception_4b/3x3": "inception_4b_3x3",
    "inception_4b/5x5_reduce": "inception_4b_5x5_reduce",
    "inception_4b/5x5": "inception_4b_5x5",
    "inception_4b/pool": "inception_4b_pool",
    "inception_4b/pool_proj": "inception_4b_pool_proj",
    "inception_4c/1x1": "inception_4c_1x1",
    "inception_4c/3x3_reduce": "inception_4c_3x3_reduce",
    "inception_4c/3x3": "inception_4c_3x3",
    "inception_4c/5x5_reduce": "inception_4c_5x5_reduce",
    "inception_4c/5x5": "inception_4c_5x5",
    "inception_4c/pool": "inception_4c_pool",
    "inception_4c/pool_proj": "inception_4c_pool_proj",
    "inception_4d/1x1": "inception_4d_1x1",
    "inception_4d/3x3_reduce": "inception_4d_3x3_reduce",
    "inception_4d/3x3": "inception_4d_3x3",
    "inception_4d/5x5_reduce": "inception_4d_5x5_reduce",
    "inception_4d/5x5": "inception_4d_5x5",
    "inception_4d/pool": "inception_4d_pool",
    "inception_4d/pool_proj": "inception_4d_pool_proj",
    "inception_4e/1x1": "inception_4e_1x1",
    "inception_4e/3x3_reduce": "inception_4e_3x3_reduce",
    "inception_4e/3x3": "inception_4e_3x3",
    "inception_4e/5x5_reduce": "inception_4e_5x5_reduce",
    "inception_4e/5x5": "inception_4e_5x5",
    "inception_4e/pool": "inception_4e_pool",
    "inception_4e/pool_proj": "inception_4e_pool_proj",
    "pool4/3x3_s2": "pool4_3x3_s2",
    "inception_5a/1x1": "inception_5a_1x1",
    "inception_5a/3x3_reduce": "inception_5a_3x3_reduce",
    "inception_5a/3x3": "inception_5a_3x3",
    "inception_5a/5x5_reduce": "inception_5a_5x5_reduce",
    "inception_5a/5x5": "inception_5a_5x5",
    "inception_5a/pool": "inception_5a_pool",
    "inception_5a/pool_proj": "inception_5a_pool_proj",
    "inception_5b/1x1": "inception_5b_1x1",
    "inception_5b/3x3_reduce": "inception_5b_3x3_reduce",
    "inception_5b/3x3": "inception_5b_3x3",
    "inception_5b/5x5_reduce": "inception_5b_5x5_reduce",
    "inception_5b/5x5": "inception_5b_5x5",
    "inception_5b/pool": "inception_5b_pool",
    "inception_5b/pool_proj": "inception_5b_pool_proj",
    "pool5/7x7_s1": "pool5_7x7_s1",
    "pool5/drop": "pool5_drop",
    "loss3/classifier": "loss3_classifier",
}


class GoogLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1_7x7_s2 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.pool1_3x3_s2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2_3x3_reduce = nn.Conv2d(64, 64, 1)
        self.conv2_3x3 = nn.Conv2d(64, 192, 3, padding=1)
        self.pool2_3x3_s2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception_3a_1x1 = nn.Conv2d(192, 64, 1)
        self.inception_3a_3x3_reduce = nn.Conv2d(192, 96, 1)
        self.inception_3a_3x3 = nn.Conv2d(96, 128, 3, padding=1)
        self.inception_3a_5x5_reduce = nn.Conv2d(192, 16, 1)
        self.inception_3a_5x5 = nn.Conv2d(16, 32, 5, padding=2)
        self.inception_3a_pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.inception_3a_pool_proj = nn.Conv2d(192, 32, 1)
        self.inception_3b_1x1 = nn.Conv2d(256, 128, 1)
        self.inception_3b_3x3_reduce = nn.Conv2d(256, 128, 1)
        self.inception_3b_3x3 = nn.Conv2d(128, 192, 3, padding=1)
        self.inception_3b_5x5_reduce = nn.Conv2d(256, 32, 1)
        self.inception_3b_5x5 = nn.Conv2d(32, 96, 5, padding=2)
        self.inception_3b_pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.inception_3b_pool_proj = nn.Conv2d(256, 64, 1)
        self.pool3_3x3_s2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception_4a_1x1 = nn.Conv2d(480, 192, 1)
        self.inception_4a_3x3_reduce = nn.Conv2d(480, 96, 1)
        self.inception_4a_3x3 = nn.Conv2d(96, 208, 3, padding=1)
        self.inception_4a_5x5_reduce = nn.Conv2d(480, 16, 1)
        self.inception_4a_5x5 = nn.Conv2d(16, 48, 5, padding=2)
        self.inception_4a_pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.inception_4a_pool_proj = nn.Conv2d(480, 64, 1)
        self.inception_4b_1x1 = nn.Conv2d(512, 160, 1)
        self.inception_4b_3x3_reduce = nn.Conv2d(512, 112, 1)
        self.inception_4b_3x3 = nn.Conv2d(112, 224, 3, padding=1)
        self.inception_4b_5x5_reduce = nn.Conv2d(512, 24, 1)
        self.inception_4b_5x5 = nn.Conv2d(24, 64, 5, padding=2)
        self.inception_4b_pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.inception_4b_pool_proj = nn.Conv2d(512, 64, 1)
        self.inception_4c_1x1 = nn.Conv2d(512, 128, 1)
        self.inception_4c_3x3_reduce = nn.Conv2d(512, 128, 1)
        self.inception_4c_3x3 = nn.Conv2d(128, 256, 3, padding=1)
        self.inception_4c_5x5_reduce = nn.Conv2d(512, 24, 1)
        self.inception_4c_5x5 = nn.Conv2d(24, 64, 5, padding=2)
        self.inception_4c_pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.inception_4c_pool_proj = nn.Conv2d(512, 64, 1)
        self.inception_4d_1x1 = nn.Conv2d(512, 112, 1)
        self.inception_4d_3x3_reduce = nn.Conv2d(512, 144, 1)
        self.inception_4d_3x3 = nn.Conv2d(144, 288, 3, padding=1)
        self.inception_4d_5x5_reduce = nn.Conv2d(512, 32, 1)
        self.inception_4d_5x5 = nn.Conv2d(32, 64, 5, padding=2)
        self.inception_4d_pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.inception_4d_pool_proj = nn.Conv2d(512, 64, 1)
        self.inception_4e_1x1 = nn.Conv2d(528, 256, 1)
        self.inception_4e_3x3_reduce = nn.Conv2d(528, 160, 1)
        self.inception_4e_3x3 = nn.Conv2d(160, 320, 3, padding=1)
        self.inception_4e_5x5_reduce = nn.Conv2d(528, 32, 1)
        self.inception_4e_5x5 = nn.Conv2d(32, 128, 5, padding=2)
        self.inception_4e_pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.inception_4e_pool_proj = nn.Conv2d(528, 128, 1)
        self.pool4_3x3_s2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception_5a_1x1 = nn.Conv2d(832, 256, 1)
        self.inception_5a_3x3_reduce = nn.Conv2d(832, 160, 1)
        self.inception_5a_3x3 = nn.Conv2d(160, 320, 3, padding=1)
        self.inception_5a_5x5_reduce = nn.Conv2d(832, 32, 1)
        self.inception_5a_5x5 = nn.Conv2d(32, 128, 5, padding=2)
        self.inception_5a_pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.inception_5a_pool_proj = nn.Conv2d(832, 128, 1)
        self.inception_5b_1x1 = nn.Conv2d(832, 384, 1)
        self.inception_5b_3x3_reduce = nn.Conv2d(832, 192, 1)
        self.inception_5b_3x3 = nn.Conv2d(192, 384, 3, padding=1)
        self.inception_5b_5x5_reduce = nn.Conv2d(832, 48, 1)
        self.inception_5b_5x5 = nn.Conv2d(48, 128, 5, padding=2)
        self.inception_5b_pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.inception_5b_pool_proj = nn.Conv2d(832, 128, 1)
        self.pool5_7x7_s1 = nn.AvgPool2d(7, stride=1)
        self.pool5_drop = nn.Dropout(0.4)
        self.loss3_classifier = nn.Linear(1024, 1000)

    def forward(self, data):
        conv1_7x7_s2 = F.relu(self.conv1_7x7_s2(data))
        pool1_3x3_s2 = self.pool1_3x3_s2(conv1_7x7_s2)
        pool1_norm1 = local_response_norm(pool1_3x3_s2, 5)
        del conv1_7x7_s2, pool1_3x3_s2
        conv2_3x3_reduce = F.relu(self.conv2_3x3_reduce(pool1_norm1))
        conv2_3x3 = F.relu(self.conv2_3x3(conv2_3x3_reduce))
        conv2_norm2 = local_response_norm(conv2_3x3, 5)
        del pool1_norm1, conv2_3x3_reduce, conv2_3x3
        pool2_3x3_s2 = self.pool2_3x3_s2(conv2_norm2)
        inception_3a_1x1 = F.relu(self.inception_3a_1x1(pool2_3x3_s2))
        inception_3a_3x3_reduce = F.relu(self.inception_3a_3x3_reduce(pool2_3x3_s2))
        inception_3a_3x3 = F.relu(self.inception_3a_3x3(inception_3a_3x3_reduce))
        inception_3a_5x5_reduce = F.relu(self.inception_3a_5x5_reduce(pool2_3x3_s2))
        inception_3a_5x5 = F.relu(self.inception_3a_5x5(inception_3a_5x5_reduce))
        inception_3a_pool = self.inception_3a_pool(pool2_3x3_s2)
        del conv2_norm2, inception_3a_3x3_reduce, inception_3a_5x5_reduce, pool2_3x3_s2
        inception_3a_pool_proj = F.relu(self.inception_3a_pool_proj(inception_3a_pool))
        inception_3a_output = torch.cat(
            [
                inception_3a_1x1,
                inception_3a_3x3,
                inception_3a_5x5,
                inception_3a_pool_proj,
            ],
            dim=1,
        )
        del inception_3a_pool, inception_3a_1x1, inception_3a_3x3, inception_3a_5x5
        del inception_3a_pool_proj
        inception_3b_1x1 = F.relu(self.inception_3b_1x1(inception_3a_output))
        inception_3b_3x3_reduce = F.relu(
            self.inception_3b_3x3_reduce(inception_3a_output)
        )
        inception_3b_3x3 = F.relu(self.inception_3b_3x3(inception_3b_3x3_reduce))
        inception_3b_5x5_reduce = F.relu(
            self.inception_3b_5x5_reduce(inception_3a_output)
        )
        inception_3b_5x5 = F.relu(self.inception_3b_5x5(inception_3b_5x5_reduce))
        inception_3b_pool = self.inception_3b_pool(inception_3a_output)
        inception_3b_pool_proj = F.relu(self.inception_3b_pool_proj(inception_3b_pool))
        inception_3b_output = torch.cat(
            [
                inception_3b_1x1,
                inception_3b_3x3,
                inception_3b_5x5,
                inception_3b_pool_proj,
            ],
            dim=1,
        )
        del inception_3b_3x3_reduce, inception_3b_5x5_reduce, inception_3a_output
        del inception_3b_pool, inception_3b_1x1, inception_3b_3x3, inception_3b_5x5
        del inception_3b_pool_proj
        pool3_3x3_s2 = self.pool3_3x3_s2(inception_3b_output)
        inception_4a_1x1 = F.relu(self.inception_4a_1x1(pool3_3x3_s2))
        inception_4a_3x3_reduce = F.relu(self.inception_4a_3x3_reduce(pool3_3x3_s2))
        inception_4a_3x3 = F.relu(self.inception_4a_3x3(inception_4a_3x3_reduce))
        inception_4a_5x5_reduce = F.relu(self.inception_4a_5x5_reduce(pool3_3x3_s2))
        inception_4a_5x5 = F.relu(self.inception_4a_5x5(inception_4a_5x5_reduce))
        inception_4a_pool = self.inception_4a_pool(pool3_3x3_s2)
        inception_4a_pool_proj = F.relu(self.inception_4a_pool_proj(inception_4a_pool))
        inception_4a_output = torch.cat(
            [
                inception_4a_1x1,
                inception_4a_3x3,
                inception_4a_5x5,
                inception_4a_pool_proj,
            ],
            dim=1,
        )
        del inception_3b_output, inception_4a_3x3_reduce, inception_4a_5x5_reduce
        del pool3_3x3_s2, inception_4a_pool, inception_4a_1x1, inception_4a_3x3
        del inception_4a_5x5, inception_4a_pool_proj
        inception_4b_1x1 = F.relu(self.inception_4b_1x1(inception_4a_output))
        inception_4b_3x3_reduce = F.relu(
            self.inception_4b_3x3_reduce(inception_4a_output)
        )
        inception_4b_3x3 = F.relu(self.inception_4b_3x3(inception_4b_3x3_reduce))
        inception_4b_5x5_reduce = F.relu(
            self.inception_4b_5x5_reduce(inception_4a_output)
        )
        inception_4b_5x5 = F.relu(self.inception_4b_5x5(inception_4b_5x5_reduce))
        inception_4b_pool = self.inception_4b_pool(inception_4a_output)
        inception_4b_pool_proj = F.relu(self.inception_4b_pool_proj(inception_4b_pool))
        inception_4b_output = torch.cat(
            [
                inception_4b_1x1,
                inception_4b_3x3,
                inception_4b_5x5,
                inception_4b_pool_proj,
            ],
            dim=1,
        )
        del inception_4b_3x3_reduce, inception_4b_5x5_reduce, inception_4a_output
        del inception_4b_pool, inception_4b_1x1, inception_4b_3x3, inception_4b_5x5
        del inception_4b_pool_proj
        inception_4c_1x1 = F.relu(self.inception_4c_1x1(inception_4b_output))
        inception_4c_3x3_reduce = F.relu(
            self.inception_4c_3x3_reduce(inception_4b_output)
        )
        inception_4c_3x3 = F.relu(self.inception_4c_3x3(inception_4c_3x3_reduce))
        inception_4c_5x5_reduce = F.relu(
            self.inception_4c_5x5_reduce(inception_4b_output)
        )
        inception_4c_5x5 = F.relu(self.inception_4c_5x5(inception_4c_5x5_reduce))
        inception_4c_pool = self.inception_4c_pool(inception_4b_output)
        inception_4c_pool_proj = F.relu(self.inception_4c_pool_proj(inception_4c_pool))
        inception_4c_output = torch.cat(
            [
                inception_4c_1x1,
                inception_4c_3x3,
                inception_4c_5x5,
                inception_4c_pool_proj,
            ],
            dim=1,
        )
        del inception_4c_3x3_reduce, inception_4c_5x5_reduce, inception_4b_output
        del inception_4c_pool, inception_4c_1x1, inception_4c_3x3, inception_4c_5x5
        del inception_4c_pool_proj
        inception_4d_1x1 = F.relu(self.inception_4d_1x1(inception_4c_output))
        inception_4d_3x3_reduce = F.relu(
            self.inception_4d_3x3_reduce(inception_4c_output)
        )
        inception_4d_3x3 = F.relu(self.inception_4d_3x3(inception_4d_3x3_reduce))
        inception_4d_5x5_reduce = F.relu(
            self.inception_4d_5x5_reduce(inception_4c_output)
        )
        inception_4d_5x5 = F.relu(self.inception_4d_5x5(inception_4d_5x5_reduce))
        inception_4d_pool = self.inception_4d_pool(inception_4c_output)
        inception_4d_pool_proj = F.relu(self.inception_4d_pool_proj(inception_4d_pool))
        inception_4d_output = torch.cat(
            [
                inception_4d_1x1,
                inception_4d_3x3,
                inception_4d_5x5,
                inception_4d_pool_proj,
            ],
            dim=1,
        )
        del inception_4d_3x3_reduce, inception_4d_5x5_reduce, inception_4c_output
        del inception_4d_pool, inception_4d_1x1, inception_4d_3x3, inception_4d_5x5
        del inception_4d_pool_proj
        inception_4e_1x1 = F.relu(self.inception_4e_1x1(inception_4d_output))
        inception_4e_3x3_reduce = F.relu(
            self.inception_4e_3x3_reduce(inception_4d_output)
        )
        inception_4e_3x3 = F.relu(self.inception_4e_3x3(inception_4e_3x3_reduce))
        inception_4e_5x5_reduce = F.relu(
            self.inception_4e_5x5_reduce(inception_4d_output)
        )
        inception_4e_5x5 = F.relu(self.inception_4e_5x5(inception_4e_5x5_reduce))
        inception_4e_pool = self.inception_4e_pool(inception_4d_output)
        inception_4e_pool_proj = F.relu(self.inception_4e_pool_proj(inception_4e_pool))
        inception_4e_output = torch.cat(
            [
                inception_4e_1x1,
                inception_4e_3x3,
                inception_4e_5x5,
                inception_4e_pool_proj,
            ],
            dim=1,
        )
        del inception_4e_3x3_reduce, inception_4e_5x5_reduce, inception_4d_output
        del inception_4e_pool, inception_4e_1x1, inception_4e_3x3, inception_4e_5x5
        del inception_4e_pool_proj
        pool4_3x3_s2 = self.pool4_3x3_s2(inception_4e_output)
        inception_5a_1x1 = F.relu(self.inception_5a_1x1(pool4_3x3_s2))
        inception_5a_3x3_reduce = F.relu(self.inception_5a_3x3_reduce(pool4_3x3_s2))
        inception_5a_3x3 = F.relu(self.inception_5a_3x3(inception_5a_3x3_reduce))
        inception_5a_5x5_reduce = F.relu(self.inception_5a_5x5_reduce(pool4_3x3_s2))
        inception_5a_5x5 = F.relu(self.inception_5a_5x5(inception_5a_5x5_reduce))
        inception_5a_pool = self.inception_5a_pool(pool4_3x3_s2)
        inception_5a_pool_proj = F.relu(self.inception_5a_pool_proj(inception_5a_pool))
        inception_5a_output = torch.cat(
            [
                inception_5a_1x1,
                inception_5a_3x3,
                inception_5a_5x5,
                inception_5a_pool_proj,
            ],
            dim=1,
        )
        del inception_4e_output, inception_5a_3x3_reduce, inception_5a_5x5_reduce
        del pool4_3x3_s2, inception_5a_pool, inception_5a_1x1, inception_5a_3x3
        del inception_5a_5x5, inception_5a_pool_proj
        inception_5b_1x1 = F.relu(self.inception_5b_1x1(inception_5a_output))
        inception_5b_3x3_reduce = F.relu(
            self.inception_5b_3x3_reduce(inception_5a_output)
        )
        inception_5b_3x3 = F.relu(self.inception_5b_3x3(inception_5b_3x3_reduce))
        inception_5b_5x5_reduce = F.relu(
            self.inception_5b_5x5_reduce(inception_5a_output)
        )
        inception_5b_5x5 = F.relu(self.inception_5b_5x5(inception_5b_5x5_reduce))
        inception_5b_pool = self.inception_5b_pool(inception_5a_output)
        inception_5b_pool_proj = F.relu(self.inception_5b_pool_proj(inception_5b_pool))
        inception_5b_output = torch.cat(
            [
                inception_5b_1x1,
                inception_5b_3x3,
                inception_5b_5x5,
                inception_5b_pool_proj,
            ],
            dim=1,
        )
        del inception_5b_3x3_reduce, inception_5b_5x5_reduce, inception_5a_output
        del inception_5b_pool, inception_5b_1x1, inception_5b_3x3, inception_5b_5x5
        del inception_5b_pool_proj
        pool5_7x7_s1 = self.pool5_drop(self.pool5_7x7_s1(inception_5b_output))
        loss3_classifier = self.loss3_classifier(pool5_7x7_s1.flatten(1))
        return F.softmax(loss3_classifier, dim=1)


if __name__ == "__main__":
    net = GoogLeNet().eval()
    print(tuple(net(torch.zeros(10, 3, 224, 224)).shape))
