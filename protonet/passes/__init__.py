"""Graph to graph, one file each; a pipeline is a tuple of passes."""

from protonet.passes.fold_batch_norm import fold_batch_norm
from protonet.passes.fuse_batch_norm import fuse_batch_norm

DEPLOY = (
    fold_batch_norm,  # BatchNorm and Scale as the one nn.BatchNorm that they are
    fuse_batch_norm,  # those that take the statistics of a batch, or may
)

__all__ = ["DEPLOY", "fold_batch_norm", "fuse_batch_norm"]
