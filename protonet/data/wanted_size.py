"""A height and a width that a layer's parameter gives together or not at all."""

from __future__ import annotations

from typing import Any

from protonet.data.definition import Definition


def wanted_size(
    definition: Definition, field: str, height: str = "new_height", width: str = "new_width"
) -> tuple[int, int]:
    """The height and the width that two fields of a parameter give, both 0 where none is.

    NetError where one is given alone.
    """
    parameter: Any = getattr(definition.layer, field)
    size = int(getattr(parameter, height)), int(getattr(parameter, width))
    if bool(size[0]) != bool(size[1]):
        given, missing = (height, width) if size[0] else (width, height)
        what = f"{given} is given without {missing}"
        raise definition.error(what, field, given, hint="give both")
    return size
