"""Lists of videos, or of folders of frames, with numbers and labels, one a line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from protonet.data.list_lines import Lines


class ListedVideo(NamedTuple):
    """A video's file or folder, the number behind it, its labels and its line from 1.

    ``number`` is None where the list has none.
    """

    name: str
    number: int | None
    labels: tuple[int, ...]
    line: int


def read_videos(path: Path, number: str | None, several: bool = False) -> list[ListedVideo]:
    """The entries of a list whose lines have ``number`` (what it is called) behind their name.

    ``several`` labels stand in one word, with commas. NetError at the line that is none.
    Source: the set-up of VideoDataLayer in yjxiong's and C3D's Caffe forks.
    """
    words_of = ["VIDEO", *([number] if number else []), "LABEL,LABEL" if several else "LABEL"]
    lines = Lines(path, f"`{' '.join(words_of)}`")
    clips = []
    for at, words in lines:
        if len(words) != len(words_of):
            shown = "1 word" if len(words) == 1 else f"{len(words)} words"
            raise lines.error(at, f"the line has {shown}, not {len(words_of)}")
        named = words[-1].split(",") if several else words[-1:]
        labels = tuple(lines.whole(at, word, "a label") for word in named)
        counted = lines.whole(at, words[1], number) if number else None
        if counted is not None and counted < 0:
            raise lines.error(at, f"the number {counted} is negative")
        clips.append(ListedVideo(words[0], counted, labels, at))
    return clips
