"""to_caffe: names, ends, what is proven, and what is left of files that are not equal."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from torch import nn

import protonet
from protonet.cli.lift import told
from protonet.diagnostics import NetError
from protonet.lifting import lift, proof
from protonet.lifting.lift import to_caffe
from protonet.schema.pool import message


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.bn1(self.conv1(x)) + x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.layer1 = nn.Sequential(Block(8), Block(8))
        self.fc = nn.Linear(8 * 36, 5)

    def forward(self, image):
        features = self.layer1(self.stem(image))
        scores = self.fc(torch.flatten(features, 1))
        return scores, features


@pytest.fixture
def net():
    torch.manual_seed(0)
    made = Net()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return made


def definition(path):
    """The NetParameter of a file, as google.protobuf reads it."""
    return text_format.Parse(Path(path).read_text(), message("NetParameter"))


def test_layers_have_the_names_of_the_modules(net, tmp_path):
    report = to_caffe(net, torch.randn(2, 3, 8, 8), tmp_path / "net")
    layers = {layer.name: layer for layer in definition(report.prototxt).layer}
    assert list(layers)[:5] == [
        "image",
        "stem",
        "layer1.0.conv1",
        "layer1.0.bn1",
        "layer1.0.bn1.scale",
    ]
    assert list(layers["layer1.0.bn1"].top) == ["layer1.0.conv1"]
    assert layers["layer1.0.relu"].top == layers["layer1.0.relu"].bottom
    assert layers["fc"].type == "InnerProduct"
    assert definition(report.prototxt).name == "Net"


def test_ends_are_told_in_the_order_of_forward(net, tmp_path):
    report = to_caffe(net, (torch.randn(2, 3, 8, 8),), tmp_path / "net.prototxt")
    assert report.inputs == {"image": (2, 3, 8, 8)}
    assert list(report.outputs.values()) == [(2, 5), (2, 8, 6, 6)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.caffemodel", "net.prototxt"]


def test_the_files_compute_what_the_module_does(net, tmp_path):
    report = to_caffe(net, torch.randn(2, 3, 8, 8), tmp_path / "net")
    back = protonet.compile(
        report.prototxt, weights=report.caffemodel, outputs=list(report.outputs)
    )
    given = torch.randn(2, 3, 8, 8) * 20
    net.eval()
    with torch.no_grad():
        for own, right in zip(back(given).values(), net(given), strict=True):
            torch.testing.assert_close(own, right, rtol=1e-4, atol=1e-4)


def test_parameters_are_the_same_to_the_bit(net, tmp_path):
    report = to_caffe(net, torch.randn(1, 3, 8, 8), tmp_path / "net")
    blobs = protonet.read_blobs(report.caffemodel)
    state = net.state_dict()
    np.testing.assert_array_equal(blobs["stem"][0], state["stem.weight"].numpy())
    mean, variance, factor = blobs["layer1.1.bn1"]
    np.testing.assert_array_equal(mean, state["layer1.1.bn1.running_mean"].numpy())
    np.testing.assert_array_equal(variance, state["layer1.1.bn1.running_var"].numpy())
    assert factor.tolist() == [1]
    assert report.parameters == sum(b.size for layer in blobs.values() for b in layer)


def test_the_module_is_left_as_it_was(net, tmp_path):
    net.train()
    net.layer1[0].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    to_caffe(net, torch.randn(1, 3, 8, 8), tmp_path / "net")
    assert net.training
    assert not net.layer1[0].training
    assert net.layer1[1].bn1.training
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize(
    ("found", "gap"),
    [
        ((2.0, math.inf, math.nan), 0.0),
        ((1.0, math.inf, math.nan), 0.5),
        ((2.0, 9.0, math.nan), math.inf),
        ((2.0, -math.inf, math.nan), math.inf),
    ],
)
def test_a_gap_is_measured_by_the_largest_finite_number(found, gap):
    right = torch.tensor([2.0, math.inf, math.nan])
    assert proof.difference(torch.tensor(found), right, "blob") == gap


def test_a_number_beside_none_is_no_small_gap():
    gap = proof.difference(torch.tensor([2.0, 1.0]), torch.tensor([2.0, math.nan]), "blob")
    assert math.isnan(gap)


def test_an_output_that_is_known_is_compared_as_well(tmp_path):
    class Known(nn.Module):
        def forward(self, x):
            return x.tanh(), torch.isnan(x).float()

    report = to_caffe(Known(), torch.randn(2, 3), tmp_path / "net")
    assert [kind for _, kind in report.layers] == ["TanH", "Parameter"]
    assert report.compared == 3  # the input, and both outputs


def test_a_module_of_torch_alone_names_its_layer_after_the_operator(tmp_path):
    report = to_caffe(nn.Softmax(1), torch.randn(2, 3), tmp_path / "net")
    assert report.layers == (("softmax", "Softmax"),)


def test_unequal_files_are_not_kept(net, tmp_path, monkeypatch):
    (tmp_path / "net.prototxt").write_text("of before")
    write = lift.write

    def wrong(message, draft, text, weights):
        for layer in draft.layers:
            layer.blobs = [blob * 1.5 for blob in layer.blobs]
        write(message, draft, text, weights)

    monkeypatch.setattr(lift, "write", wrong)
    with pytest.raises(NetError, match=r"test_lift\.py:\d+ .*blob 'stem' differs") as caught:
        to_caffe(net, torch.randn(1, 3, 8, 8), tmp_path / "net")
    assert "--keep" in caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["net.prototxt"]
    assert (tmp_path / "net.prototxt").read_text() == "of before"
    report = to_caffe(net, torch.randn(1, 3, 8, 8), tmp_path / "net", keep=True)
    assert report.difference > 0.1
    assert 0 < report.unequal <= report.compared
    assert "NOT equal in" in told(report, "Caffe 1.0")[2]


def test_numbers_that_are_none_are_unequal_and_kept_where_that_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(proof, "difference", lambda *_: math.nan)
    with pytest.raises(NetError, match="differs from the module's value by nan"):
        to_caffe(nn.ReLU(), torch.randn(1, 3), tmp_path / "net")
    report = to_caffe(nn.ReLU(), torch.randn(1, 3), tmp_path / "net", keep=True)
    assert math.isnan(report.difference)
    assert report.unequal == report.compared


class Uncertain(nn.Module):
    """A sigmoid of what is left of large numbers: rounding, and little else."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)
        nn.init.constant_(self.second.weight, 1e3)
        nn.init.uniform_(self.second.running_mean, -1, 1)

    def forward(self, x):
        return torch.sigmoid(self.second(self.first(x)))


