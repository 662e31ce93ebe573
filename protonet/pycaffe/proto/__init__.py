"""The place of caffe_pb2, as pycaffe has it: ``from caffe.proto import caffe_pb2``."""

from protonet.pycaffe.proto import caffe_pb2

__all__ = ["caffe_pb2"]
