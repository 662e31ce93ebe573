"""Python's values into a message's fields: dicts into messages, lists into repeated fields."""

from __future__ import annotations

from typing import Any

import numpy as np

from protonet.diagnostics import did_you_mean
from protonet.schema.pool import Message, is_repeated

_WHOLE = (1, 2, 3, 4)  # FieldDescriptor's CPPTYPE_INT32, INT64, UINT32 and UINT64


def assign_proto(proto: Message, name: str, val: Any) -> None:
    """Assign a value to a field: a dict to a message, a list to a repeated field, else as it is.

    One value for a repeated field is a list of one. AttributeError where there is no such field,
    TypeError where the value does not fit it. Source: pycaffe's net_spec.assign_proto.
    """
    field = proto.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        hint = did_you_mean(name, proto.DESCRIPTOR.fields_by_name)
        what = f"{proto.DESCRIPTOR.name} has no field {name!r}"
        raise AttributeError(f"{what}; {hint}" if hint else what)
    if isinstance(val, np.ndarray):
        val = val.tolist()
    if is_repeated(field):
        for one in val if isinstance(val, list | tuple) else [val]:
            _append(getattr(proto, name), field, one)
    elif field.message_type is not None:
        _fill(getattr(proto, name), field, val)
    else:
        setattr(proto, name, _scalar(field, val))


def _append(values: Any, field: Any, one: Any) -> None:
    """One more element of a repeated field."""
    if field.message_type is not None:
        _fill(values.add(), field, one)
    else:
        values.append(_scalar(field, one))


def _fill(made: Message, field: Any, val: Any) -> None:
    """The fields of a message, given as a dict or as such a message."""
    if isinstance(val, dict):
        for key, inner in val.items():
            assign_proto(made, key, inner)
    elif getattr(val, "DESCRIPTOR", None) is made.DESCRIPTOR:
        made.CopyFrom(val)
    else:
        what = f"{field.name} is a message: give its fields as a dict, not {_shown(val)}"
        raise AttributeError(what)


def _scalar(field: Any, val: Any) -> Any:
    """A number as Python's own, whole where the field wants it whole. TypeError if it is not."""
    val = val.item() if isinstance(val, np.generic) else val
    if isinstance(val, list | tuple | dict):
        raise TypeError(f"{field.name} takes one value, not {_shown(val)}")
    if isinstance(val, float) and field.cpp_type in _WHOLE:
        if not val.is_integer():
            hint = "Python 3's / gives fractions where Python 2's gave whole numbers: write //"
            raise TypeError(f"{field.name} takes a whole number, not {val!r}; {hint}")
        return int(val)
    return val


def _shown(val: Any) -> str:
    text = repr(val)
    return text if len(text) <= 60 else f"{text[:60]}..."
