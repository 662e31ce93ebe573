"""The rules of the house: who imports whom, and how long things are."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "protonet"
FILES = sorted(PACKAGE.rglob("*.py"))

# A package imports only what stands before it; the two on one step know nothing of each other.
ORDER = {
    "plain": -1,
    "diagnostics": 0,
    "arrays": 0,
    "shape": 0,
    "device": 1,
    "selection": 1,
    "files": 0,
    "reading": 1,
    "text": 1,
    "schema": 2,
    "program": 3,
    "data": 3,
    "layers": 4,
    "graph": 5,
    "passes": 6,
    "lowering": 7,
    "runtime": 8,
    "weights": 9,
    "api": 10,
    "checking": 11,
    "zoo": 12,
    "inference": 12,
    "drawing": 12,
    "training": 12,
    "cli": 13,
}
SHARED_BY_LAYERS = {
    "base",
    "batch",
    "blob",
    "boxes",
    "extent",
    "filler",
    "param_str",
    "loss",
    "many_axes",
    "recurrent",
}


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Every module of protonet's that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("protonet"):
            yield node.module.split(".")[1:] or [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("protonet."):
                    yield alias.name.split(".")[1:]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = ORDER.get(room(path))
    for module in imports(path):
        if own is not None and module[0] != room(path):
            assert ORDER[module[0]] < own, f"{path} imports {'.'.join(module)}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "layers").rglob("*.py")), ids=lambda p: p.stem)
def test_a_layer_imports_no_other_layer(path):
    if path.stem == "__init__":
        return
    for module in imports(path):
        if module[0] == "layers" and len(module) > 1:
            assert module[1] in SHARED_BY_LAYERS


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 40, f"{path}:{node.lineno}"


def test_no_name_stands_for_two_things():
    """Public classes and type aliases, over the whole package."""
    homes: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [node.name] if isinstance(node, ast.ClassDef) else []
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            for name in names:
                if name[0].isupper() and not name.isupper():
                    homes.setdefault(name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_the_first_line_says_what_a_file_is():
    for path in FILES:
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert path.read_text().strip() == "" or doc, path


@pytest.mark.parametrize(
    "command", ["check", "fmt", "show", "layers", "weights", "convert", "zoo", "compare", "--help"]
)
def test_commands_without_tensors_do_not_import_torch(command, tmp_path):
    net = str(ROOT / "zoo_prototxt" / "lenet" / "deploy.prototxt")
    weights = str(ROOT / "tests" / "golden" / "weights" / "v1_binary.caffemodel")
    arguments = {
        "layers": ["layers", "ReLU"],
        "weights": ["weights", weights],
        "convert": ["convert", weights, "-o", str(tmp_path / "net.h5")],
        "--help": ["--help"],
        "zoo": ["zoo"],
        "compare": ["compare", net, "--no-time"],
    }.get(command, [command, net])
    code = (
        "import sys\n"
        "from protonet.cli import group\n"
        f"group({arguments!r}, standalone_mode=False)\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "Exit" in done.stderr, done.stderr
    assert "torch was imported" not in done.stderr
