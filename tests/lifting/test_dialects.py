"""What a dialect takes, and what is said where it does not."""

import pytest
import torch
from torch import nn

from protonet.diagnostics import NetError
from protonet.layers import REGISTRY
from protonet.lifting.dialects import DIALECTS, dialect_of
from protonet.lifting.lift import to_caffe
from protonet.schema.pool import message


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_a_dialect_names_layers_and_fields_that_there_are(dialect):
    assert dialect.layers <= set(REGISTRY)
    assert dialect.source
    for kind, fields in dialect.allowed.items():
        own = getattr(message("LayerParameter"), REGISTRY[kind].param)
        assert kind in dialect.layers
        assert set(fields) <= set(own.DESCRIPTOR.fields_by_name)


def test_a_layer_that_a_dialect_lacks_is_told_with_those_that_have_it(tmp_path):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sigmoid())
    with pytest.raises(NetError) as caught:
        to_caffe(net, torch.zeros(1, 3, 8, 8), tmp_path / "net", "armnn")
    said = str(caught.value)
    assert "Sigmoid" in said
    assert "Arm NN's Caffe parser" in said
    assert "bvlc" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_a_dialect_forbids_is_told(tmp_path):
    net = nn.Conv2d(3, 4, 3, dilation=2)
    with pytest.raises(NetError, match=r"dilation is \(2,\) here; it takes none"):
        to_caffe(net, torch.zeros(1, 3, 8, 8), tmp_path / "net", "armnn")


def test_an_unknown_dialect_is_told_with_the_near_one():
    with pytest.raises(NetError, match="there is no dialect 'bvlk'") as caught:
        dialect_of("bvlk")
    assert "'bvlc'" in caught.value.hint
