"""LeNet5, compiled from deploy.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import nn


class Scale(nn.Module):
    """Multiply by a learned factor, and add a learned bias, before so many trailing axes."""

    def __init__(
        self,
        shape: int | list[int],
        trailing: int = 0,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.trailing = (1,) * trailing
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = self.weight.shape + self.trailing
        y = x * self.weight.view(shape)
        return y if self.bias is None else y + self.bias.view(shape)


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.C1 = nn.Conv2d(1, 6, 5)
        self.S2 = nn.AvgPool2d(2, ceil_mode=True)
        self.S2_gain = Scale(6, trailing=2, bias=True)
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
        self.S4 = nn.AvgPool2d(2, ceil_mode=True)
        self.S4_gain = Scale(16, trailing=2, bias=True)
        self.C5 = nn.Conv2d(16, 120, 5)
        self.F6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)

    def forward(self, data):
        C1 = self.C1(data)
        C1_in = torch.tanh(C1 * 0.6666667)
        C1_out = C1_in * 1.7159
        del C1, C1_in
        S2 = self.S2_gain(self.S2(C1_out))
        S2_in = torch.tanh(S2 * 0.6666667)
        del C1_out, S2
        S2_out = S2_in * 1.7159
        S2_0, S2_1, S2_2, S2_3, S2_4, S2_5 = S2_out.chunk(6, dim=1)
        C3_in0 = torch.cat([S2_0, S2_1, S2_2], dim=1)
        C3_0 = self.C3_0(C3_in0)
        C3_in1 = torch.cat([S2_1, S2_2, S2_3], dim=1)
        C3_1 = self.C3_1(C3_in1)
        C3_in2 = torch.cat([S2_2, S2_3, S2_4], dim=1)
        C3_2 = self.C3_2(C3_in2)
        C3_in3 = torch.cat([S2_3, S2_4, S2_5], dim=1)
        C3_3 = self.C3_3(C3_in3)
        C3_in4 = torch.cat([S2_0, S2_4, S2_5], dim=1)
        C3_4 = self.C3_4(C3_in4)
        del S2_in, S2_out, C3_in0, C3_in1, C3_in2, C3_in3, C3_in4
        C3_in5 = torch.cat([S2_0, S2_1, S2_5], dim=1)
        C3_5 = self.C3_5(C3_in5)
        C3_in6 = torch.cat([S2_0, S2_1, S2_2, S2_3], dim=1)
        C3_6 = self.C3_6(C3_in6)
        C3_in7 = torch.cat([S2_1, S2_2, S2_3, S2_4], dim=1)
        C3_7 = self.C3_7(C3_in7)
        C3_in8 = torch.cat([S2_2, S2_3, S2_4, S2_5], dim=1)
        C3_8 = self.C3_8(C3_in8)
        C3_in9 = torch.cat([S2_0, S2_3, S2_4, S2_5], dim=1)
        C3_9 = self.C3_9(C3_in9)
        C3_in10 = torch.cat([S2_0, S2_1, S2_4, S2_5], dim=1)
        C3_10 = self.C3_10(C3_in10)
        C3_in11 = torch.cat([S2_0, S2_1, S2_2, S2_5], dim=1)
        C3_11 = self.C3_11(C3_in11)
        del C3_in5, C3_in6, C3_in7, C3_in8, C3_in9, C3_in10, C3_in11
        C3_in12 = torch.cat([S2_0, S2_1, S2_3, S2_4], dim=1)
        C3_12 = self.C3_12(C3_in12)
        C3_in13 = torch.cat([S2_1, S2_2, S2_4, S2_5], dim=1)
        C3_13 = self.C3_13(C3_in13)
        C3_in14 = torch.cat([S2_0, S2_2, S2_3, S2_5], dim=1)
        C3_14 = self.C3_14(C3_in14)
        C3_in15 = torch.cat([S2_0, S2_1, S2_2, S2_3, S2_4, S2_5], dim=1)
        del C3_in12, C3_in13, C3_in14, S2_0, S2_1, S2_2, S2_3, S2_4, S2_5
        C3_15 = self.C3_15(C3_in15)
        C3 = torch.cat(
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
        del C3_in15, C3_0, C3_1, C3_2, C3_3, C3_4, C3_5, C3_6, C3_7, C3_8, C3_9, C3_10
        del C3_11, C3_12, C3_13, C3_14, C3_15
        C3_in = torch.tanh(C3 * 0.6666667)
        C3_out = C3_in * 1.7159
        S4 = self.S4_gain(self.S4(C3_out))
        del C3, C3_in, C3_out
        S4_in = torch.tanh(S4 * 0.6666667)
        S4_out = S4_in * 1.7159
        C5 = self.C5(S4_out)
        C5_in = torch.tanh(C5 * 0.6666667)
        C5_out = C5_in * 1.7159
        F6 = self.F6(C5_out.flatten(1))
        F6_in = torch.tanh(F6 * 0.6666667)
        F6_out = F6_in * 1.7159
        output = self.output(F6_out)
        return F.softmax(output, dim=1)


if __name__ == "__main__":
    net = LeNet5().eval()
    print(tuple(net(torch.zeros(1, 1, 32, 32)).shape))
