"""From Caffe's names, which may be any text, to Python identifiers."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

_LONGEST = 40


class Names(set[str]):
    """The names that are taken; any number of them are found in one pass over each word's."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        super().__init__(taken)
        self._numbers: dict[str, int] = {}

    def free(self, word: str) -> str:
        """The word, or the word with the first number that makes it free; it is taken then."""
        name, number = word, self._numbers.get(word, 2)
        while name in self:
            name, number = f"{word}_{number}", number + 1
        self._numbers[word] = number
        self.add(name)
        return name


def identifiers(names: Iterable[str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """An identifier for every name, each its own.

    Names that are identifiers already keep theirs; cleaned ones take what is left.
    """
    ordered = list(dict.fromkeys(names))
    taken = Names(reserved)
    result = {name: name for name in ordered if is_plain(name) and name not in taken}
    taken.update(result.values())
    for name in ordered:
        if name not in result:
            result[name] = taken.free(cleaned(name))
    return result


def is_plain(name: str) -> bool:
    """Whether a name can stand in source as it is (ASCII, short, no keyword, not private)."""
    fits = name.isascii() and name.isidentifier() and len(name) <= _LONGEST
    return fits and not keyword.iskeyword(name) and not name.startswith("_")


def cleaned(name: str) -> str:
    """The nearest identifier: conv1/7x7_s2 gives conv1_7x7_s2, 0 gives blob_0."""
    word = re.sub(r"[^0-9A-Za-z_]+", "_", name).strip("_")[:_LONGEST].rstrip("_")
    if not word or word[0].isdigit():
        word = f"blob_{word}".rstrip("_")
    return f"{word}_" if keyword.iskeyword(word) else word


def class_name(name: str) -> str:
    """A class name for a net, its words told apart: bvlc_googlenet gives BvlcGooglenet.

    Capitals stay, as in AlexNet_BN, unless two words of them would run together: VGG_ILSVRC_16
    gives VggIlsvrc16. So would numbers: ResNeXt50_32x4d gives ResNeXt50_32x4d. 0-net gives Net0Net.
    """
    words = [word[:1].upper() + word[1:] for word in re.findall(r"[0-9A-Za-z]+", name)]
    pairs = zip(words, words[1:], strict=False)
    if any(re.search(r"[A-Z]{2}$", word) and after[0].isalpha() for word, after in pairs):
        words = [re.sub(r"[A-Z]{2,}", lambda found: found[0].capitalize(), w) for w in words]
    joined = ""
    for word in words:
        joined += f"_{word}" if joined[-1:].isdigit() and word[0].isdigit() else word
    joined = joined[:60].rstrip("_")
    if not joined:
        return "Net"
    return f"Net{joined}" if joined[0].isdigit() or keyword.iskeyword(joined) else joined


def common_start(names: Iterable[str]) -> str:
    """The characters that all names begin with."""
    first, *others = names
    for index, letter in enumerate(first):
        if any(name[index : index + 1] != letter for name in others):
            return first[:index]
    return first
