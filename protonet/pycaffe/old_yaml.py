"""yaml.load without a Loader, as Python layers call it on their param_str."""

from __future__ import annotations

from typing import Any

import yaml


def restore() -> None:
    """Have yaml.load read plain values, in this process, where no Loader is named."""
    if getattr(yaml.load, "__module__", None) != __name__:
        yaml.load = _safe(yaml.load)


def _safe(given: Any) -> Any:
    """A load whose Loader is the safe one unless another is named."""

    def load(stream: Any, Loader: Any = yaml.SafeLoader) -> Any:  # noqa: N803 (PyYAML's name)
        return given(stream, Loader)

    return load
