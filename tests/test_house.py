"""The rules of the house: who imports whom, and how long things are."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from dataclasses import dataclass
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
    "preparation": 1,
    "given": 1,
    "selection": 2,
    "files": 0,
    "garbage": 0,
    "notebook": 0,
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
    "optimizing": 9,
    "api": 10,
    "checking": 11,
    "zoo": 12,
    "inference": 12,
    "drawing": 12,
    "exporting": 12,
    "training": 12,
    "finetuning": 13,
    "lifting": 13,
    "pycaffe": 13,
    "cli": 14,
}
SHARED_BY_LAYERS = {
    "base",
    "batch",
    "blob",
    "coefficients",
    "colours",
    "boxes",
    "centers",
    "anchors",
    "rcnn",
    "reach",
    "detectnet",
    "extent",
    "filler",
    "gabor",
    "forks",
    "label_maps",
    "param_str",
    "region_evaluate",
    "seg_batch",
    "unpooling",
    "regions",
    "sampling",
    "true_boxes",
    "sequences",
    "surgery",
    "truth",
    "lattice",
    "loss",
    "many_axes",
    "masked",
    "multibox",
    "normalised",
    "overlaps",
    "powers",
    "recurrent",
    "refined_boxes",
    "registry",
    "volumes",
}


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def facts(path):
    """What the rules ask of a file, which is parsed once for all of them."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    every = list(ast.walk(tree))
    functions = [n for n in every if isinstance(n, ast.FunctionDef)]
    return Facts(
        lines=len(text.splitlines()),
        longest=max(((n.end_lineno - n.lineno, n.lineno) for n in functions), default=(0, 0)),
        imports=list(imports(every)),
        needed=set(needed(tree)),
        untyped=untyped(tree),
        names=list(names(tree)),
        is_told=not text.strip() or bool(ast.get_docstring(tree)),
    )


@dataclass(frozen=True)
class Facts:
    lines: int
    longest: tuple
    imports: list
    needed: set
    untyped: int
    names: list
    is_told: bool


def imports(nodes):
    """Every module of protonet's that a file imports, at any depth."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("protonet"):
            yield node.module.split(".")[1:] or [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("protonet."):
                    yield alias.name.split(".")[1:]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = ORDER.get(room(path))
    for module in facts(path).imports:
        if own is not None and module[0] != room(path):
            assert ORDER[module[0]] < own, f"{path} imports {'.'.join(module)}"


def test_the_table_of_rooms_has_each_in_its_order():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = "".join(re.findall(r"^\| (`protonet/.*?) \|", text, re.MULTILINE))
    rooms = [name.removeprefix("protonet/") for name in re.findall(r"`([\w/.]+)`", table)]
    steps = [ORDER[name.removesuffix(".py").removesuffix("/")] for name in rooms]
    assert len(set(rooms)) == len(rooms) == len(ORDER)
    assert steps == sorted(steps)


@pytest.mark.parametrize("path", sorted((PACKAGE / "layers").rglob("*.py")), ids=lambda p: p.stem)
def test_a_layer_imports_no_other_layer(path):
    if path.stem == "__init__":
        return
    for module in facts(path).imports:
        if module[0] == "layers" and len(module) > 1:
            assert module[1] in SHARED_BY_LAYERS


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_are_short(path):
    assert facts(path).lines <= 300
    length, line = facts(path).longest
    assert length < 40, f"{path}:{line}"


def needed(tree):
    """The modules that a file imports as it runs, at any depth; not those for types alone."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom):
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            waiting += ast.iter_child_nodes(node)


def test_no_file_imports_itself_by_a_way_round():
    parts = {path: path.relative_to(ROOT).with_suffix("").parts for path in FILES}
    files = {".".join(own).removesuffix(".__init__"): path for path, own in parts.items()}
    needs = {name: facts(path).needed & set(files) - {name} for name, path in files.items()}
    while leaves := {name for name, others in needs.items() if not others}:
        needs = {name: others - leaves for name, others in needs.items() if name not in leaves}
    assert sorted(needs) == []


# Where a module is found by a name that is made as the program runs.
BY_NAME = {
    "__init__.py": "the package's functions, which are imported when they are first used",
    "cli/__init__.py": "the commands, which are imported when they are called",
    "data/opening.py": "the feeds, which enter themselves",
    "data/extras.py": "optional packages",
    "exporting/layers/__init__.py": "what ONNX says of layers, which enters itself",
    "layers/registry.py": "the layers, each when its type is met",
    "lifting/patterns/__init__.py": "what operators become, which enters itself",
    "layers/python.py": "classes of the user's own",
    "pycaffe/__init__.py": "the names of Caffe's interface, which are imported when first used",
    "pycaffe/hook.py": "what `import caffe` asks for",
    "pycaffe/old_python.py": "modules under the names that they had in Python 2",
    "pycaffe/opening.py": "modules with classes of the user's own",
    "program/defaults.py": "torch's functions, which are asked for their defaults",
}


def test_what_is_imported_by_its_name_is_told():
    text = {str(p.relative_to(PACKAGE)): p.read_text(encoding="utf-8") for p in FILES}
    assert {name for name, t in text.items() if "import_module(" in t} == set(BY_NAME)


