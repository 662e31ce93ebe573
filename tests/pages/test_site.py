"""What the site adds to the pages: links, references, the gallery, the navigation."""

from __future__ import annotations

import importlib.util
import re

import click
import pytest
import yaml
from fences import ROOT

import protonet
from protonet.cli import group
from protonet.layers import REGISTRY
from protonet.zoo.catalogue import ENTRIES


def hook(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "hooks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


links, reference, gallery = map(hook, ("links", "reference", "gallery"))


def headings(text):
    return re.findall(r"^#+ (.*)$", text, re.MULTILINE)


def test_links_go_where_the_site_has_the_file():
    pages = {
        "docs/a.md": "a.md",
        "docs/b.md": "b.md",
        "zoo/lenet/README.md": "zoo/lenet/index.md",
        "README.md": "README.md",
    }
    text = "[b](b.md#c) [net](../zoo/lenet/README.md) [web](https://x.org/b.md) [c](c.md) [d](#e)"
    made = "[b](b.md#c) [net](zoo/lenet/index.md) [web](https://x.org/b.md) [c](c.md) [d](#e)"
    assert links.relinked(text, "docs/a.md", pages) == made
    back = links.relinked("[b](../../docs/b.md)", "zoo/lenet/README.md", pages)
    assert back == "[b](../../b.md)"
    code = "```text\n[net](../zoo/lenet/README.md)\n```"
    assert links.relinked(code, "docs/a.md", pages) == code


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<script src="https://cdn.x/a.js"></script>', ["https://cdn.x/a.js"]),
        ('<link href="//fonts.x/a.css" rel="stylesheet">', ["//fonts.x/a.css"]),
        ('<img alt="" src="https://x.org/a.png">', ["https://x.org/a.png"]),
        ('<a href="https://x.org">x</a> <img src="a.svg"> <link rel="icon" href="b.svg">', []),
    ],
)
def test_what_a_page_would_fetch_is_found(html, found):
    assert links.fetched(html) == found


def test_every_command_and_option_is_in_the_reference():
    text = reference.commands()
    waiting = [(name, group.get_command(None, name)) for name in group.list_commands(None)]
    while waiting:
        words, command = waiting.pop()
        section = text.split(f"# protonet {words}\n", 1)[1].split("\n## ")[0]
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert re.search(rf"^\| `[^`]*{option.opts[-1]}\b", section, re.MULTILINE), option
        if isinstance(command, click.Group):
            below = command.list_commands(None)
            waiting += [(f"{words} {name}", command.get_command(None, name)) for name in below]
    assert len(headings(text)) > 25


def test_every_layer_type_is_in_the_reference():
    assert set(headings(reference.layers())) == set(REGISTRY)


def test_every_name_of_the_library_is_in_the_reference():
    shown = re.findall(r"^::: protonet\.(\w+)$", reference.api(), re.MULTILINE)
    assert sorted(shown) == sorted(protonet.__all__)


def test_the_gallery_has_every_net():
    made = {page: text for _, page, text in gallery.pages(drawn=False)}
    for name, entry in ENTRIES.items():
        assert made[f"zoo/{name}/index.md"].startswith(f"# {entry.title}\n")
        assert "layer {" in made[f"zoo/{name}/deploy.prototxt"]


def test_a_net_of_the_gallery_has_its_drawing_and_its_source():
    made = {page: text for _, page, text in gallery._net("lenet", drawn=True)}
    assert made["zoo/lenet/lenet.svg"].startswith("<svg")
    assert "class LeNet(nn.Module):" in made["zoo/lenet/index.md"]


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"[\w./-]+\.md", yaml.safe_dump(yaml.safe_load(text)["nav"])))
    found = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert found <= listed
    assert {page for page in listed if "/" not in page} == found
