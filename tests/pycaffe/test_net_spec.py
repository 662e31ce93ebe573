"""NetSpec: nets written in Python, and what they become."""

import copy

import pytest
from google.protobuf import text_format

from protonet.pycaffe.net_spec import NetSpec, layers, param_name_dict, params, to_proto
from protonet.pycaffe.proto import caffe_pb2

L, P = layers, params


def net(text):
    return text_format.Parse(text, caffe_pb2.NetParameter())


def two_layers():
    n = NetSpec()
    n.data, n.label = L.DummyData(shape=[{"dim": [2, 3]}, {"dim": [2]}], ntop=2)
    n.fc = L.InnerProduct(n.data, num_output=5, weight_filler={"type": "xavier"})
    n.relu = L.ReLU(n.fc, in_place=True)
    n.loss = L.SoftmaxWithLoss(n.relu, n.label, loss_weight=2)
    return n


def test_names_are_those_assigned_and_in_place_layers_keep_the_blob():
    assert two_layers().to_proto() == net("""
      layer { name: "data" type: "DummyData" top: "data" top: "label"
        dummy_data_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } }
      layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
      layer { name: "relu" type: "ReLU" bottom: "fc" top: "fc" }
      layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss"
        loss_weight: 2 }
    """)


def test_names_that_are_not_given_count_the_layers_of_a_type():
    data = L.Input(shape={"dim": [1, 3, 8, 8]})
    left, right = (L.Convolution(data, kernel_size=k, num_output=1) for k in (1, 3))
    made = to_proto(L.Eltwise(left, right, operation=P.Eltwise.MAX))
    assert [layer.name for layer in made.layer] == [
        *("Input1", "Convolution1", "Convolution2", "Eltwise1"),
    ]
    assert made.layer[3].bottom == ["Convolution1", "Convolution2"]
    assert made.layer[3].eltwise_param.operation == caffe_pb2.EltwiseParameter.MAX


def test_a_layer_without_tops_is_named_too():
    n = NetSpec()
    n.a, n.b = L.DummyData(shape={"dim": 3}, ntop=2)
    n.quiet = L.Silence(n.a, n.b, ntop=0)
    made = n.to_proto().layer[1]
    assert (made.name, made.bottom[:], made.top[:]) == ("quiet", ["a", "b"], [])
    assert to_proto(L.Silence(n.a, ntop=0)).layer[1].name == "Silence1"


def test_fields_of_the_layer_itself_and_whole_parameters_can_be_given():
    top = L.Convolution(
        L.Input(),
        name="c",
        param=[{"lr_mult": 1, "decay_mult": 0}, {"lr_mult": 2}],
        include={"phase": caffe_pb2.TEST},
        convolution_param={"num_output": 2, "kernel_size": [3, 5]},
    )
    made = to_proto(top).layer[1]
    assert (
        made
        == net("""layer { name: "c" type: "Convolution" bottom: "Input1"
      top: "Convolution1" include { phase: TEST }
      param { lr_mult: 1 decay_mult: 0 } param { lr_mult: 2 }
      convolution_param { num_output: 2 kernel_size: 3 kernel_size: 5 } }""").layer[0]
    )


def test_a_net_is_as_deep_as_one_likes():
    top = L.Input()
    for _ in range(3000):
        top = L.ReLU(top)
    assert len(top.to_proto().layer) == 3001


def test_whole_numbers_that_a_division_made_are_whole():
    assert to_proto(L.Pooling(L.Input(), kernel_size=6 / 2)).layer[1].pooling_param.kernel_size == 3
    with pytest.raises(TypeError, match=r"kernel_size takes a whole number, not 3.5; .*//"):
        to_proto(L.Pooling(L.Input(), kernel_size=7 / 2))


def test_items_and_the_methods_of_ssds_fork():
    n = two_layers()
    n["extra"] = L.Power(n["fc"], scale=2)
    n.update("extra", {"shift": 1})
    assert n.keys()[-1] == "extra"
    assert n.vals()[-1] is n.extra
    assert n.to_proto().layer[-1].power_param.shift == 1
    assert list(copy.copy(n).tops) == n.keys()


def test_the_fields_of_forks_types_are_found():
    names = param_name_dict()
    assert names["Convolution"] == "convolution"
    assert names["ReLU"] == "relu"
    assert names["PriorBox"] == "prior_box"
    made = to_proto(L.Normalize(L.Input(), across_spatial=False)).layer[1]
    assert made.HasField("norm_param")


def test_an_input_that_is_no_top_is_refused():
    both = L.DummyData(ntop=2)
    with pytest.raises(TypeError, match=r"^Silence input 0 is not a Top \(type is <class 'tuple'>"):
        L.Silence(both, ntop=0)
    n = NetSpec()
    n.data = both
    with pytest.raises(TypeError, match=r"data is not a Top .* give each of its 2 tops a name"):
        n.to_proto()


def test_a_parameter_that_does_not_exist_is_told_when_it_is_written():
    with pytest.raises(AttributeError, match=r"no 'num_outputs'.*did you mean 'num_output'"):
        to_proto(L.Convolution(L.Input(), num_outputs=3))
    with pytest.raises(AttributeError, match="no constant 'MAXX'"):
        _ = P.Pooling.MAXX
    with pytest.raises(AttributeError, match="FillerParameter has no field 'tipe'"):
        to_proto(L.Convolution(L.Input(), weight_filler={"tipe": "xavier"}))
    with pytest.raises(AttributeError, match="weight_filler is a message"):
        to_proto(L.Convolution(L.Input(), weight_filler="xavier"))


def test_a_top_that_was_not_assigned_is_missing():
    n = two_layers()
    with pytest.raises(KeyError, match="no top 'labl'; did you mean 'label'"):
        _ = n.labl
    assert not hasattr(n, "nothing")
