"""Small nets whose answers are known: colours are classes."""

from __future__ import annotations

# Each cell of 10x10 pixels is a box; its colour is its class: 1 for red, 2 for blue.
DETECTOR = """
name: "cells" input: "data" input_shape { dim: 1 dim: 3 dim: 40 dim: 40 }
layer { name: "cell" type: "Pooling" bottom: "data" top: "cell"
        pooling_param { pool: AVE kernel_size: 10 stride: 10 } }
layer { name: "conf" type: "Convolution" bottom: "cell" top: "conf"
        convolution_param { num_output: 3 kernel_size: 1 } }
layer { name: "loc" type: "Convolution" bottom: "cell" top: "loc"
        convolution_param { num_output: 4 kernel_size: 1 } }
layer { name: "conf_p" type: "Permute" bottom: "conf" top: "conf_p"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "loc_p" type: "Permute" bottom: "loc" top: "loc_p"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "conf_r" type: "Reshape" bottom: "conf_p" top: "conf_r"
        reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
layer { name: "soft" type: "Softmax" bottom: "conf_r" top: "soft" softmax_param { axis: 2 } }
layer { name: "conf_f" type: "Flatten" bottom: "soft" top: "conf_f" }
layer { name: "loc_f" type: "Flatten" bottom: "loc_p" top: "loc_f" }
layer { name: "prior" type: "PriorBox" bottom: "cell" bottom: "data" top: "prior"
        prior_box_param { min_size: 10 step: 10 offset: 0.5 variance: 0.1 variance: 0.1
                          variance: 0.2 variance: 0.2 } }
layer { name: "found" type: "DetectionOutput" bottom: "loc_f" bottom: "conf_f" bottom: "prior"
        top: "found" detection_output_param { num_classes: 3 code_type: CENTER_SIZE
        keep_top_k: 20 confidence_threshold: 0.01 nms_param { nms_threshold: 0.45 } } }
"""
SEGMENTER = """
name: "places" input: "data" input_shape { dim: 1 dim: 3 dim: 20 dim: 20 }
layer { name: "conf" type: "Convolution" bottom: "data" top: "conf"
        convolution_param { num_output: 3 kernel_size: 1 } }
"""
SOFTMAX = 'layer { name: "prob" type: "Softmax" bottom: "conf" top: "prob" }\n'
POOL = """
layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { global_pooling: true } }
"""
ARGMAX = 'layer { name: "most" type: "ArgMax" bottom: "conf" top: "most" argmax_param { axis: 1 } }'
