"""Maps of points and their loss, of ECT-FaceAlignment; MultiImageData and ZosonData."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from one_layer import close, compiled, numbers, text_of

import protonet
from protonet import NetError
from protonet.api import graph


@pytest.mark.parametrize("loss_weight", [1.0, 0.25])
def test_euclidean_loss_heatmap(loss_weight):
    shapes = [(2, 3, 4, 4)] * 2 + [(2, 3, 8, 8)]
    text = text_of("EuclideanLossHeatmap", f"loss_weight: {loss_weight}", shapes)
    net = protonet.compile(text, phase="TRAIN").double()
    x, wanted = numbers(1, shapes[0]), numbers(2, shapes[0])
    tensors = [torch.from_numpy(value).requires_grad_(True) for value in (x, wanted)]
    result = net(*tensors, torch.zeros(shapes[2], dtype=torch.float64))
    result["objective"].backward()
    total = sum((a - b) ** 2 for a, b in zip(x.flat, wanted.flat, strict=True))
    close(result["t0"].detach().numpy(), np.array(total / (2 * 3 * 4 * 4)))
    # The gradient knows neither the loss's weight nor how many numbers there are.
    for tensor in tensors:
        close(tensor.grad.numpy(), x - wanted)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([(2, 3, 4, 5)] * 2, "square maps"),
        ([(2, 3, 4)] * 2, "square maps"),
        ([(2, 3, 4, 4), (2, 3, 5, 5)], "not that of the first bottom"),
    ],
)
def test_what_the_loss_refuses(shapes, said):
    with pytest.raises(NetError, match=said):
        compiled("EuclideanLossHeatmap", "", shapes)


def shapes_of(kind, fields, **given):
    """The tops of a data layer, by the net's inputs."""
    text = f'layer {{ name: "l" type: "{kind}" top: "data" top: "label" {fields} }}'
    net = graph(text, phase="TRAIN", shapes=given)
    return [net.blobs[name].shape for name in ("data", "label")]


@pytest.mark.parametrize(
    ("fields", "shapes"),
    [
        ("batch_size: 4 new_height: 9 new_width: 8", [(4, 6, 9, 8), (4,)]),
        ("num_images: 3 is_color: false new_height: 9 new_width: 8", [(1, 3, 9, 8), (1,)]),
    ],
)
def test_multi_image_data(fields, shapes):
    assert shapes_of("MultiImageData", f"multi_image_data_param {{ {fields} }}") == shapes
    cropped = f"transform_param {{ crop_size: 5 }} multi_image_data_param {{ {fields} }}"
    images, labels = shapes
    assert shapes_of("MultiImageData", cropped) == [(*images[:2], 5, 5), labels]


def test_zoson_data():
    resized = "transform_param { resize_param { height: 9 width: 8 } } data_param { batch_size: 2 }"
    assert shapes_of("ZosonData", resized) == [(2, 3, 9, 8), (2,)]


def test_data_heatmap():
    fields = "heatmap_data_param { batchsize: 2 outsize: 16 label_height: 8 label_width: 8 }"
    given = {"data": (2, 3, 16, 16), "label": (2, 5, 8, 8)}
    assert shapes_of("DataHeatmap", fields, **given) == list(given.values())


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("MultiImageData", "multi_image_data_param { num_images: 0 }", "num_images"),
        ("MultiImageData", "multi_image_data_param { new_height: 3 }", "stated together"),
        ("MultiImageData", "", "is not known: neither crop_size"),
        ("ZosonData", "data_param { batch_size: 1 }", "is not known"),
        ("DataHeatmap", "heatmap_data_param { outsize: 3 }", "batchsize"),
        ("DataHeatmap", "heatmap_data_param { batchsize: 2 outsize: 3 }", "how many points"),
    ],
)
def test_what_a_data_layer_refuses(kind, fields, said):
    with pytest.raises(NetError, match=said):
        shapes_of(kind, fields)
