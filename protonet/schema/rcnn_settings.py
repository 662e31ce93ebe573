"""The settings of makefile's Faster R-CNN: a JSON file of names and texts of numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

# What the fork takes where the file has no such name; all others must be there.
_DEFAULTS = {
    "use_retinex": "0",
    "use_haze_free": "0",
    "use_hist_equalize": "0",
    "data_jitter": "-1",
    "im_size_align": "1",
    "test_soft_nms": "0",
    "test_rpn_score_thresh": "0",
}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+(\.0*)?")


class RcnnSettings:
    """What a file of settings says, by its names; ``error`` makes what is raised of a sentence.

    Source: FrcnnParam::load_param of makefile's frcnn, which splits at commas. What C's atof and
    atoi there take for another number than it says is an error.
    """

    def __init__(self, text: str, error: Callable[[str], Exception]) -> None:
        self._error = error
        try:
            given = json.loads(text, strict=False)  # boost's reader takes lines in texts
        except (ValueError, RecursionError) as problem:
            raise error(f"are no JSON: {problem}") from None
        if not isinstance(given, dict):
            raise error("are no JSON object of names and values")
        self._given = {**_DEFAULTS, **given}

    def several(self, name: str, count: int | None = None) -> tuple[float, ...]:
        """The numbers of a name; ``count`` of them, where that is given."""
        parts = [part.strip() for part in self._text(name).split(",")]
        for part in parts:
            if not _NUMBER.fullmatch(part):
                raise self._error(f"have {part[:40]!r} as {name}, no number")
        if count is not None and len(parts) != count:
            raise self._error(f"have {len(parts)} numbers as {name}, and it takes {count}")
        return tuple(float(part) for part in parts)

    def number(self, name: str) -> float:
        """The number of a name."""
        return self.several(name, 1)[0]

    def whole(self, name: str, least: int | None = None) -> int:
        """The whole number of a name; at least ``least``, where that is given."""
        text = self._text(name).strip()
        if not _WHOLE.fullmatch(text):
            raise self._error(f"have {text[:40]!r} as {name}, no whole number")
        value = int(float(text))
        if least is not None and value < least:
            raise self._error(f"have {value} as {name}, and it is at least {least}")
        return value

    def is_on(self, name: str) -> bool:
        """Whether the number of a name is not 0."""
        return self.whole(name) != 0

    @property
    def anchors(self) -> list[tuple[float, ...]]:
        """The anchors around the first place."""
        numbers = self.several("anchors")
        if len(numbers) % 4:
            raise self._error(f"have {len(numbers)} numbers as anchors, and each takes 4")
        return [numbers[i : i + 4] for i in range(0, len(numbers), 4)]

    def _text(self, name: str) -> str:
        """The value of a name as the text that boost's reader of JSON takes it for."""
        if name not in self._given:
            raise self._error(f"have no {name!r}")
        value = self._given[name]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._error(f"have {json.dumps(value)[:40]} as {name}, no text of numbers")
        return str(value)
