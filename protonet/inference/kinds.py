"""What a net's blob says of an image: known from the layers that make it and that read it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from protonet.graph import Graph, Node, Value
from protonet.shape import count

# Layers that give rows of image, label, score and corners, and whether num_classes has the
# background among them; None where the scores' softmax says so.
_BOXES = {
    "DetectionOutput": True,
    "YoloDetectionOutput": False,
    "Yolov3DetectionOutput": False,
    "Yolov3Detection": False,
    "CenternetDetectionOutput": True,
    "CenterGridOutput": None,
}
_JUDGES = ("Accuracy", "SegAccuracy", "SoftmaxWithLoss", "MultinomialLogisticLoss", "HingeLoss")
_THROUGH = ("Split", "Dropout", "Crop", "Interp", "Resample")  # places move, meanings stay


@dataclass(frozen=True)
class Meaning:
    """What the rows of a blob are.

    ``kind`` is "classes" for a score of each class, "boxes" for rows of image, label, score and
    corners, "scores" for a score of each class in each place, "places" for the class of each
    place, "values" where nothing says. ``classes`` is how many there are, the background among
    them where ``background`` says so; 0 for values.
    """

    kind: str
    classes: int = 0
    background: bool = False

    @property
    def is_segments(self) -> bool:
        """Whether each place has a class."""
        return self.kind in ("scores", "places")

    @property
    def is_drawn(self) -> bool:
        """Whether a picture shows it: boxes, or places."""
        return self.is_segments or self.kind == "boxes"


def chosen_blob(graph: Graph) -> str | None:
    """The blob that is a net's answer; None where several might be.

    Boxes come before all, then the only output, then what is judged against labels.
    """
    finders = [node for node in graph.nodes if node.layer.type in _BOXES]
    if finders:
        return finders[-1].outputs[0].blob
    outputs = [value.blob for value in graph.outputs if not value.producer.layer.is_data]
    judged = [n.inputs[0].blob for n in graph.nodes if n.type in _JUDGES and n.inputs]
    if judged:
        return judged[-1]
    return outputs[0] if len(outputs) == 1 else None


def meaning(graph: Graph, blob: str, counts: Collection[int] = ()) -> Meaning:
    """What a blob is; ``counts`` are how many classes the caller has names for.

    Who names as many classes as a map has channels says that these are classes.
    """
    value = graph.blobs[blob]
    maker = _maker(value)
    if maker.layer.type in _BOXES:
        with_background = _BOXES[maker.layer.type]
        if with_background is None:
            with_background = maker.layer.p.num_classes > 1
        classes = int(maker.layer.p.num_classes) + (not with_background)
        background = not with_background or maker.layer.p.background_label_id == 0
        return Meaning("boxes", classes, background)
    shape = value.shape
    if len(shape) != 4 or count(shape, 2) == 1:
        return _of_whole(shape)
    if maker.type == "ArgMax" and shape[1] == 1 and maker.layer.p.axis == 1:
        return Meaning("places", maker.inputs[0].shape[1])
    is_judged = any(n.type in _JUDGES and _maker(n.inputs[0]) is maker for n in graph.nodes)
    is_softmax = maker.type == "Softmax" and maker.layer.p.axis == 1
    if shape[1] > 1 and (is_softmax or is_judged or shape[1] in counts):
        return Meaning("scores", shape[1])
    return Meaning("values")


def _of_whole(shape: tuple[int, ...]) -> Meaning:
    """A row of numbers for an image is a score a class."""
    is_row = len(shape) > 1 and count(shape, 1) == shape[1]
    return Meaning("classes", shape[1]) if is_row else Meaning("values")


def _maker(value: Value) -> Node:
    """The layer that gave a value its meaning."""
    node = value.producer
    while node.type in _THROUGH:
        node = node.inputs[0].producer
    return node
