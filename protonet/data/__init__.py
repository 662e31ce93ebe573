"""Batches: what a net's data layers read, transform and hand to the training, in Caffe's order."""

from __future__ import annotations

from protonet.data.feed import Batch, Feed
from protonet.data.opening import READ, data_shapes, open_feed, open_feeds

__all__ = ["READ", "Batch", "Feed", "data_shapes", "open_feed", "open_feeds"]
