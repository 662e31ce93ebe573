"""Each old field in each old type of layer, and each old form of a net: what Caffe makes of it.

The tables say what its upgrade_proto.cpp does: where a field goes, else that it is dropped.
"""

from __future__ import annotations

import warnings

import pytest
from google.protobuf import text_format

from protonet.checking import check
from protonet.diagnostics import IgnoredFields, NetError, Source
from protonet.schema.load import load
from protonet.schema.pool import message
from protonet.schema.upgrade import upgrade, upgrade_solver

V0_TYPES = {
    "accuracy": "Accuracy",
    "bnll": "BNLL",
    "concat": "Concat",
    "conv": "Convolution",
    "data": "Data",
    "dropout": "Dropout",
    "euclidean_loss": "EuclideanLoss",
    "flatten": "Flatten",
    "hdf5_data": "HDF5Data",
    "hdf5_output": "HDF5Output",
    "im2col": "Im2col",
    "images": "ImageData",
    "infogain_loss": "InfogainLoss",
    "innerproduct": "InnerProduct",
    "lrn": "LRN",
    "multinomial_logistic_loss": "MultinomialLogisticLoss",
    "pool": "Pooling",
    "relu": "ReLU",
    "sigmoid": "Sigmoid",
    "softmax": "Softmax",
    "softmax_loss": "SoftmaxWithLoss",
    "split": "Split",
    "tanh": "TanH",
    "window_data": "WindowData",
}
# V0's field: what becomes of it, by the types that it means something to.
V0_FIELDS = {
    "num_output: 5": {
        "conv": "convolution_param { num_output: 5 }",
        "innerproduct": "inner_product_param { num_output: 5 }",
    },
    "biasterm: false": {
        "conv": "convolution_param { bias_term: false }",
        "innerproduct": "inner_product_param { bias_term: false }",
    },
    'weight_filler { type: "xavier" }': {
        "conv": 'convolution_param { weight_filler { type: "xavier" } }',
        "innerproduct": 'inner_product_param { weight_filler { type: "xavier" } }',
    },
    "bias_filler { value: 2 }": {
        "conv": "convolution_param { bias_filler { value: 2 } }",
        "innerproduct": "inner_product_param { bias_filler { value: 2 } }",
    },
    "pad: 2": {"conv": "convolution_param { pad: 2 }", "pool": "pooling_param { pad: 2 }"},
    "kernelsize: 3": {
        "conv": "convolution_param { kernel_size: 3 }",
        "pool": "pooling_param { kernel_size: 3 }",
    },
    "group: 2": {"conv": "convolution_param { group: 2 }"},
    "stride: 2": {"conv": "convolution_param { stride: 2 }", "pool": "pooling_param { stride: 2 }"},
    "pool: AVE": {"pool": "pooling_param { pool: AVE }"},
    "pool: STOCHASTIC": {"pool": "pooling_param { pool: STOCHASTIC }"},
    "dropout_ratio: 0.25": {"dropout": "dropout_param { dropout_ratio: 0.25 }"},
    "local_size: 3": {"lrn": "lrn_param { local_size: 3 }"},
    "alpha: 0.5": {"lrn": "lrn_param { alpha: 0.5 }"},
    "beta: 0.5": {"lrn": "lrn_param { beta: 0.5 }"},
    "k: 2": {"lrn": "lrn_param { k: 2 }"},
    'source: "s"': {
        "data": 'data_param { source: "s" }',
        "hdf5_data": 'hdf5_data_param { source: "s" }',
        "images": 'image_data_param { source: "s" }',
        "window_data": 'window_data_param { source: "s" }',
        "infogain_loss": 'infogain_loss_param { source: "s" }',
    },
    "batchsize: 7": {
        "data": "data_param { batch_size: 7 }",
        "hdf5_data": "hdf5_data_param { batch_size: 7 }",
        "images": "image_data_param { batch_size: 7 }",
        "window_data": "window_data_param { batch_size: 7 }",
    },
    "scale: 0.5": dict.fromkeys(V0_TYPES, "transform_param { scale: 0.5 }"),
    'meanfile: "m"': dict.fromkeys(V0_TYPES, 'transform_param { mean_file: "m" }'),
    "cropsize: 9": dict.fromkeys(V0_TYPES, "transform_param { crop_size: 9 }"),
    "mirror: true": dict.fromkeys(V0_TYPES, "transform_param { mirror: true }"),
    "rand_skip: 4": {
        "data": "data_param { rand_skip: 4 }",
        "images": "image_data_param { rand_skip: 4 }",
    },
    "shuffle_images: true": {"images": "image_data_param { shuffle: true }"},
    "new_height: 8": {"images": "image_data_param { new_height: 8 }"},
    "new_width: 8": {"images": "image_data_param { new_width: 8 }"},
    "new_num: 8": {},
    "new_channels: 8": {},
    "concat_dim: 0": {"concat": "concat_param { concat_dim: 0 }"},
    "det_fg_threshold: 0.7": {"window_data": "window_data_param { fg_threshold: 0.7 }"},
    "det_bg_threshold: 0.7": {"window_data": "window_data_param { bg_threshold: 0.7 }"},
    "det_fg_fraction: 0.7": {"window_data": "window_data_param { fg_fraction: 0.7 }"},
    "det_context_pad: 3": {"window_data": "window_data_param { context_pad: 3 }"},
    'det_crop_mode: "square"': {"window_data": 'window_data_param { crop_mode: "square" }'},
    'hdf5_output_param { file_name: "o" }': {"hdf5_output": 'hdf5_output_param { file_name: "o" }'},
    "blobs_lr: 1 blobs_lr: 2": dict.fromkeys(V0_TYPES, "param { lr_mult: 1 } param { lr_mult: 2 }"),
    "weight_decay: 3": dict.fromkeys(V0_TYPES, "param { decay_mult: 3 }"),
    "blobs { num: 1 data: 2 }": dict.fromkeys(V0_TYPES, "blobs { num: 1 data: 2 }"),
}

