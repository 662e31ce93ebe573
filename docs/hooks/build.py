"""What mkdocs does not find in docs/: pages from elsewhere in the repository, and from the code."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import gallery
import reference
from links import fetched, relinked
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

import protonet
from protonet.zoo.catalogue import ENTRIES

ROOT = Path(__file__).parents[2]
# Files of the repository that are pages of the site.
ELSEWHERE = {
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "LICENSE": "project/licence.md",
    "benchmarks/RESULTS.md": "project/results.md",
    "tests/cases/oracle/README.md": "project/oracle.md",
    "zoo_prototxt/data/README.md": "project/digits.md",
}
MADE = {
    "commands": reference.commands,
    "layers": reference.layers,
    "api": reference.api,
}
# A line that says where else to look, where the page is read as it is, and the mark behind it.
_MADE = re.compile(r"^\*[^\n]*\*\n\n<!-- made: (\w+) -->$", re.MULTILINE)
_DRAWING = re.compile(r"^<!-- drawing: (\S+) -->$", re.MULTILINE)
_WHOLE = re.MULTILINE | re.DOTALL
_pages: dict[str, str] = {}


def on_config(config: Any) -> Any:
    """Give every net of the zoo its place in the navigation."""
    (nets,) = (entry["Gallery"] for entry in config.nav if "Gallery" in entry)
    nets += [{e.title: f"zoo/{name}/index.md"} for name, e in ENTRIES.items()]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from elsewhere, with their links as the site has them."""
    found = [
        (path, page, (ROOT / path).read_text(encoding="utf-8")) for path, page in ELSEWHERE.items()
    ]
    found += gallery.pages(config.extra["drawn"])
    _pages.update({f"docs/{file.src_uri}": file.src_uri for file in files})
    _pages.update({path: page for path, page, _ in found})
    _pages["README.md"] = "README.md"
    for path, page, text in found:
        content = relinked(text, path, _pages) if page.endswith(".md") else text
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what is made from the code, and lead links out of docs/ to their pages."""
    here = f"docs/{page.file.src_uri}"
    if here not in _pages:
        return markdown  # a page from elsewhere, which has its links already
    whole = relinked(markdown, here, _pages)
    drawn = _DRAWING.sub(lambda m: _drawn(m[1], markdown), whole)
    return _MADE.sub(lambda m: MADE[m[1]](), drawn)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Hold that a page shows itself without a network."""
    found = fetched(output)
    if found:
        raise PluginError(f"{page.file.src_uri} would fetch {', '.join(found)}")
    return output


def _drawn(title: str, markdown: str) -> str:
    """The picture of the definition that stands on the page under this title."""
    (definition,) = re.findall(rf'^```protobuf title="{title}"\n(.*?)^```$', markdown, _WHOLE)
    svg = protonet.draw(definition, direction="LR", collapse=False).svg
    data = base64.b64encode(svg.encode()).decode()
    return f'<img class="drawing" alt="{title}, drawn" src="data:image/svg+xml;base64,{data}">'
