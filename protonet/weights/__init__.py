"""Blobs in Caffe's order and layout, to and from a module's state."""

from protonet.weights.mapping import dump_blobs, load_blobs

__all__ = ["dump_blobs", "load_blobs"]
