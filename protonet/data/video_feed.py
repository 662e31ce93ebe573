"""VideoData: frames of videos, in the three forms that the forks have."""

from __future__ import annotations

from protonet.data.clip_feed import ClipFeed
from protonet.data.definition import Definition
from protonet.data.extras import NotHere
from protonet.data.feed import Feed, feeds
from protonet.data.segment_feed import SegmentFeed
from protonet.schema.video_form import CLIPS, SEGMENTS, video_form


@feeds
class VideoFeed(Feed):
    """Segments of frames (yjxiong's fork) or clips (C3D); a camera's frames are not read."""

    type = "VideoData"

    @classmethod
    def of(cls, definition: Definition) -> Feed:
        form = video_form(definition.layer)
        if form == SEGMENTS:
            return SegmentFeed(definition)
        if form == CLIPS:
            return ClipFeed(definition)
        what = "frames of a camera or of one video file are not read here"
        error = definition.error(what, hint="run the net on each frame: `protonet run`")
        raise NotHere(error.message, error.span, error.hint)
