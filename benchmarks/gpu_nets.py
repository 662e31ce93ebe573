"""The nets of the comparison on a GPU: protonet's and the hand-written ones, of one's weights."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import handwritten
import torch
import torch.nn.functional as F
from torch import nn

import protonet
from protonet.training.updates import OPTIMIZERS

ZOO = Path(__file__).parent.parent / "zoo_prototxt"
SIZES = {"alexnet": 227, "googlenet": 224, "resnet50": 224}
TITLES = {"alexnet": "AlexNet", "googlenet": "GoogLeNet", "resnet50": "ResNet-50"}
DEPLOYED = {
    "alexnet": handwritten.AlexNet,
    "googlenet": handwritten.GoogLeNet,
    "resnet50": handwritten.ResNet50,
}
RATE = {"lr": 1e-4, "momentum": 0.9, "weight_decay": 0.0005}


@dataclass
class Mode:
    """How a net is run: the precision of its arithmetic and the order of its numbers."""

    title: str
    tf32: bool = False
    bf16: bool = False
    channels_last: bool = False
    graph: bool = False
    compiled: bool = False

    def enter(self, nets, device):
        """Set torch's switches, lay out the nets; the autocast to run them under."""
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.tf32
        form = torch.channels_last if self.channels_last else torch.contiguous_format
        for net in nets:
            net.to(memory_format=form)
        return lambda: torch.autocast(device, dtype=torch.bfloat16, enabled=self.bf16)

    def laid_out(self, x):
        form = torch.channels_last if self.channels_last else torch.contiguous_format
        return x.contiguous(memory_format=form)


FP32 = Mode("fp32, no TF32")
TF32 = Mode("fp32, TF32 allowed", tf32=True)
BF16 = Mode("bf16 autocast", tf32=True, bf16=True)
LAST = Mode("bf16 autocast, channels-last", tf32=True, bf16=True, channels_last=True)
GRAPH = Mode("fp32, TF32 allowed, CUDA graph", tf32=True, graph=True)
GRAPH16 = Mode("bf16, channels-last, CUDA graph", True, True, True, graph=True)
COMPILED = Mode("bf16, channels-last, torch.compile", True, True, True, compiled=True)


@dataclass
class Pair:
    """One net from both hands, with the same weights."""

    name: str
    ours: nn.Module
    theirs: nn.Module
    optimizers: list = field(default_factory=list)


def deployed(name, device):
    """Both nets as they classify, on a device."""
    pair = Pair(name, protonet.compile(ZOO / name / "deploy.prototxt"), DEPLOYED[name]())
    copy(pair.ours.parameters(), pair.theirs.parameters())
    for net in (pair.ours, pair.theirs):
        net.to(device).eval()
        for part in net.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.reset_running_stats()
    return pair


def in_training(name, batch, device):
    """Both nets as they learn, and an optimiser for each: Caffe's SGD and torch's own."""
    size = SIZES[name]
    shapes = {"data": (batch, 3, size, size), "label": (batch,)}
    ours = protonet.compile(ZOO / name / "train_val.prototxt", phase="TRAIN", shapes=shapes)
    own = {**DEPLOYED, "googlenet": handwritten.GoogLeNetInTraining}
    theirs = Scored(own[name](), name == "googlenet")
    copy(ours.parameters(), caffes_order(theirs.net))
    pair = Pair(name, ours.to(device).train(), theirs.to(device).train())
    pair.optimizers = [
        OPTIMIZERS["SGD"](pair.ours.parameters(), **RATE),
        torch.optim.SGD(pair.theirs.parameters(), **RATE),
    ]
    return pair


class Scored(nn.Module):
    """A hand-written net with its loss; the softmax is cross_entropy's."""

    def __init__(self, net, several):
        super().__init__()
        self.net, self.several = net, several
        if hasattr(net, "features"):
            net.classifier = net.classifier[:-1]

    def forward(self, x, labels):
        labels = labels.long()
        if self.several:
            return sum(w * F.cross_entropy(y, labels) for w, y in self.net(x))
        if isinstance(self.net, handwritten.ResNet50):
            return F.cross_entropy(self.net.scores(x), labels)
        return F.cross_entropy(self.net(x), labels)


def caffes_order(net):
    """The parameters as the prototxt has them: GoogLeNet's heads are half way up."""
    if not isinstance(net, handwritten.GoogLeNetInTraining):
        return net.parameters()
    parts = [net.conv1, net.conv2_reduce, net.conv2, net.stage3, net.stage4[0], net.heads[0]]
    parts += [net.stage4[1:4], net.heads[1], net.stage4[4], net.stage5, net.classifier]
    return itertools.chain.from_iterable(part.parameters() for part in parts)


def copy(source, target):
    with torch.no_grad():
        for one, other in zip(source, target, strict=True):
            other.copy_(one)


def forward(net, x, autocast):
    """A call that classifies one batch."""

    def once():
        with torch.no_grad(), autocast():
            return net(x)

    return once


def step(net, optimizer, batch, autocast):
    """A call that does one step of training; it gives the loss."""

    def once():
        optimizer.zero_grad()
        with autocast():
            loss = net(*batch)
        loss = loss["objective"] if isinstance(loss, dict) else loss
        loss.backward()
        optimizer.step()
        return loss.detach()

    return once


def graphed(once):
    """The same call recorded as a CUDA graph; it gives the tensor that a replay fills."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            once()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = once()

    def replay():
        graph.replay()
        return found

    return replay
