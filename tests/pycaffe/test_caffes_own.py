"""Caffe's own tests of its Python interface, from a checkout that the user names: CAFFE_ROOT."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("CAFFE_ROOT", "no-caffe")) / "python" / "caffe" / "test"
FILES = (
    "test_io",
    "test_net_spec",
    "test_coord_map",
    "test_draw",
    "test_net",
    "test_solver",
    "test_python_layer",
    "test_python_layer_with_param_str",
    "test_layer_type_list",
    "test_nccl",
)
RUN = """import sys, unittest
sys.path.insert(0, {folder!r})
unittest.main(module=None, argv=["tests", {name!r}])
"""


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER.is_dir(), reason="set CAFFE_ROOT to a checkout of BVLC/caffe")
@pytest.mark.parametrize("name", FILES)
def test_passes_unchanged(name, tmp_path):
    pytest.importorskip("six", reason="Caffe's tests import six")
    (tmp_path / "run.py").write_text(RUN.format(folder=str(FOLDER), name=name))
    command = [sys.executable, "-m", "protonet.pycaffe", "run.py"]
    environment = {**os.environ, "GLOG_minloglevel": "2"}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "\nOK" in done.stderr
