"""Large nets, optimized: equal, and in few parts."""

from pathlib import Path

import pytest
import torch
from torch import nn

import protonet
from protonet.optimizing import fuse

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
NETS = ("alexnet", "googlenet", "resnet50", "mobilenet_v1", "mobilenet_v2", "densenet121")
NETS += ("inception_v3", "xception", "resnext50_32x4d", "vgg11_lrn", "deeplabv3_os16")


def levelled(part, _inputs, output):
    """Keep values of the size of one, so that no difference drowns."""
    scale = output.std()
    part.weight /= scale
    return output / scale


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_numbers_are_equal(name, monkeypatch):
    monkeypatch.setattr(fuse, "_is_faster", lambda *_: True)
    torch.manual_seed(0)
    net = protonet.compile(ZOO / name / "deploy.prototxt")
    (shape,) = (value.shape for value in protonet.api.graph(ZOO / name / "deploy.prototxt").inputs)
    x = torch.randn(1, *shape[1:])
    learned = [part for part in net.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    hooks = []
    for part in learned:
        nn.init.normal_(part.weight)
        if part.bias is not None:
            nn.init.zeros_(part.bias)
        hooks.append(part.register_forward_hook(levelled))
    with torch.no_grad():
        net(x)
        for hook in hooks:
            hook.remove()
        expected = net(x)
        fast = protonet.optimize(net)
        for _ in range(3):
            assert torch.allclose(expected, fast(x), rtol=0, atol=1e-4 * expected.abs().max())
    (plan, *_) = fast._passes._plans.values()
    parts = list(plan.__self__.children())
    assert any(part.is_fused for part in parts)
    assert len(parts) <= 7
