"""An optimized net: the numbers of the net as it is, its class and its parameters."""

import copy
import io
import pickle
import warnings
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import protonet
from protonet.diagnostics import NetError, NetWarning
from protonet.optimizing import fuse
from protonet.optimizing.local_norm import LocalNorm

CASES = Path(__file__).parent.parent / "cases"
HEAD = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 '
HEAD += "dim: 17 dim: 17 } } }\n"


def conv(name, bottom, top, outputs=8, fields=""):
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{top}" '
        f"convolution_param {{ num_output: {outputs} kernel_size: 3 pad: 1 {fields} "
        'weight_filler { type: "msra" } bias_filler { type: "gaussian" std: 0.1 } } }\n'
    )


def layer(kind, bottom, top, fields="", name=""):
    bottoms = " ".join(f'bottom: "{each}"' for each in bottom.split())
    name = name or f"{kind.lower()}_{top}"
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{top}" {fields} }}\n'


NETS = {
    "lrn": HEAD
    + conv("c1", "data", "c1")
    + layer("ReLU", "c1", "c1")
    + layer("LRN", "c1", "n1", "lrn_param { local_size: 5 alpha: 0.1 beta: 0.75 }")
    + layer("Pooling", "n1", "p1", "pooling_param { kernel_size: 3 stride: 2 }")
    + conv("c2", "p1", "c2", fields="group: 2")
    + layer("LRN", "c2", "n2", "lrn_param { local_size: 3 alpha: 0.2 beta: 0.5 k: 2 }")
    + layer("InnerProduct", "n2", "fc", "inner_product_param { num_output: 5 "
            'weight_filler { type: "xavier" } }')
    + layer("Softmax", "fc", "prob"),
    "residual": HEAD
    + conv("c1", "data", "c1")
    + layer("BatchNorm", "c1", "c1")
    + layer("Scale", "c1", "c1", "scale_param { bias_term: true }")
    + layer("ReLU", "c1", "c1")
    + conv("c2", "c1", "c2")
    + layer("BatchNorm", "c2", "c2")
    + layer("Scale", "c2", "c2", "scale_param { bias_term: true }")
    + layer("Eltwise", "c1 c2", "sum")
    + layer("ReLU", "sum", "sum")
    + layer("Pooling", "sum", "pool", "pooling_param { pool: AVE global_pooling: true }"),
    "branches": HEAD
    + conv("c1", "data", "c1")
    + conv("a", "c1", "a", fields="stride: 2")
    + layer("Sigmoid", "a", "a")
    + layer("Pooling", "c1", "b", "pooling_param { kernel_size: 2 stride: 2 }")
    + layer("Concat", "a b", "both")
    + layer("ArgMax", "both", "best", "argmax_param { axis: 1 }")
    + layer("PReLU", "both", "rest")
    + conv("d", "rest", "d"),
    "depthwise": HEAD
    + conv("c1", "data", "c1")
    + conv("dw", "c1", "dw", fields="group: 8")
    + layer("ReLU6", "dw", "dw")
    + layer("Power", "dw", "y", "power_param { scale: 0.5 shift: 1 power: 2 }"),
}  # fmt: skip


@pytest.fixture
def _always(monkeypatch):
    """Compile parts however small, as if they were faster."""
    monkeypatch.setattr(fuse, "_is_faster", lambda *_: True)


def filled(net):
    """The net with statistics that are not those of no data."""
    made = torch.Generator().manual_seed(5)
    for buffer in net.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5, generator=made)
    return net


def compiled(name, **options):
    torch.manual_seed(3)
    return filled(protonet.compile(NETS[name], **options))


def is_compiled(net):
    (plan, *_) = net._passes._plans.values()
    return any(part.is_fused for part in plan.__self__.children())


def equal(a, b):
    if isinstance(a, dict):
        assert list(a) == list(b)
        return all(equal(a[key], b[key]) for key in a)
    assert a.stride() == b.stride()
    return torch.allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("_always")
@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_numbers_are_those_of_the_net(name, faithful):
    net = compiled(name, faithful=faithful)
    fast = protonet.optimize(net)
    for n in (2, 3):
        x = torch.randn(n, 3, 17, 17)
        with torch.no_grad():
            expected = net(x)
            assert equal(expected, fast(x))
            assert equal(expected, fast(x))
            assert equal(expected, fast(data=x))
    assert is_compiled(fast)


