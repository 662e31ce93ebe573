"""A layer's file is imported when its type is met, and all types are known before."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import SourceFileLoader

import pytest

from protonet.layers import REGISTRY, registry

LENET = "zoo_prototxt/lenet/deploy.prototxt"


def python(code, cwd=None):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_text_of_the_files_tells_all_types():
    """Against what their modules register, each imported."""
    code = """
import importlib, pkgutil, protonet.layers as l
told = sorted(l.REGISTRY)
for package in ("protonet.layers", "protonet.layers.contrib"):
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{found.name}")
made = l.REGISTRY._made
assert told == sorted(made) and len(told) > 100
assert all(made[name].__module__ == home for name, home in l.REGISTRY._waiting.items())
"""
    python(code)


def test_a_net_imports_the_layers_that_it_has():
    code = f"import sys, protonet; protonet.check({LENET!r}); print(*sys.modules)"
    layers = {name for name in python(code) if name.startswith("protonet.layers.")}
    names = {"input", "convolution", "pooling", "inner_product", "relu", "softmax"}
    assert layers >= {f"protonet.layers.{name}" for name in names}
    assert not {name for name in layers if ".contrib." in name}
    assert "importlib.metadata" not in layers


def test_compiled_files_without_their_text_register_at_once(tmp_path):
    """A package of .pyc files has no text to read the names from."""
    text = (
        "from protonet.layers.base import Layer, register\n"
        '@register("OfNoText")\nclass OfNoText(Layer):\n    """No text."""\n'
    )
    (tmp_path / "of_no_text.py").write_text(text)
    code = """
import compileall, os, sys
compileall.compile_dir(".", legacy=True, quiet=1)
os.remove("of_no_text.py")
sys.path.insert(0, os.getcwd())
import pkgutil
from protonet.layers import REGISTRY
sys.modules["here"] = __import__("types").ModuleType("here")
sys.modules["here"].__path__ = ["."]
REGISTRY.look_in("here", ".")
print(REGISTRY["OfNoText"].__module__)
"""
    assert python(code, tmp_path) == ["here.of_no_text"]


def test_names_that_are_no_plain_strings_are_imported(tmp_path):
    path = tmp_path / "odd.py"
    path.write_text('NAME = "Odd"\n@register(NAME)\nclass Odd(Layer):\n    pass\n')
    spec = type("Spec", (), {"loader": SourceFileLoader("odd", str(path)), "origin": str(path)})
    assert registry._registered(spec) is None


def test_the_registry_is_a_mapping():
    assert len(REGISTRY) == len(set(REGISTRY)) == len(dict(REGISTRY))
    assert "ReLU" in REGISTRY
    assert "Relu" not in REGISTRY
    assert REGISTRY.get("Relu") is None
    with pytest.raises(KeyError, match="Relu"):
        REGISTRY["Relu"]
