"""Nets written in Python: layers as functions of tops, named by where they are assigned.

Source: pycaffe's net_spec, whose names, order of layers and automatic names are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

from protonet.diagnostics import did_you_mean
from protonet.pycaffe.assign import assign_proto
from protonet.pycaffe.proto import caffe_pb2
from protonet.schema.pool import Message

__all__ = [
    "Function",
    "Layers",
    "NetSpec",
    "Parameters",
    "Top",
    "assign_proto",
    "layers",
    "param_name_dict",
    "params",
    "to_proto",
]
_PARAM, _PARAMETER = "_param", "Parameter"


class Top:
    """One output of a layer; ``fn`` is the layer, ``n`` which of its outputs."""

    def __init__(self, fn: Function, n: int) -> None:
        self.fn, self.n = fn, n

    def to_proto(self) -> Message:
        """The NetParameter of all layers that this top needs, with automatic names."""
        return to_proto(self)


class Function:
    """A layer: its type, the tops that it reads, and its parameters.

    TypeError where an input is no Top.
    """

    def __init__(self, type_name: str, inputs: tuple[Any, ...], params: dict[str, Any]) -> None:
        for index, given in enumerate(inputs):
            if not isinstance(given, Top):
                what = f"{type_name} input {index} is not a Top (type is {type(given)})"
                raise TypeError(what)
        self.type_name, self.inputs, self.params = type_name, inputs, params
        self.ntop: int = params.pop("ntop", 1)
        self.in_place: bool = params.pop("in_place", False)
        self.tops = tuple(Top(self, n) for n in range(self.ntop))

    def to_proto(self) -> Message:
        """The NetParameter of this layer and all that it needs."""
        return to_proto(self)


@cache
def _param_names(_: Any) -> dict[str, str]:
    """The parameter's field of each layer type that has one, without its _param."""
    layer = caffe_pb2.LayerParameter.DESCRIPTOR
    named = [f for f in layer.fields if f.name.endswith(_PARAM) and f.message_type is not None]
    found: dict[str, str] = {}
    for field in sorted(named, key=lambda f: int(f.number)):
        found.setdefault(field.message_type.name.removesuffix(_PARAMETER), field.name[:-6])
    return found


def param_name_dict() -> dict[str, str]:
    """Layer types and the names of their parameters, {"Convolution": "convolution", ...}."""
    return dict(_param_names(caffe_pb2.LayerParameter.DESCRIPTOR))


def _own_param(type_name: str) -> str | None:
    """The field of LayerParameter that holds a layer type's parameters."""
    name = _param_names(caffe_pb2.LayerParameter.DESCRIPTOR).get(type_name)
    if name is not None:
        return name + _PARAM
    from protonet.layers import REGISTRY

    return REGISTRY[type_name].param if type_name in REGISTRY else None


class _Writer:
    """The layers written so far, each once, and the names given."""

    def __init__(self, names: dict[Any, str]) -> None:
        self.names = names
        self.counts: Counter[str] = Counter()
        self.layers: dict[Function, Message] = {}

    def write(self, last: Function) -> None:
        """A layer, after all that it needs, the first input's first; without recursion."""
        waiting = [last]
        while waiting:
            fn = waiting[-1]
            missing = [top.fn for top in fn.inputs if top.fn not in self.layers]
            if missing:
                waiting.append(missing[0])
                continue
            waiting.pop()
            if fn not in self.layers:
                self.layers[fn] = self.layer(fn)

    def layer(self, fn: Function) -> Message:
        layer = caffe_pb2.LayerParameter(type=fn.type_name)
        layer.bottom.extend(self.layers[top.fn].top[top.n] for top in fn.inputs)
        layer.top.extend(layer.bottom if fn.in_place else [self.name(top, fn) for top in fn.tops])
        layer.name = self.name(fn.tops[0] if fn.tops and fn not in self.names else fn, fn)
        for key, value in fn.params.items():
            _set(layer, fn.type_name, key, value)
        return layer

    def name(self, named: Top | Function, fn: Function) -> str:
        """The name given, or the next automatic one of the type."""
        if named not in self.names:
            self.counts[fn.type_name] += 1
            self.names[named] = f"{fn.type_name}{self.counts[fn.type_name]}"
        return self.names[named]