V1_TYPES = {
    "ABSVAL": "AbsVal",
    "ACCURACY": "Accuracy",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "CONCAT": "Concat",
    "CONTRASTIVE_LOSS": "ContrastiveLoss",
    "CONVOLUTION": "Convolution",
    "DATA": "Data",
    "DECONVOLUTION": "Deconvolution",
    "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData",
    "ELTWISE": "Eltwise",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "EXP": "Exp",
    "FLATTEN": "Flatten",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss",
    "IM2COL": "Im2col",
    "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN",
    "NONE": "",
    "POOLING": "Pooling",
    "POWER": "Power",
    "RELU": "ReLU",
    "SIGMOID": "Sigmoid",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence",
    "SLICE": "Slice",
    "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "SPLIT": "Split",
    "TANH": "TanH",
    "THRESHOLD": "Threshold",
    "WINDOW_DATA": "WindowData",
}


def parsed(text, kind="NetParameter"):
    return text_format.Parse(text, message(kind))


def upgraded(text, keep_inputs=False):
    """The net as Caffe's tool writes it, and what the warnings name."""
    loaded = load(Source("<text>", text), "NetParameter")
    assert not loaded.errors, loaded.errors
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = upgrade(loaded, keep_inputs).message
    assert all(issubclass(w.category, IgnoredFields) for w in caught)
    return net, " ".join(str(w.message) for w in caught)


@pytest.mark.parametrize("field", V0_FIELDS)
def test_each_field_of_v0_in_each_type(field):
    name = field.split(":")[0].split(" ")[0]
    for v0, today in V0_TYPES.items():
        net, warned = upgraded(f'layers {{ layer {{ name: "l" type: "{v0}" {field} }} top: "t" }}')
        kept = V0_FIELDS[field].get(v0)
        assert net == parsed(f'layer {{ name: "l" type: "{today}" top: "t" {kept or ""} }}'), v0
        assert (f"layer.{name} of {v0}" in warned) is bool(warned) is (kept is None), v0


