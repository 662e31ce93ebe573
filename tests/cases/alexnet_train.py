"""AlexNet, compiled from train_val.prototxt by protonet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def nearby_sum(x: Tensor, size: int) -> Tensor:
    """The sum over ``size`` channels around each channel."""
    total, channels = x.clone(), x.shape[1]
    for i in range(1, min(size // 2 + 1, channels)):
        total[:, i:] += x[:, :-i]
        total[:, :-i] += x[:, i:]
    return total


def inverse_power(x: Tensor, beta: float) -> Tensor:
    """The power -beta of x; square roots are several times faster than a power."""
    if beta != 0.75:
        return x**-beta
    root = x.rsqrt()
    return root * root.sqrt()


def in_parts(function, *batches):
    """What a function makes of batches; on a CPU part by part, as its cache holds them."""
    x = batches[0]
    step = max(1, 2**18 // max(1, x[:1].numel()))
    if step >= len(x) or not x.is_cpu or torch.compiler.is_compiling():
        return function(*batches)
    whole: list[Tensor] = []
    for i in range(0, len(x), step):
        parts = function(*(batch[i : i + step] for batch in batches))
        whole = whole or [torch.empty_like(x) for _ in parts]
        for result, part in zip(whole, parts, strict=True):
            result[i : i + step].copy_(part)
    return tuple(whole)


class CrossChannelNorm(torch.autograd.Function):
    """y = x * scale ** -beta, with scale = k + alpha / size * (sum of squares nearby)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, size, alpha, beta, k):
        def normed(x):
            scale = nearby_sum(x.square(), size).mul_(alpha / size).add_(k)
            return x * inverse_power(scale, beta), scale

        return in_parts(normed, x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.size, ctx.alpha, ctx.beta, _ = inputs
        ctx.save_for_backward(x, *output)

    @staticmethod
    def backward(ctx, y_grad, scale_grad):
        def gradient(y_grad, scale_grad, x, y, scale):
            ratio = scale_grad - ctx.beta * y_grad * y / scale
            direct = y_grad * inverse_power(scale, ctx.beta)
            around = nearby_sum(ratio, ctx.size)
            return (torch.addcmul(direct, around, x, value=2 * ctx.alpha / ctx.size),)

        (x_grad,) = in_parts(gradient, y_grad, scale_grad, *ctx.saved_tensors)
        return x_grad, None, None, None, None


def cross_channel_norm(x: Tensor, size: int) -> Tensor:
    """F.local_response_norm with the gradient that Caffe computes, in one step each way."""
    normed: Tensor = CrossChannelNorm.apply(x, size, 0.0001, 0.75, 1.0)[0]
    return normed


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
                nn.init.constant_(module.bias, 0.1)
            elif isinstance(module, nn.Linear):
                nn.init.constant_(module.bias, 0.1)
        nn.init.zeros_(self.conv1.bias)
        nn.init.zeros_(self.conv3.bias)
        nn.init.normal_(self.fc6.weight, std=0.005)
        nn.init.normal_(self.fc7.weight, std=0.005)
        nn.init.normal_(self.fc8.weight, std=0.01)
        nn.init.zeros_(self.fc8.bias)

    def forward(self, data: Tensor, label: Tensor) -> dict[str, Tensor]:
        x = self.pool(cross_channel_norm(F.relu(self.conv1(data), inplace=True), 5))
        x = self.pool(cross_channel_norm(F.relu(self.conv2(x), inplace=True), 5))
        x = F.relu(self.conv3(x), inplace=True)
        x = F.relu(self.conv4(x), inplace=True)
        x = self.pool(F.relu(self.conv5(x), inplace=True))
        x = self.drop(F.relu(self.fc6(x.flatten(1)), inplace=True))
        x = self.drop(F.relu(self.fc7(x), inplace=True))
        x = self.fc8(x)
        loss = softmax_loss(x, label.long())
        return {"loss": loss, "objective": loss}


if __name__ == "__main__":
    net = AlexNet()
    inputs = [torch.zeros(256, 3, 227, 227), torch.zeros(256)]
    for blob, value in net(*inputs).items():
        print(blob, tuple(value.shape))
