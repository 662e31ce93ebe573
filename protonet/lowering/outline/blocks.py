"""Blocks that repeat become classes, the outermost first, then what repeats inside of those."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from protonet.lowering.lower import LOADING, RESERVED
from protonet.lowering.outline.block import WrittenBlock, block
from protonet.lowering.outline.description import BlobShapes, description
from protonet.lowering.outline.family import Family, Find, families
from protonet.lowering.outline.flow import ValueFlow, flow
from protonet.lowering.outline.kind import kind
from protonet.lowering.outline.naming import class_word, default_instance, instance, prefix
from protonet.lowering.outline.paths import Whereabouts
from protonet.lowering.outline.signatures import Signatures
from protonet.lowering.outline.units import bare
from protonet.lowering.outline.write import BlockPlace, with_blocks
from protonet.program.attributes import MODULE_ATTRIBUTES
from protonet.program.names import Names
from protonet.program.program import Class

_ROUNDS = 4


class Outline:
    """The classes of a program while parts of them become classes of their own.

    The class of the net is the last.
    """

    def __init__(
        self, main: Class, signatures: Signatures, taken: set[str], shapes: BlobShapes
    ) -> None:
        self.classes = [main]
        self.signatures = signatures
        self.shapes = shapes
        self._flows: dict[tuple[int, bool], ValueFlow] = {}
        self.paths = Whereabouts(main.name, (part.attribute for part in main.submodules))
        self.names = Names({*RESERVED, *LOADING, *taken, main.name})

    def repeat(self, find: Find = families, strict: bool = True, apart: bool = False) -> None:
        """Take out what repeats until nothing does; activations may go ``apart`` for it."""
        for _ in range(_ROUNDS):
            if apart:
                self.classes, found = bare(self.classes, self.flow, find, strict)
            else:
                found = find([self.flow(cls, strict) for cls in self.classes])
            if not found:
                return
            self.take_out(found)

    def flow(self, cls: Class, strict: bool = True) -> ValueFlow:
        """The flow of a class, made once."""
        known = self._flows.get((id(cls), strict))
        if known is None or known.cls is not cls:
            known = self._flows[id(cls), strict] = flow(cls, self.signatures, strict)
        return known

    def take_out(self, found: Sequence[Family]) -> None:
        """Make a class of each family, and calls of its uses."""
        words = [_word(family) for family in found]
        names = self.class_names(words)
        blocks = [
            self.block(family, word, name)
            for family, word, name in zip(found, words, names, strict=True)
        ]
        places: dict[str, list[BlockPlace]] = {cls.name: [] for cls in self.classes}
        attributes = self.attributes(found)
        moves = {}
        for family, word, made in zip(found, words, blocks, strict=True):
            unnamed = _unnamed(family, word)
            for use, region in enumerate(family.uses):
                owner = region.flow.cls.name
                name = attributes[owner].free(instance(prefix(region)) or unnamed[use])
                places[owner].append(BlockPlace(region, name, made.calls[use]))
                for attribute, path in _members(family, use, made):
                    steps = [(made.cls.name, path.split(".")[0])]
                    steps += [("", part) for part in path.split(".")[1:]]
                    moves[owner, attribute] = [(owner, name), *steps]
        self.paths.move(moves)
        rewritten = [
            with_blocks(cls, own) if (own := places[cls.name]) else cls for cls in self.classes
        ]
        self.signatures.add(made.cls for made in blocks)
        self.names.update(one.name for made in blocks for one in made.cls.parameters)
        self.classes = [*(made.cls for made in blocks), *rewritten]

    def block(self, family: Family, word: str, name: str) -> WrittenBlock:
        """The class of a family, with its docstring."""
        made = block(family, word, name, self.signatures)
        names = [parameter.name for parameter in made.cls.parameters]
        doc = description(family, word, made.calls, names, self.shapes)
        return replace(made, cls=replace(made.cls, doc=doc))

    def attributes(self, found: Sequence[Family]) -> dict[str, Names]:
        """The attributes of each class that stay."""
        gone = {(u.flow.cls.name, name) for f in found for u in f.uses for name in u.attributes}
        return {
            cls.name: Names(
                {p.attribute for p in cls.submodules if (cls.name, p.attribute) not in gone}
                | MODULE_ATTRIBUTES
            )
            for cls in self.classes
        }

    def class_names(self, words: Sequence[str]) -> list[str]:
        """A name for each class; several of one word have letters behind it."""
        count = Counter(words)
        letters = {word: iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for word in words}
        return [
            self.names.free(
                w if count[w] == 1 and w not in self.names else w + next(letters[w], "")
            )
            for w in words
        ]


def _word(family: Family) -> str:
    if len(family.model.outs) > 1:
        before = {made for use in family.uses for made in use.outs}
        return "Stage" if any(before & set(use.ins) for use in family.uses) else "Head"
    return class_word(kind(family.model), [prefix(use) for use in family.uses])


def _unnamed(family: Family, word: str) -> list[str]:
    """The attribute of each use whose layers have nothing in common: counted, if there are more."""
    base = default_instance(word)
    owners = [region.flow.cls.name for region in family.uses]
    counted = [owners[: use + 1].count(owner) for use, owner in enumerate(owners)]
    several = Counter(owners)
    pairs = zip(owners, counted, strict=True)
    return [f"{base}{number}" if several[owner] > 1 else base for owner, number in pairs]


def _members(family: Family, use: int, made: WrittenBlock) -> Iterable[tuple[str, str]]:
    """The submodules of a use, and where the block has them."""
    every = zip(family.model.attributes, made.members, strict=True)
    inside = set(family.inside)
    kept = [path for name, path in every if family.whole[use] or name not in inside]
    return zip(family.uses[use].attributes, kept, strict=True)
