"""Whether OpenCV gives what the net gives, of a file that is to be loaded there."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import onnx

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.exporting.compare import compared, grows
from protonet.exporting.options import ExportOptions
from protonet.exporting.source import Exported
from protonet.exporting.value_names import output_name
from protonet.exporting.written import Checked
from protonet.plain import plain


def check_in_opencv(
    path: str | os.PathLike[str], exported: Exported, options: ExportOptions
) -> Checked | None:
    """Run a file in OpenCV beside the net; None where the OpenCV that is meant is not installed.

    NetError where it does not load the file or gives another output.
    """
    try:
        import cv2
    except ImportError:
        return None
    if not cv2.__version__.startswith("4." if options.runtime == "opencv4" else "5."):
        return None
    graph = exported.graph
    names = [output_name(graph, blob) for blob in exported.outputs()]
    blobs = exported.outputs()
    rows = [name for name, b in zip(names, blobs, strict=True) if grows(graph.blobs[b].producer)]
    read = {value.name for value in onnx.load(os.fspath(path)).graph.input}
    runtime = f"OpenCV {cv2.__version__}"

    def run(given: Mapping[str, Array]) -> dict[str, Array]:
        for blob, numbers in given.items():
            if plain(blob) in read:
                net.setInput(np.ascontiguousarray(numbers), plain(blob))
        found = net.forward(names)
        return {k: _in_order(v) if k in rows else v for k, v in zip(names, found, strict=True)}

    try:
        net = cv2.dnn.readNetFromONNX(os.fspath(path))
        return compared(run, exported, options, runtime)
    except cv2.error as error:
        reason = str(error).strip().splitlines()[-1]
        raise NetError(f"{runtime} does not take the file: {reason}") from None


def takes_only_opencv(exported: Exported, options: ExportOptions) -> bool:
    """Whether a file has a layer of OpenCV's own, which no other runtime knows."""
    own = (node.layer.type == "DetectionOutput" for node in exported.graph.nodes)
    return options.runtime == "opencv4" and any(own)


def _in_order(rows: Array) -> Array:
    """Boxes image by image, class by class, the best first: OpenCV 4 has its own order."""
    flat = rows.reshape(-1, rows.shape[-1])
    order = np.lexsort((-flat[:, 2], flat[:, 1], flat[:, 0]))
    ordered: Array = flat[order].reshape(rows.shape)
    return ordered