@pytest.mark.usefixtures("_always")
def test_outputs_are_the_blobs_asked_for():
    net = compiled("branches", outputs=["both", "d", "best"])
    fast = protonet.optimize(net)
    x = torch.randn(2, 3, 17, 17)
    assert list(fast(x)) == list(fast(x)) == ["both", "d", "best"]
    assert equal(net(x), fast(x))


@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize("beta", [0.75, 0.6])
def test_local_norm_is_that_of_torch(size, beta):
    x = torch.randn(2, 4, 5, 6) * 10
    found = LocalNorm(size, 0.3, beta, 1.5)(x)
    assert torch.allclose(found, F.local_response_norm(x, size, 0.3, beta, 1.5), rtol=1e-5)


@pytest.mark.usefixtures("_always")
def test_a_changed_parameter_counts_at_once():
    net = compiled("residual")
    fast, x = protonet.optimize(net), torch.randn(1, 3, 17, 17)
    changes = [
        lambda: net.load_state_dict({k: v + 0.1 for k, v in net.state_dict().items()}),
        lambda: setattr(net.c1, "weight", nn.Parameter(torch.randn_like(net.c1.weight))),
        lambda: setattr(net.c2.bias, "data", torch.randn_like(net.c2.bias)),
        lambda: setattr(net, "c1", nn.Conv2d(3, 8, 3, padding=1).eval()),
        lambda: protonet.load_blobs(fast, {"c2": [b * 2 for b in protonet.dump_blobs(net)["c2"]]}),
    ]
    for change in changes:
        fast(x)
        before = fast(x)
        assert is_compiled(fast)
        change()
        assert not equal(before, net(x))
        assert equal(net(x), fast(x))


def test_it_is_the_net_in_all_else():
    net = compiled("lrn")
    fast = protonet.optimize(net)
    assert isinstance(fast, type(net))
    assert type(fast).__name__ == type(net).__name__
    assert list(fast.state_dict()) == list(net.state_dict())
    assert all(a is b for a, b in zip(fast.parameters(), net.parameters(), strict=True))
    assert protonet.optimize(fast) is fast
    assert protonet.dump_blobs(fast).keys() == protonet.dump_blobs(net).keys()


@pytest.mark.usefixtures("_always")
def test_it_pickles_and_copies():
    net = compiled("lrn")
    fast, x = protonet.optimize(net), torch.randn(2, 3, 17, 17)
    fast(x)
    expected = fast(x)
    file = io.BytesIO()
    torch.save(fast, file)
    file.seek(0)
    saved = torch.load(file, weights_only=False)
    for other in (pickle.loads(pickle.dumps(fast)), copy.deepcopy(fast), saved):
        assert equal(expected, other(x))
        assert equal(expected, other(x))
        assert is_compiled(other)
        assert other.c1.weight is not fast.c1.weight


@pytest.mark.usefixtures("_always")
def test_gradients_are_those_of_the_net():
    net = compiled("lrn")
    fast = protonet.optimize(net)
    x = torch.randn(2, 3, 17, 17, requires_grad=True)
    (of_net,) = torch.autograd.grad(net(x).square().sum(), x)
    (of_fast,) = torch.autograd.grad(fast(x).square().sum(), x)
    assert torch.equal(of_net, of_fast)


@pytest.mark.usefixtures("_always")
def test_other_types_run_as_before():
    net = compiled("lrn").double()
    x = torch.randn(2, 3, 17, 17, dtype=torch.double)
    assert torch.equal(net(x), protonet.optimize(net)(x))


def test_a_wrong_input_is_told_as_before():
    fast = protonet.optimize(compiled("lrn"))
    with pytest.raises(NetError, match="the input 'data' of 2x4x17x17"):
        fast(torch.zeros(2, 4, 17, 17))


def test_what_trains_is_refused():
    with pytest.raises(NetError, match="a net that trains"):
        protonet.optimize(compiled("lrn").train())
    with pytest.raises(NetError, match="str is no net"):
        protonet.optimize("net")


