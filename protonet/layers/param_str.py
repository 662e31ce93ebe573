"""param_str: the options of a layer whose class was written in Python, as YAML."""

from __future__ import annotations

from typing import Any, ClassVar

from protonet.layers.base import Layer, LayerError
from protonet.schema.param_str import Kind, WrongOption, mapping_of, options_of, other_options
from protonet.schema.pool import Message


def options(message: Any, /, **kinds: Kind) -> dict[str, Any]:
    """The values of a layer's param_str, by their names, as ``options_of`` has them.

    LayerError where it is none, or has a name that is not of ``kinds``, or a value that is not of
    its kind.
    """
    try:
        return options_of(message.param_str, kinds)
    except WrongOption as error:
        raise LayerError(str(error), "param_str", hint=error.hint) from None


class Namesake(Layer):
    """A layer that stands for a Python class of its name where no option of another is stated."""

    known: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def knows(cls, message: Message) -> bool:
        """Whether every option that param_str states is one of the class's, or one misspelt."""
        given = mapping_of(message.python_param.param_str) or {}
        return not other_options(given, cls.known)
