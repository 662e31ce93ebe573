"""Where a file that a definition names is looked for."""

from __future__ import annotations

import os
import warnings

from protonet.diagnostics import AsInCaffe


def found(name: str, *folders: str | os.PathLike[str]) -> str:
    """A path from the working directory, as Caffe takes it, else from the first folder that has it.

    ``folders`` are the definition's own and others; a path that is nowhere is given as it stands.
    An AsInCaffe warning where both have it, and what is meant may be the other.
    """
    near = [path for folder in folders if os.path.exists(path := os.path.join(folder, name))]
    if os.path.exists(name):  # false of a name too long to be one, of which Path raises
        if near and not os.path.samefile(name, near[0]):
            what = f"{name} is taken from the working directory, as Caffe takes it, "
            warnings.warn(f"{what}and not {near[0]}", AsInCaffe, stacklevel=3)
        return name
    return near[0] if near else name
