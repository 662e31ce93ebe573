"""caffe_pb2: the names, numbers and classes that generated code would have."""

import copy
import pickle

import pytest
from google.protobuf import text_format

from protonet.pycaffe.proto import caffe_pb2


def test_messages_enums_and_constants_stand_under_their_names():
    assert caffe_pb2.TRAIN == 0
    assert caffe_pb2.TEST == 1
    assert caffe_pb2.Phase.Name(1) == "TEST"
    assert caffe_pb2.PoolingParameter.MAX == caffe_pb2.PoolingParameter.PoolMethod.Value("MAX") == 0
    assert caffe_pb2.V1LayerParameter.CONVOLUTION == 4
    assert caffe_pb2.NetParameter.LAYER_FIELD_NUMBER == 100
    assert caffe_pb2.DESCRIPTOR.package == "caffe"
    assert caffe_pb2._LAYERPARAMETER is caffe_pb2.LayerParameter.DESCRIPTOR
    assert caffe_pb2._DATAPARAMETER_DB.values_by_name["LMDB"].number == 1


def test_every_name_that_is_listed_is_there():
    for name in dir(caffe_pb2):
        assert getattr(caffe_pb2, name) is not None
    assert {"NetParameter", "SolverParameter", "TRAIN", "Phase", "BlobProto"} <= set(
        caffe_pb2.__all__
    )


def test_text_format_reads_and_writes_its_messages():
    text = 'layer { name: "c" type: "Convolution" convolution_param { num_output: 3 pad: 1 } }'
    net = text_format.Parse(text, caffe_pb2.NetParameter())
    assert net.layer[0].convolution_param.pad[:] == [1]
    again = text_format.Parse(text_format.MessageToString(net), caffe_pb2.NetParameter())
    assert again == net
    assert caffe_pb2.NetParameter.FromString(net.SerializeToString()) == net


def test_messages_are_copied_and_pickled():
    net = caffe_pb2.NetParameter(name="n", layer=[caffe_pb2.LayerParameter(type="ReLU")])
    assert copy.deepcopy(net) == net
    assert pickle.loads(pickle.dumps(net)) == net


def test_a_name_that_is_missing_is_told_with_the_nearest():
    with pytest.raises(AttributeError, match="'NetParametr'; did you mean 'NetParameter'"):
        _ = caffe_pb2.NetParametr


def test_fields_of_one_value_in_caffe_take_one():
    solver = caffe_pb2.SolverParameter(net="n", device_id=2)
    solver.device_id = 1
    assert text_format.MessageToString(solver) == 'device_id: 1\nnet: "n"\n'
    layer = caffe_pb2.LayerParameter()
    layer.transform_param.resize_param.height = 300
    assert not caffe_pb2.SolverParameter().HasField("device_id")


def test_the_messages_of_ssd_are_there():
    labels = text_format.Parse('item { name: "cat" label: 8 }', caffe_pb2.LabelMap())
    assert (labels.item[0].name, labels.item[0].label) == ("cat", 8)
    record = caffe_pb2.AnnotatedDatum(type=caffe_pb2.AnnotatedDatum.BBOX)
    record.annotation_group.add(group_label=8).annotation.add().bbox.xmin = 0.5
    assert caffe_pb2.AnnotatedDatum.FromString(record.SerializeToString()) == record


def test_protonet_takes_its_messages():
    import protonet

    net = text_format.Parse(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 } } }'
        'layer { name: "r" type: "ReLU" bottom: "x" top: "r" }',
        caffe_pb2.NetParameter(),
    )
    assert "relu" in protonet.emit(net)
