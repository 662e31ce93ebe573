"""Each layer against the plainest PyTorch that one would write, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

IMAGE = (8, 64, 56, 56)
ROWS = (256, 1000)  # AlexNet's batch and classes


@dataclass
class Case:
    """A layer's fields, its bottoms' shapes (whole numbers below ``classes`` for labels)."""

    title: str
    fields: str
    shapes: list[tuple[int, ...]]
    plain: Callable[..., torch.Tensor]
    classes: int = 0
    phase: str = "TEST"


def case(title, fields, shapes, plain, classes=0, phase="TEST"):
    return Case(title, fields, shapes, plain, classes, phase)


WEIGHT, BIAS = torch.rand(64, requires_grad=True), torch.rand(64, requires_grad=True)
EMBEDDING = nn.Embedding(1000, 256)


def scaled(x):
    return x * WEIGHT[:, None, None] + BIAS[:, None, None]


def spatial_pyramid(x):
    pooled = [F.adaptive_max_pool2d(x, 2**i).flatten(1) for i in range(3)]
    return torch.cat(pooled, dim=1)


def normalised(x):
    x = x - x.mean((2, 3), keepdim=True)
    return x / (x.square().mean((2, 3), keepdim=True).sqrt() + 1e-9)


def recurrent(cell):
    def run(x, continues):
        state = None
        outputs = []
        for t in range(x.shape[0]):
            keep = continues[t][:, None]
            if isinstance(state, tuple):
                state = tuple(keep * s for s in state)
            elif state is not None:
                state = keep * state
            state = cell(x[t], state)
            outputs.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(outputs)

    return run


def rnn_with_output():
    run, out = recurrent(nn.RNNCell(128, 128)), nn.Linear(128, 128)
    return lambda x, c: torch.tanh(out(run(x, c)))


def contrastive(a, b, alike):
    distance = F.pairwise_distance(a, b, eps=0)
    apart = (1 - distance).clamp(min=0).square()
    return torch.where(alike != 0, distance.square(), apart).mean() / 2


def hinge(x, label):
    sign = 1 - 2 * F.one_hot(label.long(), x.shape[1])
    return F.relu(1 + sign * x).sum() / x.shape[0]


def unit(cell, gates, keep):
    enter, forget, leave, candidate = gates.chunk(4, dim=2)
    cell = keep[..., None] * forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
    return cell, leave.sigmoid() * cell.tanh()


def within(x):
    return x * (1 + F.avg_pool2d(x.square(), 5, stride=1, padding=2)) ** -0.75


CASES = [
    case("Convolution", "convolution_param { num_output: 64 kernel_size: 3 pad: 1 }", [IMAGE],
         nn.Conv2d(64, 64, 3, padding=1)),
    case("Deconvolution", "convolution_param { num_output: 32 kernel_size: 4 stride: 2 pad: 1 }",
         [(4, 64, 28, 28)], nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)),
    case("Pooling", "pooling_param { kernel_size: 3 stride: 2 }", [IMAGE],
         nn.MaxPool2d(3, stride=2, ceil_mode=True)),
    case("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }", [IMAGE],
         nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True)),
    case("Pooling", "pooling_param { pool: AVE global_pooling: true }", [IMAGE],
         nn.AdaptiveAvgPool2d(1)),
    case("LRN", "lrn_param { local_size: 5 }", [(16, 256, 27, 27)],
         lambda x: F.local_response_norm(x, 5, alpha=1)),
    case("LRN", "lrn_param { local_size: 5 norm_region: WITHIN_CHANNEL }", [IMAGE], within),
    case("InnerProduct", "inner_product_param { num_output: 1024 }", [ROWS], nn.Linear(1000, 1024)),
    case("ReLU", "", [IMAGE], F.relu),
    case("PReLU", "", [IMAGE], nn.PReLU(64)),
    case("Sigmoid", "", [IMAGE], torch.sigmoid),
    case("TanH", "", [IMAGE], torch.tanh),
    case("AbsVal", "", [IMAGE], torch.abs),
    case("BNLL", "", [IMAGE], F.softplus),
    case("ELU", "", [IMAGE], F.elu),
    case("Swish", "", [IMAGE], F.silu),
    case("Clip", "clip_param { min: -1 max: 1 }", [IMAGE], lambda x: x.clamp(-1, 1)),
    case("Exp", "", [IMAGE], torch.exp),
    case("Log", "log_param { shift: 3 }", [IMAGE], lambda x: (x + 3).log()),
    case("Power", "power_param { power: 2 scale: 0.5 shift: 1 }", [IMAGE],
         lambda x: (0.5 * x + 1) ** 2),
    case("Threshold", "", [IMAGE], lambda x: (x > 0).float()),
    case("Dropout", "", [IMAGE], nn.Dropout(0.5), phase="TRAIN"),
    case("Concat", "", [IMAGE, IMAGE], lambda a, b: torch.cat([a, b], 1)),
    case("Slice", "", [IMAGE], lambda x: x.chunk(2, 1)),
    case("Eltwise", "", [IMAGE, IMAGE], lambda a, b: a + b),
    case("Eltwise", "eltwise_param { coeff: 1 coeff: -0.5 }", [IMAGE, IMAGE],
         lambda a, b: a - 0.5 * b),
    case("Eltwise", "eltwise_param { operation: PROD }", [IMAGE, IMAGE], lambda a, b: a * b),
    case("Eltwise", "eltwise_param { operation: MAX }", [IMAGE, IMAGE], torch.maximum),
    case("BatchNorm", "", [IMAGE], nn.BatchNorm2d(64, affine=False), phase="TRAIN"),
    case("BatchNorm", "", [IMAGE], nn.BatchNorm2d(64, affine=False).eval()),
    case("Scale", "scale_param { bias_term: true }", [IMAGE], scaled),
    case("Bias", "", [IMAGE], lambda x: x + BIAS[:, None, None]),
    case("Softmax", "", [IMAGE], lambda x: x.softmax(1)),
    case("SoftmaxWithLoss", "", [ROWS, (256,)],
         lambda x, label: F.cross_entropy(x, label.long()), 1000),
    case("SoftmaxWithLoss", "loss_param { ignore_label: 7 }", [(2, 21, 160, 160), (2, 1, 160, 160)],
         lambda x, label: F.cross_entropy(x, label[:, 0].long(), ignore_index=7), 21),
    case("EuclideanLoss", "", [ROWS, ROWS], lambda a, b: (a - b).square().sum() / (2 * len(a))),
    case("SigmoidCrossEntropyLoss", "", [ROWS, ROWS], lambda x, t:
         F.binary_cross_entropy_with_logits(x, t.sigmoid(), reduction="sum") / len(x)),
    case("HingeLoss", "", [ROWS, (256,)], hinge, 1000),
    case("ContrastiveLoss", "", [ROWS, ROWS, (256,)], contrastive, 2),
    case("Accuracy", "", [ROWS, (256,)],
         lambda x, label: (x.topk(1)[1][:, 0] == label).float().mean(), 1000),
    case("ArgMax", "argmax_param { axis: 1 }", [ROWS], lambda x: x.topk(1)[1].float()),
    case("Crop", "crop_param { axis: 2 offset: 4 }", [IMAGE, (8, 64, 48, 48)],
         lambda x, s: x[:, :, 4 : 4 + s.shape[2], 4 : 4 + s.shape[3]]),
    case("Flatten", "", [IMAGE], lambda x: x.flatten(1)),
    case("Reshape", "reshape_param { shape { dim: 0 dim: -1 dim: 56 } }", [IMAGE],
         lambda x: x.view(x.shape[0], -1, 56)),
    case("Reduction", "reduction_param { axis: 1 }", [IMAGE], lambda x: x.flatten(1).sum(1)),
    case("Tile", "tile_param { tiles: 2 }", [IMAGE], lambda x: torch.cat([x, x], 1)),
    case("Embed", "embed_param { input_dim: 1000 num_output: 256 bias_term: false }", [(64, 20)],
         lambda x: EMBEDDING(x.long()), 1000),
    case("BatchReindex", "", [IMAGE, (8,)], lambda x, i: x[i.long()], 8),
    case("Im2col", "convolution_param { kernel_size: 3 pad: 1 }", [(4, 32, 28, 28)],
         lambda x: F.unfold(x, 3, padding=1).unflatten(2, x.shape[2:])),
    case("MVN", "", [IMAGE], normalised),
    case("SPP", "spp_param { pyramid_height: 3 }", [IMAGE], spatial_pyramid),
    case("MultinomialLogisticLoss", "", [ROWS, (256,)], lambda p, label:
         F.nll_loss(p.log(), label.long()), 1000),
    case("LSTMUnit", "", [(1, 64, 256), (1, 64, 1024), (1, 64)], unit, 2),
    case("LSTM", "recurrent_param { num_output: 128 }", [(20, 16, 128), (20, 16)],
         recurrent(nn.LSTMCell(128, 128)), 2),
    case("RNN", "recurrent_param { num_output: 128 }", [(20, 16, 128), (20, 16)],
         rnn_with_output(), 2),
]  # fmt: skip


def prototxt(tried: Case) -> str:
    names = "abcde"[: len(tried.shapes)]
    text = ""
    for name, shape in zip(names, tried.shapes, strict=True):
        dims = " ".join(f"dim: {n}" for n in shape)
        text += f'layer {{ name: "in_{name}" type: "Input" top: "{name}" '
        text += f"input_param {{ shape {{ {dims} }} }} }}\n"
    bottoms = " ".join(f'bottom: "{name}"' for name in names)
    tops = 'top: "y" top: "z"' if tried.title in ("Slice", "LSTMUnit") else 'top: "y"'
    body = f"{bottoms} {tops} {tried.fields}"
    return text + f'layer {{ name: "l" type: "{tried.title}" {body} }}'


def inputs(tried: Case) -> list[torch.Tensor]:
    torch.manual_seed(0)  # both sides get the same
    made = [torch.rand(shape) for shape in tried.shapes]
    if tried.classes:
        made[-1] = torch.randint(0, tried.classes, tried.shapes[-1]).float()
    for x in made[: len(made) - bool(tried.classes)]:
        x.requires_grad_()
    return made


def step(function, xs):
    """A forward pass, and a backward pass where there is a gradient."""
    y = function(*xs)
    if isinstance(y, dict):
        y = y.get("objective", next(iter(y.values())))
    y = y if isinstance(y, torch.Tensor) else y[0]
    if y.requires_grad:
        y.backward(torch.ones_like(y))
