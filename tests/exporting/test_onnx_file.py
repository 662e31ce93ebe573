"""An ONNX file: its names, its numbers, what it refuses; compared with onnx and onnxruntime."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from trial import fill

import protonet
from protonet import NetError
from protonet.cli import group

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

SMALL = """
name: "small"
input: "data" input_shape { dim: 4 dim: 3 dim: 12 dim: 12 }
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1"
  convolution_param { num_output: 8 kernel_size: 3 pad: 1 bias_term: false } }
layer { name: "bn1" type: "BatchNorm" bottom: "c1" top: "c1" }
layer { name: "sc1" type: "Scale" bottom: "c1" top: "c1" scale_param { bias_term: true } }
layer { name: "relu1" type: "ReLU" bottom: "c1" top: "c1" }
layer { name: "n1" type: "LRN" bottom: "c1" top: "n1" lrn_param { local_size: 3 alpha: 0.1 } }
layer { name: "p1" type: "Pooling" bottom: "n1" top: "p1"
  pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "p1" top: "fc/x"
  inner_product_param { num_output: 5 } }
layer { name: "drop" type: "Dropout" bottom: "fc/x" top: "fc/x" }
layer { name: "prob" type: "Softmax" bottom: "fc/x" top: "prob" }
"""


def session(path):
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    net = protonet.compile(SMALL)
    fill(net)
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    written = protonet.export(net, path, batch="dynamic", outputs=["prob", "fc/x"])
    return net, path, written


def test_the_names_are_caffes(small):
    _, path, written = small
    graph = onnx.load(path).graph
    assert graph.name == "small"
    assert [value.name for value in graph.input] == ["data"]
    assert [value.name for value in graph.output] == ["prob", "fc/x"]
    operators = [(node.op_type, node.name) for node in graph.node]
    assert operators == [
        ("Conv", "c1"),
        ("Relu", "relu1"),
        ("LRN", "n1"),
        ("AveragePool", "p1"),
        ("Flatten", "fc/Flatten"),
        ("Gemm", "fc"),
        ("Softmax", "prob"),
    ]
    assert {n for node in graph.node for n in node.output} >= {"c1", "n1", "p1"}
    assert {w.name for w in graph.initializer} == {"c1.weight", "c1.bias", "fc.weight", "fc.bias"}
    assert written.nodes == len(graph.node)
    assert written.inputs == {"data": ("batch", 3, 12, 12)}


def test_any_batch_gives_what_torch_gives(small):
    net, path, written = small
    assert written.checked.trials == 2
    run = session(path)
    for batch in (1, 2, 7):
        x = np.random.default_rng(batch).standard_normal((batch, 3, 12, 12)).astype(np.float32)
        prob, scores = run.run(["prob", "fc/x"], {"data": x})
        with torch.no_grad():
            expected = net(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(prob, expected, rtol=1e-4, atol=1e-6)
        exp = np.exp(scores - scores.max(1, keepdims=True))
        np.testing.assert_allclose(exp / exp.sum(1, keepdims=True), expected, rtol=1e-4, atol=1e-6)


def test_the_file_is_whole_and_says_where_it_comes_from(tmp_path):
    source = tmp_path / "net.prototxt"
    source.write_text(SMALL)
    protonet.export(source, tmp_path / "net.onnx", check=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "net.prototxt"]
    model = onnx.load(tmp_path / "net.onnx", load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told["source"] == "net.prototxt"
    assert told["source_sha256"] == hashlib.sha256(SMALL.encode()).hexdigest()
    assert (model.producer_name, model.producer_version) == ("protonet", protonet.__version__)


def test_weights_come_from_caffe_files(tmp_path):
    folder = Path(__file__).parent.parent / "golden" / "weights"
    expected = dict(np.load(folder / "v1_binary.npz"))
    layers = sorted({key.split("/")[0] for key in expected})
    assert layers  # the file's own arrays stand beside it
    blobs = protonet.read_blobs(folder / "v1_binary.caffemodel")
    net = """input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
    layer { name: "c" type: "Convolution" bottom: "data" top: "c"
      convolution_param { num_output: 2 kernel_size: 3 } }"""
    weight = np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3)
    given = {"c": [weight, np.array([1.0, -1.0], np.float32)]}
    protonet.save(_loaded(net, given), tmp_path / "c.caffemodel")
    protonet.export(net, tmp_path / "c.onnx", weights=tmp_path / "c.caffemodel")
    held = {
        w.name: onnx.numpy_helper.to_array(w)
        for w in onnx.load(tmp_path / "c.onnx").graph.initializer
    }
    np.testing.assert_array_equal(held["c.weight"], weight)
    np.testing.assert_array_equal(held["c.bias"], [1.0, -1.0])
    assert blobs


def _loaded(net, blobs):
    module = protonet.compile(net)
    protonet.load_blobs(module, blobs)
    return module


def test_what_differs_is_no_file(tmp_path, monkeypatch):
    from protonet.exporting.layers import lrn

    target = tmp_path / "net.onnx"
    target.write_bytes(b"before")
    real = lrn.operator

    def wrong(name, inputs, shape, **attributes):
        return real(name, inputs, shape, **{**attributes, "beta": 0.7})

    monkeypatch.setattr(lrn, "operator", wrong)
    net = protonet.compile(SMALL)
    fill(net)
    with pytest.raises(NetError, match="gives another 'prob' than the net"):
        protonet.export(net, target)
    assert target.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


def test_half_precision_keeps_inputs_and_outputs(small, tmp_path):
    net, path, _ = small
    written = protonet.export(net, tmp_path / "half.onnx", precision="fp16")
    graph = onnx.load(tmp_path / "half.onnx").graph
    assert {v.type.tensor_type.elem_type for v in (*graph.input, *graph.output)} == {1}
    kinds = {w.name: w.data_type for w in graph.initializer}
    assert kinds["c1.weight"] == kinds["fc.weight"] == onnx.TensorProto.FLOAT16
    assert written.size < 0.7 * path.stat().st_size
    assert written.checked.difference < 1e-2


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_other_opsets(small, tmp_path, opset):
    net, _, _ = small
    written = protonet.export(net, tmp_path / "net.onnx", opset=opset, batch="dynamic")
    assert onnx.load(tmp_path / "net.onnx").opset_import[0].version == opset
    assert written.checked.difference < 1e-4


def test_height_and_width_may_be_free(tmp_path):
    net = """input: "data" input_shape { dim: 1 dim: 3 dim: 24 dim: 32 }
    layer { name: "c" type: "Convolution" bottom: "data" top: "c"
      convolution_param { num_output: 4 kernel_size: 3 } }
    layer { name: "p" type: "Pooling" bottom: "c" top: "p"
      pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
    layer { name: "g" type: "Pooling" bottom: "p" top: "g"
      pooling_param { pool: AVE global_pooling: true } }"""
    protonet.export(net, tmp_path / "net.onnx", dynamic="height,width", outputs=["p", "g"])
    run = session(tmp_path / "net.onnx")
    p, g = run.run(["p", "g"], {"data": np.ones((1, 3, 41, 57), np.float32)})
    assert (p.shape, g.shape) == ((1, 4, 20, 28), (1, 4, 1, 1))


FIXED = SMALL.replace(
    'layer { name: "prob"',
    """layer { name: "cut" type: "Reshape" bottom: "fc/x"
  top: "r" reshape_param { shape { dim: 4 dim: -1 } } }
layer { name: "prob\"""",
).replace('type: "Softmax" bottom: "fc/x"', 'type: "Softmax" bottom: "r"')
REFUSED = [
    (FIXED, {"batch": "dynamic"}, "'cut' \\(Reshape\\)"),
    (SMALL, {"dynamic": "height"}, "'fc' \\(InnerProduct\\) has weights for one size"),
    (SMALL, {"phase": "TRAIN"}, "'drop' \\(Dropout\\) draws at random"),
    (SMALL, {"outputs": ["porb"]}, "no blob 'porb'"),
    (SMALL, {"batch": 0}, "a number of images or dynamic, not 0"),
    (SMALL, {"opset": 9}, "the opset is 13 to 23, not 9"),
    (SMALL, {"precision": "int8"}, "fp32 or fp16, not 'int8'"),
    (SMALL, {"runtime": "caffe"}, "nothing is known of the runtime 'caffe'"),
    (SMALL, {"dynamic": "depth"}, "height or width, not 'depth'"),
    (SMALL, {"tolerance": 2}, "between 0 and 1, not 2"),
]


@pytest.mark.parametrize("net, options, error", REFUSED, ids=[str(o) for _, o, _ in REFUSED])
def test_what_cannot_be_is_told(net, options, error, tmp_path):
    with pytest.raises(NetError, match=error):
        protonet.export(net, tmp_path / "net.onnx", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_suffix_says_the_format(tmp_path):
    with pytest.raises(NetError, match="under the suffix '\\.caffe'"):
        protonet.export(SMALL, tmp_path / "net.caffe")


def test_another_module_is_none_of_ours(tmp_path):
    with pytest.raises(NetError, match="no net that protonet compiled"):
        protonet.export(torch.nn.Linear(2, 2), tmp_path / "net.onnx")


def test_the_command_says_what_it_wrote(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(SMALL)
    command = "export net.prototxt -o net.onnx --batch 2 --outputs prob --opset 17"
    done = CliRunner().invoke(group, command.split(), standalone_mode=False)
    assert done.exception is None
    assert "net.onnx: data 2x3x12x12 -> prob 2x5;" in done.stderr
    assert "7 nodes\nequal in onnxruntime" in done.stderr
    assert "warning: no --weights" in done.stderr
    assert onnx.load("net.onnx").opset_import[0].version == 17


def test_a_batch_that_is_none_is_a_wrong_command():
    done = CliRunner().invoke(
        group, ["export", "net.prototxt", "-o", "net.onnx", "--batch", "many"]
    )
    assert done.exit_code == 2
    assert "'many' is no batch; write it as 1 or dynamic" in done.stderr


WRONG = ["--opset 12", "--dynamic batch", "--tolerance 0", "--for caffe"]


@pytest.mark.parametrize("option", WRONG)
def test_an_option_that_is_none_is_a_wrong_command(option):
    command = ["export", "net.prototxt", "-o", "net.onnx", *option.split()]
    done = CliRunner().invoke(group, command)
    assert done.exit_code == 2
    assert f"Invalid value for '{option.split()[0]}'" in done.stderr


def test_an_input_that_nothing_reads_is_not_asked_for(tmp_path):
    net = (
        SMALL
        + """input: "target" input_shape { dim: 4 dim: 5 }
    layer { name: "far" type: "EuclideanLoss" bottom: "prob" bottom: "target" top: "far" }"""
    )
    written = protonet.export(net, tmp_path / "net.onnx", outputs=["prob"])
    assert list(written.inputs) == ["data"]
    assert [value.name for value in session(tmp_path / "net.onnx").get_inputs()] == ["data"]


def test_a_blob_that_is_asked_for_twice_is_given_once(tmp_path):
    written = protonet.export(SMALL, tmp_path / "net.onnx", outputs=["prob", "prob"])
    assert list(written.outputs) == ["prob"]


def test_a_folder_that_is_not_there_is_told_before_any_work(tmp_path):
    with pytest.raises(NetError, match=r"net\.onnx can't be written: there is no folder"):
        protonet.export(SMALL, tmp_path / "none" / "net.onnx")


def test_a_layer_that_follows_from_numbers_is_told_with_its_place(tmp_path):
    net = """input: "x" input_shape { dim: 1 dim: 1 dim: 4 dim: 7 }
    input: "label" input_shape { dim: 1 dim: 1 dim: 2 dim: 8 }
    layer { name: "far" type: "DetectionEvaluate" bottom: "x" bottom: "label" top: "y"
      detection_evaluate_param { num_classes: 3 overlap_threshold: 0.5 } }"""
    (tmp_path / "net.prototxt").write_text(net)
    with pytest.raises(NetError, match=r"'far' .* follows from the numbers") as told:
        protonet.export(tmp_path / "net.prototxt", tmp_path / "net.onnx")
    assert f"{tmp_path / 'net.prototxt'}:3:5: error" in str(told.value)
