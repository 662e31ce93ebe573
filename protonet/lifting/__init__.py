"""The way back: a PyTorch module as a prototxt and a caffemodel, proven equal."""
