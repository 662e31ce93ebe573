"""The kind of a layer, by which it is coloured."""

from __future__ import annotations

from protonet.graph import Node

# Kind: its name in a legend, the fill and the line on white, the fill and the line on black.
KINDS: dict[str, tuple[str, str, str, str, str]] = {
    "data": ("data", "#eef0f3", "#8a94a3", "#2b313a", "#8b96a8"),
    "convolution": ("convolution", "#dbe9fb", "#4a86cf", "#1c3554", "#5e9be6"),
    "dense": ("inner product", "#e8e0fa", "#8463c6", "#35295a", "#a084e0"),
    "pooling": ("pooling", "#dcf2e0", "#4fa163", "#1d4029", "#62b878"),
    "normalisation": ("normalisation", "#d9f1f1", "#3f9c9c", "#173f42", "#54b4b4"),
    "activation": ("activation", "#fdeecb", "#c6942a", "#4a3a12", "#d8a83f"),
    "join": ("join", "#fbe3d3", "#d07a3e", "#4d2d16", "#e08e55"),
    "shape": ("shape", "#eceadf", "#938c6c", "#36342a", "#a8a184"),
    "recurrent": ("recurrent", "#f3dcf2", "#aa58a5", "#472246", "#c274bd"),
    "loss": ("loss", "#fbdada", "#cf4646", "#541d1d", "#e86464"),
    "metric": ("metric", "#f6e6ea", "#b26f80", "#432a32", "#c98797"),
    "other": ("other", "#ebebeb", "#7d7d7d", "#333333", "#9a9a9a"),
}


def kind(node: Node) -> str:
    """One of KINDS; a layer that states none is known by what it does."""
    own = node.layer.kind
    if node.layer.is_data or own == "data":
        return "data"
    if node.layer.is_loss or any(node.loss_weights):
        return "loss"
    if own:
        return own if own in KINDS else "other"
    if len(node.params) and len(node.params[0].shape) > 2:
        return "convolution"
    return "join" if len(node.inputs) > 1 else "other"
