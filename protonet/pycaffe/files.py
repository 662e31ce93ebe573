"""The weights of a net from files and into files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from protonet.arrays import Array
from protonet.pycaffe import control
from protonet.pycaffe.blob import BlobVec
from protonet.runtime.place import places_of
from protonet.training.nets import Net as RunningNet
from protonet.weights.caffemodel import write_caffemodel
from protonet.weights.hdf5 import write_hdf5
from protonet.weights.mapping import load_stored, open_stored

if TYPE_CHECKING:
    from torch import nn

Blobs = Mapping[str, BlobVec]


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


def save(net: RunningNet, blobs: Blobs, path: str | os.PathLike[str]) -> None:
    """Write a net's layers and their blobs as a caffemodel. Source: Net::ToProto."""
    write_caffemodel(path, net.graph.definition, _arrays(blobs))


def save_hdf5(net: RunningNet, blobs: Blobs, path: str | os.PathLike[str]) -> None:
    """Write the blobs of a net's layers as HDF5. Source: Net::ToHDF5."""
    write_hdf5(path, net.graph.definition, _arrays(blobs))


def _arrays(blobs: Blobs) -> dict[str, list[Array]]:
    """What the layers' blobs hold, those that a script has added among them."""
    return {layer: [blob.data for blob in own] for layer, own in blobs.items()}
