"""VideoData: frames of videos, in the three forms that the forks have."""

from __future__ import annotations

from protonet.data.clip_feed import ClipFeed
from protonet.data.definition import Definition
from protonet.data.extras import NotHere
from protonet.data.feed import Feed, feeds
from protonet.data.film_feed import FilmFeed
from protonet.data.segment_feed import SegmentFeed
from protonet.schema.video_form import CLIPS, SEGMENTS, video_form

_VIDEO = 1


@feeds
class VideoFeed(Feed):
    """Segments of frames (yjxiong's fork), clips (C3D) or the frames of a video file (SSD's).

    A camera's frames are not read.
    """

    type = "VideoData"

    @classmethod
    def of(cls, definition: Definition) -> Feed:
        form = video_form(definition.layer)
        if form == SEGMENTS:
            return SegmentFeed(definition)
        if form == CLIPS:
            return ClipFeed(definition)
        if definition.layer.video_data_param.video_type == _VIDEO:
            return FilmFeed(definition)
        what = "frames of a camera are not read here"
        hint = "record a file: video_type: VIDEO and video_file; or `protonet run` on each frame"
        error = definition.error(what, hint=hint)
        raise NotHere(error.message, error.span, error.hint)