def _set(layer: Message, type_name: str, key: str, value: Any) -> None:
    """A keyword of a layer: a field of its own parameter, else one of the layer."""
    own = None if key.endswith("param") else _own_param(type_name)
    fields = layer.DESCRIPTOR.fields_by_name
    inner = fields[own].message_type.fields_by_name if own else {}
    if own and key in inner:
        assign_proto(getattr(layer, own), key, value)
    elif key in fields:
        assign_proto(layer, key, value)
    else:
        hint = did_you_mean(key, [*inner, *fields, "ntop", "in_place"])
        where = f"neither {own} nor the layer has" if own else "the layer has no"
        what = f"{type_name} takes no {key!r}: {where} such field"
        raise AttributeError(f"{what}; {hint}" if hint else what)


def _written(tops: Iterable[tuple[str, Any]], names: dict[Any, str]) -> Message:
    writer = _Writer(names)
    for name, top in tops:
        fn = top.fn if isinstance(top, Top) else top
        if not isinstance(fn, Function):
            what = f"{name} is not a Top (type is {type(top)})"
            if isinstance(top, tuple):
                what += f"; give each of its {len(top)} tops a name: n.a, n.b = L.X(ntop=2)"
            raise TypeError(what)
        writer.write(fn)
    net = caffe_pb2.NetParameter()
    net.layer.extend(writer.layers.values())
    return net


def to_proto(*tops: Any) -> Message:
    """The NetParameter of all layers that these tops need, with automatic names.

    TypeError where one is no top; AttributeError where a parameter is no field.
    """
    return _written([(f"to_proto's argument {i}", top) for i, top in enumerate(tops)], {})


class MissingTop(KeyError, AttributeError):
    """A name that no top was assigned to."""

    def __str__(self) -> str:
        return str(self.args[0])


class NetSpec:
    """A net: tops assigned to its attributes, or its items, under their names.

    ``tops`` is the dict of them. MissingTop where a name was not assigned.
    """

    tops: dict[str, Any]

    def __init__(self) -> None:
        super().__setattr__("tops", {})

    def __setattr__(self, name: str, value: Any) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Any:
        tops = self.__dict__.get("tops", {})
        if name not in tops:
            hint = did_you_mean(name, tops) or "assign it before it is read"
            raise MissingTop(f"the net has no top {name!r}; {hint}")
        return tops[name]

    def __setitem__(self, key: str, value: Any) -> None:
        self.tops[key] = value

    def __getitem__(self, item: str) -> Any:
        return self.__getattr__(item)

    def __delattr__(self, name: str) -> None:
        self.__getattr__(name)
        del self.tops[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tops

    def keys(self) -> list[str]:
        """The names of the tops, as SSD's fork gives them."""
        return list(self.tops)

    def vals(self) -> list[Any]:
        """The tops, as SSD's fork gives them."""
        return list(self.tops.values())

    def update(self, name: str, params: dict[str, Any]) -> None:
        """Change parameters of the layer of a top, as SSD's fork does."""
        self.__getattr__(name).fn.params.update(params)

    def to_proto(self) -> Message:
        """The NetParameter of all layers that the tops need, under the names assigned.

        TypeError where what was assigned is no top; AttributeError where a parameter is no field.
        """
        hashable = [(k, v) for k, v in self.tops.items() if isinstance(v, Top | Function)]
        return _written(self.tops.items(), {top: name for name, top in hashable})


class Layers:
    """``L.Convolution(bottom, kernel_size=3)``: a function for every layer type."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def layer_fn(*args: Any, **kwargs: Any) -> Any:
            fn = Function(name, args, kwargs)
            if not fn.ntop:
                return fn
            return fn.tops[0] if fn.ntop == 1 else fn.tops

        layer_fn.__name__ = name
        return layer_fn


class _Param:
    """The constants of one parameter message."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, constant: str) -> Any:
        if constant.startswith("__"):
            raise AttributeError(constant)
        made = getattr(caffe_pb2, self._name + _PARAMETER)
        if not hasattr(made, constant):
            known = [v.name for enum in made.DESCRIPTOR.enum_types for v in enum.values]
            hint = did_you_mean(constant, known) or f"it has {', '.join(known) or 'none'}"
            raise AttributeError(f"{self._name}Parameter has no constant {constant!r}; {hint}")
        return getattr(made, constant)


class Parameters:
    """``P.Pooling.MAX``: the constants of every parameter."""

    def __getattr__(self, name: str) -> _Param:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Param(name)


layers = Layers()
params = Parameters()