def untyped(tree):
    """How many public functions and methods of a file take or give Any."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]
    found = 0
    for node in (each for owner in (tree, *classes) for each in owner.body):
        if isinstance(node, ast.FunctionDef) and node.name[0] != "_":
            given = [arg.annotation for arg in ast.walk(node.args) if isinstance(arg, ast.arg)]
            types = [ast.unparse(each) for each in (*given, node.returns) if each is not None]
            found += any(re.search(r"\bAny\b", each) for each in types)
    return found


# Functions that take or give Any, outside of schema. These numbers only go down.
UNTYPED = {
    "click's callbacks and options": {
        "cli/annotated.py": 1,
        "cli/compile.py": 1,
        "cli/export.py": 2,
        "cli/data.py": 1,
        "cli/finetune.py": 1,
        "cli/options.py": 1,
        "cli/preparing.py": 2,
        "cli/verifying.py": 1,
        "cli/run.py": 1,
        "cli/test.py": 1,
        "cli/time.py": 1,
        "cli/train.py": 1,
    },
    "weights of any kind: paths, arrays, tensors": {
        "api.py": 2,
        "exporting/export.py": 1,
        "weights/mapping.py": 3,
        "weights/stored.py": 3,
        "weights/caffemodel.py": 1,
    },
    "an optional package": {"data/extras.py": 1, "data/hdf5_file.py": 7},
    "a server of the standard library, whose methods have no types": {"drawing/server.py": 5},
    "what each feed plans and marks is its own": {"data/feed.py": 5},
    "Caffe's interface, which takes what scripts give it": {
        "pycaffe/assign.py": 1,
        "pycaffe/batches.py": 1,
        "pycaffe/blob.py": 2,
        "pycaffe/detector.py": 3,
        "pycaffe/giving.py": 1,
        "pycaffe/images.py": 1,
        "pycaffe/io.py": 1,
        "pycaffe/named.py": 5,
        "pycaffe/net.py": 4,
        "pycaffe/net_spec.py": 3,
        "pycaffe/solver.py": 1,
        "pycaffe/transformer.py": 1,
    },
    "JSON of a page, of figures, of a snapshot": {
        "drawing/details.py": 1,
        "drawing/live.py": 5,
        "drawing/page.py": 4,
        "training/nets.py": 2,
        "training/random.py": 1,
        "training/snapshot.py": 1,
        "zoo/catalogue.py": 1,
        "zoo/generate.py": 2,
        "zoo/readme.py": 2,
    },
    "values that become text: any argument of torch's": {
        "layers/pooling.py": 2,
        "layers/softmax_with_loss.py": 1,
        "program/builder.py": 4,
        "program/defaults.py": 1,
        "program/expr.py": 1,
        "program/parts.py": 2,
        "runtime/module.py": 1,
    },
    "classes of pycaffe's, and an autograd function's context": {"layers/python.py": 4},
    "torch's own interfaces: an optimiser's group, objects between processes": {
        "training/lists.py": 1,
        "training/parallel.py": 2,
        "training/updates.py": 7,
    },
    "fields of a layer, which protobuf takes of every kind": {"lifting/operator.py": 3},
    "options that are handed on": {"training/session.py": 1},
    "values of a YAML text": {
        "layers/param_str.py": 1,
        "layers/contrib/anchor_target.py": 1,
        "layers/contrib/rpn_proposal.py": 1,
    },
}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_public_functions_are_typed(path):
    name = str(path.relative_to(PACKAGE))
    allowed = {file: n for files in UNTYPED.values() for file, n in files.items()}
    assert room(path) == "schema" or facts(path).untyped == allowed.get(name, 0)


CAFFES = ("Net", "Blob", "Layer", "Solver", "Function", "Parameters")


def names(tree):
    """The public classes and type aliases of a file."""
    for node in tree.body:
        found = [node.name] if isinstance(node, ast.ClassDef) else []
        if isinstance(node, ast.Assign):
            found = [target.id for target in node.targets if isinstance(target, ast.Name)]
        yield from (name for name in found if name[0].isupper() and not name.isupper())


def test_no_name_stands_for_two_things():
    """Over the whole package."""
    homes: dict[str, list[str]] = {}
    for path in FILES:
        for name in facts(path).names:
            homes.setdefault(name, []).append(str(path.relative_to(PACKAGE)))
    for name in CAFFES:  # names that scripts know, in the one room that is for scripts
        homes[name] = [home for home in homes[name] if not home.startswith("pycaffe/")]
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_the_first_line_says_what_a_file_is():
    assert [path for path in FILES if not facts(path).is_told] == []


def test_commands_without_tensors_do_not_import_torch(tmp_path):
    """One after the other in one process, which ends at the first that does."""
    net = str(ROOT / "zoo_prototxt" / "lenet" / "deploy.prototxt")
    weights = str(ROOT / "tests" / "golden" / "weights" / "v1_binary.caffemodel")
    commands = [
        ["check", net],
        ["fmt", net],
        ["show", net],
        ["layers", "ReLU"],
        ["weights", weights],
        ["convert", weights, "-o", str(tmp_path / "net.h5")],
        ["zoo"],
        ["compare", net, "--no-time"],
        ["compile", net, "-o", str(tmp_path / "net.py")],
        ["diff", net, net],
        ["draw", net, "-o", str(tmp_path / "net.svg")],
        ["upgrade", net, "-o", str(tmp_path / "net.prototxt")],
        ["completion", "bash"],
        ["data", "--help"],
        ["--help"],
    ]
    code = f"""
import sys
from protonet.cli import group
for command in {commands!r}:
    assert not group(command, standalone_mode=False), command
    assert "torch" not in sys.modules, command
print("all", file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1:]) == (0, ["all"]), done.stderr
