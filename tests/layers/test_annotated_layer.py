"""AnnotatedData without its data: shapes from the settings, mistakes from the text alone."""

from __future__ import annotations

import pytest
import torch

import protonet
from protonet.api import graph
from protonet.diagnostics import NetError

SIZED = "resize_param { height: 20 width: 24 }"


def net(transform=SIZED, annotated='label_map_file: "m"', tops=("data", "label"), batch=2):
    names = " ".join(f'top: "{top}"' for top in tops)
    return (
        f'layer {{ name: "d" type: "AnnotatedData" {names} transform_param {{ {transform} }} '
        f'data_param {{ source: "nowhere" batch_size: {batch} }} '
        f"annotated_data_param {{ {annotated} }} }}"
    )


@pytest.mark.parametrize(
    ("source", "shapes"),
    [
        (net(), [(2, 3, 20, 24), (1, 1, 1, 8)]),
        (net(f"{SIZED} force_gray: true"), [(2, 1, 20, 24), (1, 1, 1, 8)]),
        (net("crop_size: 7"), [(2, 3, 7, 7), (1, 1, 1, 8)]),
        (net(f"{SIZED} crop_h: 7 crop_w: 9"), [(2, 3, 7, 9), (1, 1, 1, 8)]),
        (net(annotated="anno_type: BBOX"), [(2, 3, 20, 24), (1, 1, 1, 8)]),
        (net(annotated=""), [(2, 3, 20, 24), (2,)]),
        (net(annotated="yolo_data_type: 1"), [(2, 3, 20, 24), (2, 1, 300, 5)]),
        (net(tops=("data",)), [(2, 3, 20, 24)]),
        (net(annotated="anno_type: BBOX yoloformat: true"), [(2, 3, 20, 24), (2, 1, 1, 8)]),
        (net(annotated="anno_type: BBOX has_landmarks: true"), [(2, 3, 20, 24), (1, 1, 1, 19)]),
        (
            net(annotated="anno_type: BBOXandSeg seg_scales: 4", tops=("data", "label", "mask")),
            [(2, 3, 20, 24), (1, 1, 1, 8), (2, 1, 5, 6)],
        ),
        (
            net(
                annotated="yolo_data_type: 1 seg_resize_height: 3 seg_resize_width: 5",
                tops=("data", "label", "mask"),
            ),
            [(2, 3, 20, 24), (2, 1, 300, 5), (2, 1, 3, 5)],
        ),
    ],
)
def test_shapes_of_what_is_not_here(source, shapes):
    assert [value.shape for value in graph(source).inputs] == shapes


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (net("mirror: true"), "neither crop_size nor resize_param state it"),
        (net(f"{SIZED[:-1]} resize_mode: FIT_SMALL_SIZE }}", batch=1), "leaves it to each image"),
        (net(annotated="single_class: false", tops=("a", "b", "c")), "how many classes"),
        (net("resize_param { height: 3 }"), "resize_param has no width"),
        (net(f"{SIZED} expand_param {{ max_expand_ratio: 0.5 }}"), "must be above 1, not 0.5"),
        (
            net(annotated="batch_sampler { sampler { min_scale: 2 } }"),
            "min_scale 2 and max_scale 1 are no range",
        ),
    ],
)
def test_what_can_be_told_without_data(source, words):
    with pytest.raises(NetError) as caught:
        graph(source)
    assert words in str(caught.value)
    assert caught.value.span is not None


def test_dummy_truth_of_any_number_of_boxes_trains_a_detector():
    """DummyData in the place of images and boxes, as timing nets have it."""
    source = """
    layer { name: "x" type: "DummyData" top: "data" top: "label"
            dummy_data_param { shape { dim: 2 dim: 4 dim: 5 dim: 5 }
                               shape { dim: 1 dim: 1 dim: 6 dim: 8 } } }
    layer { name: "loc" type: "Convolution" bottom: "data" top: "loc"
            convolution_param { num_output: 8 kernel_size: 1 } }
    layer { name: "conf" type: "Convolution" bottom: "data" top: "conf"
            convolution_param { num_output: 6 kernel_size: 1 } }
    layer { name: "lf" type: "Flatten" bottom: "loc" top: "lf" }
    layer { name: "cf" type: "Flatten" bottom: "conf" top: "cf" }
    layer { name: "prior" type: "PriorBox" bottom: "loc" bottom: "data" top: "prior"
            prior_box_param { min_size: 2 max_size: 3 } }
    layer { name: "loss" type: "MultiBoxLoss" bottom: "lf" bottom: "cf" bottom: "prior"
            bottom: "label" top: "loss" multibox_loss_param { num_classes: 3 } }
    """
    made = protonet.compile(source, phase="TRAIN")
    truth = torch.zeros(1, 1, 6, 8)
    truth[..., 1] = 1
    truth[..., 5:7] = torch.linspace(0.2, 0.9, 6)[:, None]
    for boxes in (truth, truth[:, :, :2], torch.full((1, 1, 1, 8), -1.0)):
        found = made(torch.rand(2, 4, 5, 5), boxes)
        loss = found["objective"] if isinstance(found, dict) else found
        assert torch.isfinite(loss)
