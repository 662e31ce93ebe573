"""Modules that a fork added to its caffe package, beside ours."""

import importlib
import sys

import pytest

from protonet.pycaffe import hook


@pytest.fixture
def hooked(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "caffe"]:
        monkeypatch.delitem(sys.modules, name)
    hook.install(first=True)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "caffe"]:
        del sys.modules[name]


@pytest.mark.usefixtures("hooked")
@pytest.mark.parametrize("way", ["sys.path", "CAFFE_ROOT"])
def test_a_checkouts_own_module_is_found_and_stands_on_ours(tmp_path, monkeypatch, way):
    package = tmp_path / "python" / "caffe"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('another Caffe')")
    (package / "io.py").write_text("raise ImportError('its io')")
    (package / "model_libs.py").write_text("from caffe import layers as L\nimport caffe.io\n")
    if way == "sys.path":
        monkeypatch.syspath_prepend(str(tmp_path / "python"))
    else:
        monkeypatch.setenv("CAFFE_ROOT", str(tmp_path))
    libs = importlib.import_module("caffe.model_libs")
    assert libs.L is importlib.import_module("protonet.pycaffe").layers
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("caffe.no_such_libs")
