"""Layers whose rows the data decide, in onnxruntime: as many, the same, and none where none is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from trial import fill

import protonet

pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

RPN = """
input: "data" input_shape { dim: 1 dim: 3 dim: 64 dim: 80 }
input: "im_info" input_shape { dim: 1 dim: 3 }
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
  convolution_param { num_output: 8 kernel_size: 16 stride: 16 } }
layer { name: "score" type: "Convolution" bottom: "c" top: "score"
  convolution_param { num_output: 18 kernel_size: 1 } }
layer { name: "delta" type: "Convolution" bottom: "c" top: "delta"
  convolution_param { num_output: 36 kernel_size: 1 weight_filler { type: "constant" } } }
layer { name: "proposal" type: "Python" bottom: "score" bottom: "delta" bottom: "im_info"
  top: "rois"
  python_param { module: "rpn.proposal_layer" layer: "ProposalLayer"
    param_str: "{'feat_stride': 16, 'scales': [1, 2, 4]}" } }
layer { name: "pool" type: "ROIPooling" bottom: "c" bottom: "rois" top: "pool"
  roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 0.0625 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""
BOXES = """
input: "loc" input_shape { dim: 2 dim: 40 }
input: "conf" input_shape { dim: 2 dim: 30 }
input: "prior" input_shape { dim: 1 dim: 2 dim: 40 }
layer { name: "out" type: "DetectionOutput" bottom: "loc" bottom: "conf" bottom: "prior" top: "out"
  detection_output_param { num_classes: 3 code_type: CORNER keep_top_k: 4
    confidence_threshold: 0.6 nms_param { nms_threshold: 0.4 top_k: 6 } } }
"""
PLACES = """
input: "x" input_shape { dim: 2 dim: 18 dim: 10 dim: 12 }
input: "roi" input_shape { dim: 4 dim: 5 }
layer { name: "bins" type: "PSROIPooling" bottom: "x" bottom: "roi" top: "y"
  psroi_pooling_param { spatial_scale: 0.0625 output_dim: 2 group_size: 3 } }
"""


def session(path):
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_regions_go_through_the_rest_of_a_net(tmp_path):
    net = protonet.compile(RPN, outputs=["rois", "prob"])
    fill(net)
    net.delta.weight.data *= 0.02
    protonet.export(net, tmp_path / "net.onnx", outputs=["rois", "prob"])
    run, counts = session(tmp_path / "net.onnx"), set()
    assert [str(n) for n in run.get_outputs()[1].shape] == ["rois_rows", "5"]
    for seed, scale in ((1, 1.0), (2, 0.5), (3, 2.0)):
        random = np.random.default_rng(seed)
        data = random.standard_normal((1, 3, 64, 80)).astype(np.float32)
        info = np.array([[64, 80, scale]], np.float32)
        rois, prob = run.run(["rois", "prob"], {"data": data, "im_info": info})
        with torch.no_grad():
            expected = net(torch.from_numpy(data), torch.from_numpy(info))
        np.testing.assert_allclose(rois, expected["rois"].numpy(), rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(prob, expected["prob"].numpy(), rtol=1e-4, atol=1e-5)
        counts.add(len(rois))
    assert len(counts) > 1


def boxes(images, seed, certain):
    """Offsets, scores and priors of ten boxes; none is good enough where nothing is certain."""
    random = np.random.default_rng(seed)
    low = random.random((10, 2)) * 0.6
    prior = np.concatenate([low, low + 0.3], 1).reshape(1, 1, 40)
    return {
        "loc": (random.standard_normal((images, 40)) * 0.02).astype(np.float32),
        "conf": (random.random((images, 30)) * (1 if certain else 0.5)).astype(np.float32),
        "prior": np.concatenate([prior, np.full_like(prior, 1.0)], 1).astype(np.float32),
    }


@pytest.mark.parametrize("images", [1, 3])
def test_boxes_of_several_images(images, tmp_path):
    net = protonet.compile(BOXES)
    shapes = {"loc": (images, 40), "conf": (images, 30), "prior": (1, 2, 40)}
    protonet.export(BOXES, tmp_path / "net.onnx", shapes=shapes)
    run = session(tmp_path / "net.onnx")
    for seed, certain in ((0, True), (1, True), (2, False)):
        given = boxes(images, seed, certain)
        (found,) = run.run(["out"], given)
        with torch.no_grad():
            expected = net(*(torch.from_numpy(given[k]) for k in ("loc", "conf", "prior"))).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert (found[0, 0, 0, 1] != -1) == certain
        assert not certain or max(np.bincount(found[0, 0, :, 0].astype(int))) == 4
        assert certain or found.shape == (1, 1, images, 7)


def test_bins_of_regions_in_any_number_of_images(tmp_path):
    net = protonet.compile(PLACES)
    protonet.export(PLACES, tmp_path / "net.onnx", batch="dynamic")
    run, random = session(tmp_path / "net.onnx"), np.random.default_rng(0)
    for images in (1, 3):
        x = random.standard_normal((images, 18, 10, 12)).astype(np.float32)
        corners = np.sort(random.random((4, 2, 2)) * [190, 150], axis=1).reshape(4, 4)
        regions = np.concatenate([np.arange(4)[:, None] % images, corners], 1).astype(np.float32)
        (found,) = run.run(None, {"x": x, "roi": regions})
        expected = net(torch.from_numpy(x), torch.from_numpy(regions)).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Yolov3Detection", "Yolov3DetectionOutput"])
def test_the_forks_of_yolov3_suppress_by_their_own_overlaps(kind, tmp_path):
    """Boxes that overlap by 0.42 are one of the first, which goes by 0.4, and two of the other."""
    text = f"""
    input: "x" input_shape {{ dim: 1 dim: 12 dim: 1 dim: 1 }}
    layer {{ name: "l" type: "{kind}" bottom: "x" top: "y" yolov3_detection_output_param {{
      num_classes: 1 num_box: 2 mask_group_num: 1 mask: 0 mask: 1 anchors_scale: 100
      biases: 100 biases: 100 biases: 42 biases: 100 }} }}"""
    x = np.zeros((1, 12, 1, 1), np.float32)
    x[:, [4, 5, 10, 11]] = 9
    path = tmp_path / "net.onnx"
    protonet.export(protonet.compile(text), path)
    (found,) = ort.InferenceSession(path).run(None, {"x": x})
    assert found.shape[2] == (1 if kind == "Yolov3Detection" else 2)
