"""The gallery: each net of the zoo with its paper, its drawing, its definition, its PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import protonet
from protonet.zoo.catalogue import ENTRIES, TEXTS, deploy, files, folder

SHOWN = 150  # lines of a definition that a page shows; the file itself is beside it
_BLANK = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def pages(drawn: bool) -> Iterator[tuple[str, str, str]]:
    """Every file of the gallery: what it is in the repository and in the site, and its text."""
    readme = (folder() / "README.md").read_text(encoding="utf-8")
    yield "zoo_prototxt/README.md", "zoo/index.md", f"{readme}\n## In pictures\n\n{_wall()}\n"
    yield from _teaching()
    for name in ENTRIES:
        yield from _net(name, drawn)


def _wall() -> str:
    """The upper end of every drawing, each leading to its net."""
    shown = (
        f'<a href="{name}/index.html"><img alt="" src="{name}/{name}.svg">'
        f"<span>{entry.title}</span></a>"
        for name, entry in ENTRIES.items()
    )
    return f'<div class="wall">{"".join(shown)}</div>'


def _teaching() -> Iterator[tuple[str, str, str]]:
    for path in sorted((folder() / "teaching").iterdir()):
        own = "index.md" if path.name == "README.md" else path.name
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            text += "\n## The files\n\n" + "".join(_shown(p) for p in _prototxts())
        yield f"zoo_prototxt/teaching/{path.name}", f"zoo/teaching/{own}", text


def _prototxts() -> list[Path]:
    return sorted((folder() / "teaching").glob("*.prototxt"))


def _shown(path: Path) -> str:
    return _folded(path.stem, "protobuf", path.read_text(encoding="utf-8"))


def _net(name: str, drawn: bool) -> Iterator[tuple[str, str, str]]:
    texts = files(name)
    here = f"zoo_prototxt/{name}"
    for file in TEXTS:
        yield f"{here}/{file}", f"zoo/{name}/{file}", texts[file]
    definition = deploy(name)
    drawing = protonet.draw(definition).svg if drawn else _BLANK
    source = protonet.emit(definition) if drawn else ""
    yield f"{here}/{name}.svg", f"zoo/{name}/{name}.svg", drawing
    yield f"{here}/{name}.py", f"zoo/{name}/{name}.py.txt", source
    text = texts["README.md"] + _appendix(name, texts, source)
    yield f"{here}/README.md", f"zoo/{name}/index.md", text


def _appendix(name: str, texts: dict[str, str], source: str) -> str:
    shown = "".join(_folded(file, "protobuf", texts[file], f" ([whole]({file}))") for file in TEXTS)
    lines = len(source.splitlines())
    return (
        f"\n## Drawing\n\n[![{name} as protonet draws it]({name}.svg)]({name}.svg)\n"
        f"\n## PyTorch\n\nWhat `protonet compile` writes, {lines} lines:\n"
        f"\n```python\n{source}```\n"
        f"\n## Caffe\n\n`protonet zoo copy {name} DIR` writes these files.\n\n{shown}"
    )


def _folded(title: str, language: str, text: str, more: str = "") -> str:
    """A box that opens on its text, cut where it is long."""
    lines = text.splitlines()
    cut = lines[:SHOWN]
    left = len(lines) - len(cut)
    note = f"\n\n    {left} more lines{more}.\n" if left else "\n"
    body = "\n".join(f"    {line}".rstrip() for line in cut)
    return f'??? note "{title}"\n\n    ```{language}\n{body}\n    ```\n{note}\n'
