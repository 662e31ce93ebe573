"""AlexNet, compiled from train_val.prototxt by protonet."""

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


def rank(scores: Tensor, labels: Tensor, axis: int) -> Tensor:
    """How many scores are as large as the label's, its own among them."""
    own = scores.gather(axis, labels.unsqueeze(axis))
    return (scores >= own).sum(axis, dtype=torch.int32)


def top_k_accuracy(
    scores: Tensor,
    labels: Tensor,
    top_k: int = 1,
    axis: int = 1,
) -> Tensor:
    """The share of labels among the top_k scores; a score as large as the label's counts."""
    return (rank(scores, labels, axis) <= top_k).to(scores.dtype).mean()


def softmax_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """F.cross_entropy, a probability counting as at least 2^-126; the gradient goes on below."""
    own = F.cross_entropy(scores, labels, reduction="none")
    own.detach().clamp_max_(87.33654475)
    return own.mean() if own.numel() else own.sum()


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
        self.reset_parameters()

    def reset_parameters(self):
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
        nn.init.constant_(self.conv2.bias, 0.1)
        nn.init.constant_(self.conv4.bias, 0.1)
        nn.init.constant_(self.conv5.bias, 0.1)
        nn.init.normal_(self.fc6.weight, std=0.005)
        nn.init.constant_(self.fc6.bias, 0.1)
        nn.init.normal_(self.fc7.weight, std=0.005)
        nn.init.constant_(self.fc7.bias, 0.1)
        nn.init.normal_(self.fc8.weight, std=0.01)

    def forward(self, data: Tensor, label: Tensor) -> dict[str, Tensor]:
        label = label.long()
        x = self.pool(local_response_norm(F.relu(self.conv1(data)), 5))
        x = self.pool(local_response_norm(F.relu(self.conv2(x)), 5))
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = self.pool(F.relu(self.conv5(x)))
        x = self.drop(F.relu(self.fc6(x.flatten(1))))
        x = self.drop(F.relu(self.fc7(x)))
        fc8 = self.fc8(x)
        accuracy = top_k_accuracy(fc8, label)
        top5 = top_k_accuracy(fc8, label, top_k=5)
        loss = softmax_loss(fc8, label)
        return {"accuracy": accuracy, "top5": top5, "loss": loss}


if __name__ == "__main__":
    net = AlexNet().eval()
    inputs = [torch.zeros(50, 3, 227, 227), torch.zeros(50)]
    for blob, value in net(*inputs).items():
        print(blob, tuple(value.shape))
