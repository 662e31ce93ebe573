"""The names that numpy dropped after pycaffe and its scripts were written."""

from __future__ import annotations

from typing import Any

import numpy as np

_ALIASES: dict[str, Any] = {
    "float": float,
    "int": int,
    "bool": bool,
    "complex": complex,
    "object": object,
    "str": str,
    "unicode": str,
    "long": int,
    "float_": np.float64,
    "complex_": np.complex128,
    "string_": np.bytes_,
    "unicode_": np.str_,
    **dict.fromkeys(("Inf", "Infinity", "infty", "PINF"), np.inf),
    "NINF": -np.inf,
    "NaN": np.nan,
    "NAN": np.nan,
    "product": np.prod,
    "cumproduct": np.cumprod,
    "sometrue": np.any,
    "alltrue": np.all,
    "row_stack": np.vstack,
    "round_": np.round,
    "in1d": lambda a, b: np.isin(np.ravel(a), b),
    "asscalar": lambda array: array.item(),
}


def restore() -> None:
    """Give numpy, in this process, the dropped names that have a plain meaning today.

    ``fromstring`` reads bytes again, as a copy. Names that numpy has are not touched.
    """
    for name, value in _ALIASES.items():
        if name not in vars(np):
            setattr(np, name, value)
    if getattr(np.fromstring, "__module__", None) != __name__:
        np.fromstring = _bytes_or_text(np.fromstring)


def _bytes_or_text(of_text: Any) -> Any:
    """A fromstring for bytes, which numpy refuses now, beside its own for text."""

    def fromstring(
        string: Any, dtype: Any = float, count: int = -1, *, sep: str = "", **more: Any
    ) -> Any:
        if sep:
            return of_text(string, dtype, count, sep=sep, **more)
        data = string.encode("latin-1") if isinstance(string, str) else string
        return np.frombuffer(data, dtype, count).copy()

    return fromstring
