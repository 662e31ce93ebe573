"""Graph to graph, one file each; a pipeline is a tuple of passes."""

from protonet.passes.fold_batch_norm import fold_batch_norm

DEPLOY = (
    fold_batch_norm,  # BatchNorm and Scale as the one nn.BatchNorm that they are
)

__all__ = ["DEPLOY", "fold_batch_norm"]
