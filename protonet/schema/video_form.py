"""Which of the forks' three VideoData layers is meant, for their fields stand in one message."""

from __future__ import annotations

from typing import Any

SEGMENTS, CLIPS, CAMERA = "segments", "clips", "camera"
_OF_SEGMENTS = ("num_segments", "modality", "name_pattern", "grayscale")
_OF_SEGMENTS_IN_3D = ("length_first", "step", "rand_step")
_OF_CAMERA = ("video_type", "video_file", "device_id", "skip_frames")


def video_form(layer: Any) -> str:
    """Segments of frames (yjxiong's fork), clips (C3D) or a camera or a video file (SSD)."""
    p = layer.video_data_param
    if any(p.HasField(field) for field in (*_OF_SEGMENTS, *_OF_SEGMENTS_IN_3D)):
        return SEGMENTS
    if any(p.HasField(field) for field in _OF_CAMERA):
        return CAMERA
    return CLIPS if p.new_length or layer.image_data_param.new_length else CAMERA


def by_planes(layer: Any) -> bool:
    """Whether the channels of a segment come one after the other (the fork's branch for 3D)."""
    return any(layer.video_data_param.HasField(field) for field in _OF_SEGMENTS_IN_3D)


def clip_field(layer: Any) -> str:
    """The name of the parameter of a layer of clips: image_data_param in C3D's first release."""
    return "image_data_param" if layer.image_data_param.new_length else "video_data_param"
