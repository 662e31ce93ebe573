"""What torch works out anew at every export, whatever the module is: for all tests once.

Half of a small export's time goes there. Torch gets what it would have found.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import typing
from unittest import mock

OPERATORS = "torch.export.exported_program", "torch.export.decomp_utils"


def operators(patch):
    """The operators that may be kept whole, and the type of a function that each override names."""
    torch = importlib.import_module("torch")
    for name in OPERATORS:
        module = importlib.import_module(name)
        find = getattr(module, "_collect_all_valid_cia_ops", None)
        if find is not None:
            patch(module, "_collect_all_valid_cia_ops", of_these_operators(torch, find))
    if hasattr(torch._ops, "Callable"):
        patch(torch._ops, "Callable", typing.Callable)  # which keeps what [..., ...] made of it


def of_these_operators(torch, find):
    found = functools.cache(lambda *_: find())

    def collected():
        find_all = torch._C._dispatch_get_registrations_for_dispatch_key
        return set(found(len(find_all("CompositeImplicitAutograd")), len(torch.ops._dir)))

    return collected


def translations(patch):
    """The functions by which operators become ONNX, read from their source."""
    try:
        registration = importlib.import_module("torch.onnx._internal.exporter._registration")
        make = functools.cache(registration.ONNXRegistry.from_torchlib)
    except (ImportError, AttributeError):
        return

    def from_torchlib(*arguments, **options):
        own = copy.copy(make(*arguments, **options))  # in which operators of the net's are put
        own.functions = {name: list(found) for name, found in own.functions.items()}
        return own

    patch(registration.ONNXRegistry, "from_torchlib", staticmethod(from_torchlib))


def guards(patch):
    """How long guards take, which torch.compile only logs."""
    module = importlib.import_module("torch._dynamo.guards")
    if hasattr(module, "profile_guard_manager"):
        patch(module, "profile_guard_manager", lambda *_: 0.0)


def patched(*parts):
    """A context in which all of it holds."""
    stack = contextlib.ExitStack()
    for part in parts:
        part(lambda *what: stack.enter_context(mock.patch.object(*what)))
    return stack
