"""Blobs in Caffe's order and layout: their files, and a module's state."""
