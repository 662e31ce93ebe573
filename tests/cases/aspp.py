"""aspp, compiled from aspp.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Aspp(nn.Module):
    def __init__(self):
        super().__init__()
        self.aspp_1x1 = nn.Conv2d(512, 256, 1, bias=False)
        self.aspp_1x1_bn = nn.BatchNorm2d(256)
        self.aspp_rate6 = nn.Conv2d(512, 256, 3, padding=6, dilation=6, bias=False)
        self.aspp_rate6_bn = nn.BatchNorm2d(256)
        self.aspp_rate12 = nn.Conv2d(512, 256, 3, padding=12, dilation=12, bias=False)
        self.aspp_rate12_bn = nn.BatchNorm2d(256)
        self.aspp_rate18 = nn.Conv2d(512, 256, 3, padding=18, dilation=18, bias=False)
        self.aspp_rate18_bn = nn.BatchNorm2d(256)
        self.aspp_image = nn.Conv2d(512, 256, 1, bias=False)
        self.aspp_image_bn = nn.BatchNorm2d(256)

    def forward(self, data: Tensor) -> Tensor:
        aspp_1x1 = F.relu(self.aspp_1x1_bn(self.aspp_1x1(data)))
        aspp_rate6 = F.relu(self.aspp_rate6_bn(self.aspp_rate6(data)))
        aspp_rate12 = F.relu(self.aspp_rate12_bn(self.aspp_rate12(data)))
        aspp_rate18 = F.relu(self.aspp_rate18_bn(self.aspp_rate18(data)))
        x = data.mean((2, 3), keepdim=True)
        x = F.relu(self.aspp_image_bn(self.aspp_image(x)))
        aspp_flat = x.flatten(1)
        x = torch.full_like(aspp_1x1, 1.0)
        aspp_spread = x * aspp_flat[..., None, None]
        return torch.cat(
            [aspp_1x1, aspp_rate6, aspp_rate12, aspp_rate18, aspp_spread], dim=1
        )


if __name__ == "__main__":
    net = Aspp().eval()
    print(tuple(net(torch.zeros(1, 512, 33, 33)).shape))
