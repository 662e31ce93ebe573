"""LeNet5, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ScaleBias(nn.Module):
    """Multiply each channel by a learned factor, and add a learned bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.C1 = nn.Conv2d(1, 6, 5)
        self.pool = nn.AvgPool2d(2, ceil_mode=True)
        self.S2_gain = ScaleBias(6)
        self.C3_0 = nn.Conv2d(3, 1, 5)
        self.C3_1 = nn.Conv2d(3, 1, 5)
        self.C3_2 = nn.Conv2d(3, 1, 5)
        self.C3_3 = nn.Conv2d(3, 1, 5)
        self.C3_4 = nn.Conv2d(3, 1, 5)
        self.C3_5 = nn.Conv2d(3, 1, 5)
        self.C3_6 = nn.Conv2d(4, 1, 5)
        self.C3_7 = nn.Conv2d(4, 1, 5)
        self.C3_8 = nn.Conv2d(4, 1, 5)
        self.C3_9 = nn.Conv2d(4, 1, 5)
        self.C3_10 = nn.Conv2d(4, 1, 5)
        self.C3_11 = nn.Conv2d(4, 1, 5)
        self.C3_12 = nn.Conv2d(4, 1, 5)
        self.C3_13 = nn.Conv2d(4, 1, 5)
        self.C3_14 = nn.Conv2d(4, 1, 5)
        self.C3_15 = nn.Conv2d(6, 1, 5)
        self.S4_gain = ScaleBias(16)
        self.C5 = nn.Conv2d(16, 120, 5)
        self.F6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)

    def forward(self, data: Tensor) -> Tensor:
        x = torch.tanh(self.C1(data) * 0.6666667) * 1.7159
        x = torch.tanh(self.S2_gain(self.pool(x)) * 0.6666667) * 1.7159
        S2_0, S2_1, S2_2, S2_3, S2_4, S2_5 = x.chunk(6, dim=1)
        C3_0 = self.C3_0(torch.cat([S2_0, S2_1, S2_2], dim=1))
        C3_1 = self.C3_1(torch.cat([S2_1, S2_2, S2_3], dim=1))
        C3_2 = self.C3_2(torch.cat([S2_2, S2_3, S2_4], dim=1))
        C3_3 = self.C3_3(torch.cat([S2_3, S2_4, S2_5], dim=1))
        C3_4 = self.C3_4(torch.cat([S2_0, S2_4, S2_5], dim=1))
        C3_5 = self.C3_5(torch.cat([S2_0, S2_1, S2_5], dim=1))
        C3_6 = self.C3_6(torch.cat([S2_0, S2_1, S2_2, S2_3], dim=1))
        C3_7 = self.C3_7(torch.cat([S2_1, S2_2, S2_3, S2_4], dim=1))
        C3_8 = self.C3_8(torch.cat([S2_2, S2_3, S2_4, S2_5], dim=1))
        C3_9 = self.C3_9(torch.cat([S2_0, S2_3, S2_4, S2_5], dim=1))
        C3_10 = self.C3_10(torch.cat([S2_0, S2_1, S2_4, S2_5], dim=1))
        C3_11 = self.C3_11(torch.cat([S2_0, S2_1, S2_2, S2_5], dim=1))
        C3_12 = self.C3_12(torch.cat([S2_0, S2_1, S2_3, S2_4], dim=1))
        C3_13 = self.C3_13(torch.cat([S2_1, S2_2, S2_4, S2_5], dim=1))
        C3_14 = self.C3_14(torch.cat([S2_0, S2_2, S2_3, S2_5], dim=1))
        C3_15 = self.C3_15(torch.cat([S2_0, S2_1, S2_2, S2_3, S2_4, S2_5], dim=1))
        x = torch.cat(
            [
                C3_0,
                C3_1,
                C3_2,
                C3_3,
                C3_4,
                C3_5,
                C3_6,
                C3_7,
                C3_8,
                C3_9,
                C3_10,
                C3_11,
                C3_12,
                C3_13,
                C3_14,
                C3_15,
            ],
            dim=1,
        )
        x = torch.tanh(x * 0.6666667) * 1.7159
        x = torch.tanh(self.S4_gain(self.pool(x)) * 0.6666667) * 1.7159
        x = torch.tanh(self.C5(x) * 0.6666667) * 1.7159
        x = torch.tanh(self.F6(x.flatten(1)) * 0.6666667) * 1.7159
        return F.softmax(self.output(x), dim=1)


if __name__ == "__main__":
    net = LeNet5().eval()
    print(tuple(net(torch.zeros(1, 1, 32, 32)).shape))
