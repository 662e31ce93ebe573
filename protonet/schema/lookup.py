"""Where a file that a definition names is looked for."""

from __future__ import annotations

import os


def found(name: str, *folders: str | os.PathLike[str]) -> str:
    """A path from the working directory, as Caffe takes it, else from the first folder that has it.

    ``folders`` are the definition's own and others; a path that is nowhere is given as it stands.
    """
    if os.path.exists(name):  # false of a name too long to be one, of which Path raises
        return name
    near = (os.path.join(folder, name) for folder in folders)
    return next((path for path in near if os.path.exists(path)), name)
