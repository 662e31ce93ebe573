"""Links between files of the repository, as links between pages of the site."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

_LINK = re.compile(r"(?<=\]\()([^)\s#]*)(#[^)\s]*)?(?=\))")
_FETCHED = re.compile(
    r'<(?:script|img|source|iframe)\b[^>]*\bsrc="((?:https?:)?//[^"]+)'
    r'|<link\b(?=[^>]*\brel="(?:stylesheet|preload|preconnect|icon)")[^>]*\bhref="((?:https?:)?//[^"]+)'
    r'|@import\s+[^;]*((?:https?:)?//[^";)]+)'
)
_FENCE = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)


def relinked(text: str, here: str, pages: Mapping[str, str]) -> str:
    """A page's Markdown with its links to other pages as the site has them.

    ``here`` is the file in the repository, ``pages`` what each file of the repository is in the
    site. Links elsewhere, and what stands in fenced code, stay as they are.
    """

    def link(found: re.Match[str]) -> str:
        target, anchor = found[1], found[2] or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        if not target or path not in pages:
            return found[0]
        return posixpath.relpath(pages[path], posixpath.dirname(pages[here]) or ".") + anchor

    parts = _FENCE.split(text)
    return "".join(part if i % 2 else _LINK.sub(link, part) for i, part in enumerate(parts))


def fetched(html: str) -> list[str]:
    """What a browser would fetch from elsewhere to show a page; links that one follows are not."""
    return ["".join(found) for found in _FETCHED.findall(html)]