@pytest.mark.parametrize("v1", [*V1_TYPES])
def test_each_type_of_v1(v1):
    net, warned = upgraded(f'layers {{ name: "l" type: {v1} bottom: "b" top: "t" }}')
    (layer,) = net.layer
    assert (layer.name, layer.type, *layer.bottom, *layer.top) == ("l", V1_TYPES[v1], "b", "t")
    assert not warned


def test_every_type_of_v1_is_in_the_table():
    # Numbers up to 39 are Caffe's; what stands beyond are types that forks gave numbers to.
    kinds = message("V1LayerParameter").DESCRIPTOR.fields_by_name["type"].enum_type.values
    assert {value.name for value in kinds if value.number < 40} == set(V1_TYPES)


SAME = {
    "V1's fields stay where they are": (
        (
            "layers { include { phase: TRAIN } exclude { phase: TEST } loss_weight: 2 "
            "blobs { num: 1 } pooling_param { pad: 1 } transform_param { scale: 2 } "
            "loss_param { normalize: true } }"
        ),
        (
            "layer { include { phase: TRAIN } exclude { phase: TEST } loss_weight: 2 "
            "blobs { num: 1 } pooling_param { pad: 1 } transform_param { scale: 2 } "
            "loss_param { normalize: true } }"
        ),
    ),
    "what V1 says of parameters is one message each": (
        (
            'layers { param: "w" param: "" blob_share_mode: PERMISSIVE blobs_lr: [1, 2, 3] '
            "weight_decay: 4 }"
        ),
        (
            'layer { param { name: "w" share_mode: PERMISSIVE lr_mult: 1 decay_mult: 4 } '
            'param { name: "" lr_mult: 2 } param { lr_mult: 3 } }'
        ),
    ),
    "one data layer's old fields give all data layers both messages": (
        (
            "layers { type: DATA data_param { scale: 2 } } layers { type: WINDOW_DATA } "
            "layers { type: RELU }"
        ),
        (
            'layer { type: "Data" data_param { } transform_param { scale: 2 } } '
            'layer { type: "WindowData" window_data_param { } transform_param { } } '
            'layer { type: "ReLU" }'
        ),
    ),
    "all four fields of the three data layers move": (
        (
            'layers { type: IMAGE_DATA image_data_param { scale: 2 mean_file: "m" crop_size: 3 '
            "mirror: true batch_size: 4 } }"
        ),
        (
            'layer { type: "ImageData" image_data_param { batch_size: 4 } '
            'transform_param { scale: 2 mean_file: "m" crop_size: 3 mirror: true } }'
        ),
    ),
    "window fields of a layer without windows stay": (
        "layers { type: DATA window_data_param { crop_size: 3 } }",
        'layer { type: "Data" window_data_param { crop_size: 3 } }',
    ),
    "inputs with shapes are one layer": (
        (
            'input: "a" input: "b" input_shape { dim: 1 } input_shape { dim: [2, 3] } '
            'layer { name: "l" type: "ReLU" bottom: "a" top: "c" }'
        ),
        (
            'layer { name: "input" type: "Input" top: "a" top: "b" input_param { '
            "shape { dim: 1 } shape { dim: [2, 3] } } } "
            'layer { name: "l" type: "ReLU" bottom: "a" top: "c" }'
        ),
    ),
    "inputs with dims are one layer": (
        'input: "a" input: "b" input_dim: [1, 2, 3, 4, 5, 6, 7, 8]',
        (
            'layer { name: "input" type: "Input" top: "a" top: "b" input_param { '
            "shape { dim: [1, 2, 3, 4] } shape { dim: [5, 6, 7, 8] } } }"
        ),
    ),
    "shapes go before dims": (
        'input: "a" input_shape { dim: 1 } input_dim: [1, 2, 3, 4]',
        'layer { name: "input" type: "Input" top: "a" input_param { shape { dim: 1 } } }',
    ),
    "shapes without inputs stay": ("input_shape { dim: 1 }", "input_shape { dim: 1 }"),
    "three params of a BatchNorm stand still": (
        (
            'layer { type: "BatchNorm" param { name: "m" lr_mult: 2 } param { } param { } } '
            'layer { type: "BatchNorm" param { lr_mult: 2 } } '
            'layer { type: "Scale" param { } param { } param { lr_mult: 2 } }'
        ),
        (
            'layer { type: "BatchNorm" param { name: "m" lr_mult: 0 decay_mult: 0 } '
            "param { lr_mult: 0 decay_mult: 0 } param { lr_mult: 0 decay_mult: 0 } } "
            'layer { type: "BatchNorm" param { lr_mult: 2 } } '
            'layer { type: "Scale" param { } param { } param { lr_mult: 2 } }'
        ),
    ),
    "a padding layer lends its pad": (
        (
            'input: "x" input_dim: [1, 2, 3, 4] '
            'layers { layer { name: "p" type: "padding" pad: 2 } bottom: "x" top: "x2" } '
            'layers { layer { name: "c" type: "conv" pad: 1 } bottom: "x2" top: "c" } '
            'layers { layer { name: "q" type: "pool" } bottom: "x2" top: "q" }'
        ),
        (
            'layer { name: "input" type: "Input" top: "x" input_param { '
            "shape { dim: [1, 2, 3, 4] } } } "
            'layer { name: "c" type: "Convolution" bottom: "x" top: "c" '
            "convolution_param { pad: 2 } } "
            'layer { name: "q" type: "Pooling" bottom: "x" top: "q" pooling_param { pad: 2 } }'
        ),
    ),
    "a blob made again is padded no more": (
        (
            'input: "x" input_dim: [1, 2, 3, 4] '
            'layers { layer { name: "p" type: "padding" pad: 2 } bottom: "x" top: "y" } '
            'layers { layer { name: "r" type: "relu" } bottom: "x" top: "y" } '
            'layers { layer { name: "c" type: "conv" } bottom: "y" top: "c" }'
        ),
        (
            'layer { name: "input" type: "Input" top: "x" input_param { '
            "shape { dim: [1, 2, 3, 4] } } } "
            'layer { name: "r" type: "ReLU" bottom: "x" top: "y" } '
            'layer { name: "c" type: "Convolution" bottom: "y" top: "c" }'
        ),
    ),
    "a layer without a type has none, and its transformation": (
        'layers { layer { name: "l" scale: 2 } top: "t" }',
        'layer { name: "l" top: "t" transform_param { scale: 2 } }',
    ),
}
DROPPED = {
    "an input without a shape": ('name: "n" input: "x"', 'name: "n"', "input"),
    "more shapes than inputs": (
        'input: "x" input_shape { dim: 1 } input_shape { dim: 2 }',
        'layer { name: "input" type: "Input" top: "x" input_param { shape { dim: 1 } } }',
        "input_shape",
    ),
    "more dims than inputs": (
        'input: "x" input_dim: [1, 2, 3, 4, 5]',
        (
            'layer { name: "input" type: "Input" top: "x" input_param { '
            "shape { dim: [1, 2, 3, 4] } } }"
        ),
        "input_dim",
    ),
    "V1's fields beside V0's": (
        'layers { layer { name: "l" type: "relu" } include { phase: TRAIN } loss_weight: 2 }',
        'layer { name: "l" type: "ReLU" }',
        "include of relu, loss_weight of relu",
    ),
    "a V1 layer among V0 ones": (
        (
            'layers { layer { name: "l" type: "relu" } top: "x" } layers { name: "m" type: POOLING '
            'bottom: "x" top: "y" include { phase: TRAIN } pooling_param { kernel_size: 2 } }'
        ),
        'layer { name: "l" type: "ReLU" top: "x" } layer { bottom: "x" top: "y" }',
        "name of a V1 layer, type of a V1 layer, pooling_param of a V1 layer, include of a V1",
    ),
    "a V0 net's newer fields": (
        (
            'name: "n" force_backward: true debug_info: true state { phase: TRAIN } '
            'layers { layer { name: "l" type: "relu" } }'
        ),
        'name: "n" force_backward: true layer { name: "l" type: "ReLU" }',
        "state, debug_info",
    ),
    "num_output without a type": (
        'layers { layer { name: "l" num_output: 2 } }',
        'layer { name: "l" }',
        "layer.num_output of no type",
    ),
}

