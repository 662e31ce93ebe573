"""The zoo's nets run: a forward pass, and a step of training that makes the loss smaller."""

from __future__ import annotations

import pytest
import torch

import protonet
from protonet.zoo.catalogue import ENTRIES, deploy, folder
from protonet.zoo.entry import net_text

# A size that is small and that the architecture takes, where it takes more than its own.
SIZES = {
    "lenet5": (1, 26, 26),
    "lenet": (1, 28, 28),
    "alexnet": (3, 227, 227),
    "googlenet": (3, 224, 224),
    "inception_v3": (3, 299, 299),
    "deeplabv3_os16": (3, 65, 65),
    "deeplabv3_os8": (3, 65, 65),
}
# One of each family: the others differ in depth and width alone.
FAMILIES = [
    "lenet5",
    "googlenet",
    "resnet18",
    "plain18",
    "resnet18_padded",
    "resnet20_cifar",
    "plain20_cifar",
    "resnext50_32x4d",
    "densenet121",
    "mobilenet_v1",
    "mobilenet_v2",
    "xception",
    "deeplabv3_os16",
]
# Deeper, wider or a variant: hundreds of megabytes, or minutes together.
OTHERS = sorted(set(ENTRIES) - set(FAMILIES))
# How far a step goes. Through 56 layers without shortcuts the gradient grows to a norm of 14,000,
# where that of ResNet-56 is 41: what the paper's plain nets are there to show.
STEPS = {"plain56_cifar": 1e-5}


def size(name):
    return SIZES.get(name, (3, 32, 32) if name.endswith("cifar") else (3, 64, 64))


def a_step(name):
    """The losses before and after a step of plain gradient descent on one batch."""
    torch.manual_seed(5)
    # BatchNorm over a 1x1 map needs more than one image to say anything.
    batch = 4
    image, classes = size(name), 10 if "cifar" in name or "lenet" in name else 21
    net = folder() / name / "train_val.prototxt"
    if ENTRIES[name].on_demand:
        net = net_text(ENTRIES[name], train=True)
    labels = (batch, 1, *image[1:]) if "deeplab" in name else (batch,)
    shapes = {"data": (batch, *image), "label": labels}
    net = protonet.compile(net, phase="TRAIN", shapes=shapes)
    x, label = torch.randn(batch, *image), torch.randint(classes, labels).float()
    if "deeplab" in name:
        label[:, :, :9] = 255
    dropped = [m for m in net.modules() if isinstance(m, torch.nn.Dropout)]
    for module in dropped:
        module.p = 0.0  # so that both passes compute the same function
    first = net(data=x, label=label)["objective"]
    first.backward()
    gradients = [p.grad for p in net.parameters() if p.requires_grad]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    norm = torch.sqrt(sum(g.square().sum() for g in gradients))
    assert norm > 0
    with torch.no_grad():
        for p in net.parameters():
            if p.grad is not None:
                p.sub_(STEPS.get(name, 0.05) / norm * p.grad)
        second = net(data=x, label=label)["objective"]
    return first.item(), second.item()


LONG = (
    "densenet121",
    "googlenet",
    "mobilenet_v1",
    "resnext50_32x4d",
    "resnet18_padded",
)  # kin of theirs run without --slow


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in FAMILIES],
)
def test_a_step_makes_the_loss_smaller(name):
    first, second = a_step(name)
    assert second < first


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_a_step_of_the_others(name):
    first, second = a_step(name)
    assert second < first


@pytest.mark.parametrize("name", FAMILIES)
def test_a_forward_pass_gives_probabilities(name):
    net = protonet.compile(deploy(name))
    image = (1, 32, 32) if name == "lenet5" else size(name)
    with torch.no_grad():
        found = net(torch.rand(2, *image))
    assert found.shape[0] == 2
    torch.testing.assert_close(found.sum(1), torch.ones_like(found.sum(1)))


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_the_others_compile_and_run(name):
    entry = ENTRIES[name]
    net = protonet.compile(net_text(entry, train=False) if entry.build else deploy(name))
    small = size(name) if name not in ("alexnet_owt", "alexnet_single") else (3, 227, 227)
    small = (3, 224, 224) if name.startswith("vgg") or name == "alexnet_owt" else small
    with torch.no_grad():
        found = net(torch.rand(1, *small))
    torch.testing.assert_close(found.sum(1), torch.ones_like(found.sum(1)))
