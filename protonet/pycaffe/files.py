"""The weights of a net from files and into files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from protonet.pycaffe import control
from protonet.runtime.place import places_of
from protonet.training.nets import Net as RunningNet
from protonet.weights.caffemodel import write_caffemodel
from protonet.weights.hdf5 import write_hdf5
from protonet.weights.mapping import dump_blobs, load_stored, open_stored

if TYPE_CHECKING:
    from torch import nn


def copy_from(module: nn.Module, weights: str | os.PathLike[str]) -> None:
    """Load files into a module, layer by layer of one name, later files over earlier ones.

    Where no name is the same nothing is loaded, as in Caffe, and that is said. NetError, before
    anything is loaded, where blobs of one name don't fit. Source: Net::CopyTrainedLayersFrom.
    """
    stored = open_stored(module, weights)
    theirs = {layer.name for file in stored for layer in file.layers if layer.blobs}
    ours = {layer for layer, places in places_of(module).items() if places}
    if theirs and ours and not theirs & ours:
        control.say(f"{os.fspath(weights)} has weights for none of the net's layers: none loaded")
        return
    load_stored(module, stored)


def save(net: RunningNet, path: str | os.PathLike[str]) -> None:
    """Write a net's layers and weights as a caffemodel. Source: Net::ToProto."""
    write_caffemodel(path, net.graph.definition, dump_blobs(net.module))


def save_hdf5(net: RunningNet, path: str | os.PathLike[str]) -> None:
    """Write a net's weights as HDF5. Source: Net::ToHDF5."""
    write_hdf5(path, net.graph.definition, dump_blobs(net.module))