REFUSED = {
    "layer { } layers { type: RELU }": "both 'layer' and 'layers'",
    'layers { layer { type: "relu" } } layers { type: RELU }': "with and without a 'layer' inside",
    'layers { layer { name: "l" type: "ReLU" } }': "unknown type 'ReLU' of Caffe's first form",
    'layers { layer { name: "l" type: "" } }': "unknown type ''",
    'layers { layer { name: "l" type: "relu" } bottom: "x" }': "bottom 'x' of layer 'l'",
    'input: "x" layers { layer { name: "p" type: "padding" } bottom: "x" top: "y" } '
    'layers { layer { name: "l" type: "relu" } bottom: "y" }': "only conv and pool can",
    'input: "x" layers { layer { name: "p" type: "padding" } bottom: "x" top: "y" top: "z" } '
    'layers { layer { name: "l" type: "conv" } bottom: "y" }': "one bottom and one top",
    'input: "x" layers { layer { name: "p" type: "padding" } bottom: "x" top: "y" } '
    'layers { layer { name: "l" type: "conv" } bottom: "y" bottom: "x" }': "takes one bottom",
    'input: "x" input: "y" input_shape { dim: 1 }': "input_shape is given 1 times; it takes 2",
    'input: "x" input_dim: [1, 2, 3]': "input_dim is given 3 times; it takes 4",
}