def test_numbers_that_are_rounding_in_the_module_are_compared_in_double_precision(tmp_path):
    torch.manual_seed(0)
    module, given = Uncertain().eval(), torch.randn(1, 8, 32, 32)
    report = to_caffe(module, given, tmp_path / "net", tolerance=1e-7)
    assert report.difference <= 1e-7
    with torch.no_grad():
        exact = Uncertain.forward(module.double(), given.double())
        assert 1e-6 < (module.float()(given) - exact).abs().max() <= 1.01 * report.rounding


def test_rounding_excuses_no_other_number(tmp_path, monkeypatch):
    torch.manual_seed(0)
    run = proof.run_watched

    def wrong(captured, given, nodes, see, *precision):
        run(captured, given, nodes, lambda n, v: see(n, 0.999 * v), *precision)

    monkeypatch.setattr(proof, "run_watched", wrong)
    with pytest.raises(NetError, match="differs"):
        to_caffe(Uncertain().eval(), torch.randn(1, 8, 32, 32), tmp_path / "net")


@pytest.mark.parametrize(
    ("module", "given", "said"),
    [
        (nn.Conv2d(3, 4, 3), torch.zeros(1, 2, 8, 8), "forward fails on an input of 1x2x8x8"),
        (nn.Conv2d(3, 4, 3).double(), torch.zeros(1, 3, 8, 8).double(), "single precision"),
        (nn.Conv2d(3, 4, 3), "1x3x8x8", "tensors"),
        ("net", torch.zeros(1), "nn.Module"),
    ],
)
def test_what_can_not_be_taken_is_told(module, given, said, tmp_path):
    with pytest.raises(NetError) as caught:
        to_caffe(module, given, tmp_path / "net")
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []
