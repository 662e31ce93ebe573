"""The eager module: the emitted text, executed."""

from __future__ import annotations

import hashlib
import linecache
import sys
import types
from threading import RLock
from typing import TYPE_CHECKING, Any

from protonet.diagnostics import NetError, lacks_memory
from protonet.lowering import Lowered
from protonet.program.source import source
from protonet.runtime.picture import picture
from protonet.runtime.place import Places, places
from protonet.schema.strings import serialized

if TYPE_CHECKING:
    from torch import nn

_ONE_AT_A_TIME = RLock()


def instantiate(lowered: Lowered) -> nn.Module:
    """An nn.Module of the class that a program's text defines, in evaluation mode unless it trains.

    NetError where there is not enough memory.
    """
    program = lowered.program
    text, net_of = source(program), lowered.graph
    stated = b""
    if net_of.definition is not None:
        stated = serialized(net_of.definition, net_of.encoding)
    cls = define(text, program.name, places(lowered), stated)
    try:
        net: nn.Module = cls()
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
        raise NetError(f"there is not enough memory for the parameters of {program.name}") from None
    return net if program.training else net.eval()


def define(text: str, name: str, blobs: Places, definition: bytes = b"") -> Any:
    """Execute the text once in a module of its own and return its class.

    The class pickles as its own text, so a saved net opens in another process.
    """
    # One text may belong to nets whose blobs Caffe lays out differently.
    laid = [(name, [(p.path, p.shape, p.layout.name) for p in own]) for name, own in blobs.items()]
    whole = f"{text}{laid}".encode("utf-8", "surrogatepass") + definition
    digest = hashlib.sha256(whole).hexdigest()[:16]
    key = f"_protonet_{digest}"
    with _ONE_AT_A_TIME:
        if key not in sys.modules:
            sys.modules[key] = _executed(key, f"<{name} {digest}>", text)
            cls = getattr(sys.modules[key], name)
            cls.protonet_source = text
            cls.protonet_blobs = blobs
            cls.protonet_net = definition
            cls.__reduce_ex__ = _reduce
            cls._repr_svg_ = _picture
            cls.__call__ = _call
    return getattr(sys.modules[key], name)


def _executed(key: str, filename: str, text: str) -> types.ModuleType:
    """The module that a text is; tracebacks show its lines."""
    module = types.ModuleType(key)
    module.__file__ = filename
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    exec(compile(text, filename, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 (our own text)
    return module


def _call(net: Any, *given: Any, **named: Any) -> Any:
    """Run a net; what it can't take is one error that names the input and the layer."""
    from torch import nn

    try:
        return nn.Module.__call__(net, *given, **named)
    except NetError:
        raise
    except (RuntimeError, ValueError, IndexError, TypeError):
        from protonet.runtime.door import refused

        error = refused(net, given, named)
        if error is None:
            raise
    raise error


def _picture(net: Any) -> str | None:
    """What a notebook shows of a net."""
    return picture(type(net).protonet_net)


def _reduce(net: Any, _protocol: int) -> tuple[Any, ...]:
    cls = type(net)
    made_of = (cls.protonet_source, cls.__name__, cls.protonet_blobs, cls.protonet_net)
    return _blank, made_of, net.__dict__


def _blank(text: str, name: str, blobs: Places, definition: bytes = b"") -> Any:
    cls = define(text, name, blobs, definition)
    return cls.__new__(cls)
