"""What speaks of submodules by their paths, once these have moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protonet.program.expr import Expr
from protonet.program.path import at, attribute_of
from protonet.program.program import Class, Each


def with_paths(cls: Class, paths: Mapping[str, str]) -> Class:
    """The class with its shares, its frozen parameters and its fills where they are now."""

    def moved(path: str) -> str:
        attribute, dot, rest = path.partition(".")
        return f"{paths.get(attribute, attribute)}{dot}{rest}"

    def there(part: Expr) -> Expr:
        attribute = attribute_of(part)
        return at(paths[attribute]) if attribute and attribute in paths else part

    shares = tuple(
        replace(s, target=moved(s.target), owner=None if s.owner is None else moved(s.owner))
        for s in cls.shares
    )

    def over(each: Each) -> Each:
        return replace(each, over=tuple(module.changed(there) for module in each.over))

    frozen = tuple(
        over(one) if isinstance(one, Each) else replace(one, path=moved(one.path))
        for one in cls.frozen
    )
    fills = tuple(
        over(one) if isinstance(one, Each) else replace(one, value=one.value.changed(there))
        for one in cls.fills
    )
    return replace(cls, shares=shares, frozen=frozen, fills=fills)
