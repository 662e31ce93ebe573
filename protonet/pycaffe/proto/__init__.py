"""The place of caffe_pb2, as pycaffe has it: ``from caffe.proto import caffe_pb2``."""