@pytest.mark.parametrize("what", SAME)
def test_old_forms(what):
    old, new = SAME[what]
    net, warned = upgraded(old)
    assert net == parsed(new)
    assert not warned


@pytest.mark.parametrize("what", DROPPED)
def test_what_caffe_drops_is_named(what):
    old, new, named = DROPPED[what]
    net, warned = upgraded(old)
    assert net == parsed(new)
    assert f"to Caffe: {named}" in warned


@pytest.mark.parametrize("text", REFUSED)
def test_what_caffe_refuses(text):
    with pytest.raises(NetError, match=REFUSED[text]) as caught:
        upgrade(load(Source("<text>", text), "NetParameter"))
    assert caught.value.span


def test_todays_layers_are_not_touched_and_their_old_fields_named():
    text = 'layer { name: "d" type: "Data" data_param { scale: 2 crop_size: 3 } }'
    net, warned = upgraded(text)
    assert net == parsed(text)
    assert "in transform_param only: data_param.scale of 'd', data_param.crop_size of 'd'" in warned


def test_an_input_without_a_shape_can_be_given_one():
    net, warned = upgraded('input: "x"', keep_inputs=True)
    assert net == parsed('layer { name: "input" type: "Input" top: "x" }')
    assert not warned


@pytest.mark.filterwarnings("ignore::protonet.diagnostics.IgnoredFields")
def test_a_dropped_field_leaves_its_layer_right():
    text = (
        'input: "x" input_dim: [1, 2, 5, 5] layers { layer { name: "r" type: "relu" pad: 3 } '
        'bottom: "x" top: "y" }'
    )
    assert check(text) == []


@pytest.mark.parametrize(
    "old, new",
    [
        ("SGD", "SGD"),
        ("NESTEROV", "Nesterov"),
        ("ADAGRAD", "AdaGrad"),
        ("RMSPROP", "RMSProp"),
        ("ADADELTA", "AdaDelta"),
        ("ADAM", "Adam"),
    ],
)
def test_each_type_of_solver(old, new):
    loaded = load(Source("<text>", f"base_lr: 1 solver_type: {old}"), "SolverParameter")
    assert upgrade_solver(loaded).message == parsed(f'base_lr: 1 type: "{new}"', "SolverParameter")


def test_every_unknown_type_is_told():
    text = 'layers { layer { type: "rellu" } }\nlayers { layer { type: "pol" } }'
    first, second = check(text)
    assert (first.span.line, second.span.line) == (1, 2)
