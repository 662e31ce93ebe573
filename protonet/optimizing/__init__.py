"""A compiled net made fast for inference: oneDNN's fused kernels under the net's own class."""