class Branching(nn.Module):
    """A module whose way depends on its values, which no graph of calls can tell."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        y = self.conv(x)
        return F.relu(y) if y.sum() > 0 else -y


def test_a_net_that_is_no_run_of_calls_stays_and_says_so_once():
    net = Branching().eval()
    fast = protonet.optimize(net)
    x = torch.randn(2, 3, 9, 9)
    with pytest.warns(NetWarning, match="Branching is not optimized, it runs as it is"):
        fast(x), fast(x)
    assert torch.equal(fast(x), net(x))
    assert torch.equal(fast(-x), net(-x))  # and another warning would be an error
    fast(torch.randn(1, 3, 9, 9))
    fast(torch.randn(1, 3, 9, 9))


@pytest.mark.usefixtures("_always")
def test_a_part_that_gives_other_numbers_is_not_taken(monkeypatch):
    monkeypatch.setattr(torch.jit, "freeze", lambda part: lambda x: part(x) + 1e-3)
    net = compiled("residual")
    fast, x = protonet.optimize(net), torch.randn(2, 3, 17, 17)
    assert torch.equal(net(x), fast(x))
    assert torch.equal(net(x), fast(x))


def test_a_part_that_is_not_compiled_stays_and_says_so(monkeypatch):
    def refuse(_):
        raise RuntimeError("no such kernel\nat line 3")

    monkeypatch.setattr(torch.jit, "freeze", refuse)
    net = compiled("residual")
    fast, x = protonet.optimize(net), torch.randn(2, 3, 17, 17)
    with pytest.warns(NetWarning, match="does not take a part of it: no such kernel$"):
        fast(x), fast(x)
    assert torch.equal(net(x), fast(x))


@pytest.mark.usefixtures("_always")
def test_a_module_written_by_hand():
    made = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 25, 4)
    )
    net = filled(made.eval())
    fast, x = protonet.optimize(net), torch.randn(2, 3, 7, 7)
    with torch.no_grad():
        assert all(equal(net(x), fast(x)) for _ in range(3))
    assert is_compiled(fast)


def test_compile_takes_it_as_an_option():
    fast = protonet.compile(NETS["lrn"], optimize=True)
    x = torch.randn(2, 3, 17, 17)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fast(x).shape == fast(x).shape == (2, 5)
    with pytest.raises(NetError, match="a net that trains"):
        protonet.compile(NETS["lrn"], phase="TRAIN", optimize=True)


def test_few_shapes_are_kept():
    fast = protonet.optimize(compiled("residual"))
    for n in range(1, 5):
        fast(torch.randn(n, 3, 5, 5))
    assert len(fast._passes._plans) == 0  # none came again
    for n in [*range(1, 6), 1, 1]:
        fast(torch.randn(n, 3, 5, 5))
    assert [key[0][0] for key in fast._passes._plans] == [2, 3, 4, 1]
    fast(torch.randn(5, 3, 5, 5))
    assert [key[0][0] for key in fast._passes._plans] == [3, 4, 1, 5]
    for n in (2, 2):
        fast(torch.randn(n, 3, 5, 5))
    assert 2 not in [key[0][0] for key in fast._passes._plans]  # it is to come more often


@pytest.mark.usefixtures("_always")
def test_the_mode_of_a_part_counts():
    net = compiled("lrn")
    fast, x = protonet.optimize(net), torch.randn(2, 3, 17, 17)
    fast(x), fast(x)
    net.c1.train()
    with pytest.warns(NetWarning, match="its part 'c1' is in training mode"):
        fast(x), fast(x)


@pytest.mark.usefixtures("_always")
def test_a_detector_whose_boxes_follow_from_its_numbers():
    torch.manual_seed(1)
    net = protonet.compile(CASES / "small_ssd.prototxt")
    fast, x = protonet.optimize(net), torch.rand(1, 3, 192, 192)
    assert all(equal(net(x), fast(x)) for _ in range(3))


class InPlace(nn.Module):
    """Sums and activations in place, as torchvision writes them; ``late`` reads before a write."""

    def __init__(self, late):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
        self.relu, self.late = nn.ReLU(inplace=True), late

    def forward(self, x):
        x = self.first(x)
        median = torch.median(x) if self.late else 0  # no step that is fused, so it may wait
        x = self.relu(x)
        y = self.second(x)
        y += x
        return self.relu(y) + median


@pytest.mark.usefixtures("_always")
def test_steps_in_place_write_over_nothing_that_is_read():
    net, x = InPlace(late=False).eval(), torch.randn(2, 3, 9, 9)
    fast = protonet.optimize(net)
    assert all(equal(net(x), fast(x)) for _ in range(3))
    assert is_compiled(fast)
    late = InPlace(late=True).eval()
    fast = protonet.optimize(late)
    with pytest.warns(NetWarning, match="the step relu writes over what others may read"):
        fast(x), fast(x)
    assert torch.equal(late(x), fast(x))
