"""Blobs that layers read and none makes: one mistake each, however many layers read it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from protonet.diagnostics import NetError, did_you_mean
from protonet.schema.pool import Message
from protonet.schema.sourcemap import Path, SourceMap

# Of so many, names that are near are looked for among all blobs; the rest follow from one.
_HINTED = 20
_LISTED = 5


class MissingBlobs:
    """The errors so far, by blob, and the lines of the layers that read it as well."""

    def __init__(self, places: SourceMap, elsewhere: Collection[str]) -> None:
        self.places, self.elsewhere = places, elsewhere
        self.errors: dict[str, NetError] = {}
        self.readers: dict[str, list[int]] = {}

    def read(
        self, message: Message, path: Path, index: int, known: Iterable[str]
    ) -> NetError | None:
        """The error of a bottom that is no blob yet; None where its blob is missed already."""
        blob = message.bottom[index]
        span = self.places.span((*path, "bottom", index))
        if blob in self.errors:
            first = self.errors[blob].span
            if span and first and span.line != first.line:
                self.readers.setdefault(blob, []).append(span.line)
            return None
        near = did_you_mean(blob, known) if len(self.errors) < _HINTED else None
        hint = near or "a layer above must have it as its top"
        if blob in self.elsewhere:
            hint = "the data layer that makes it is of another phase or stage"
        what = f"layer {message.name!r} ({message.type}): "
        what += f"the bottom {blob!r} is not the top of any layer"
        self.errors[blob] = NetError(what, span, hint)
        return self.errors[blob]

    def name_readers(self) -> None:
        """Say in each error which other layers read the same blob."""
        for blob, lines in self.readers.items():
            first = ", ".join(map(str, lines[:_LISTED]))
            more = f" and {len(lines) - _LISTED} more" if len(lines) > _LISTED else ""
            read = f"s {first}{more} read" if len(lines) > 1 else f" {first} reads"
            error = self.errors[blob]
            error.hint = f"{error.hint} (line{read} it, too)"
