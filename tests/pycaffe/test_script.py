"""`protonet python script.py`, and what `import caffe` finds."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from counted_calls import calls

import protonet.pycaffe as caffe
from protonet.diagnostics import NetError

NET = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'


def run(folder, script, *arguments, module=("protonet.pycaffe",), python=()):
    (folder / "script.py").write_text(script)
    command = [sys.executable, *python, "-m", *module, "script.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize("module", [("protonet.pycaffe",), ("protonet", "python")])
def test_a_script_runs_as_it_stands(tmp_path, module):
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "beside.py").write_text("from caffe import Net, TEST\n")
    done = run(
        tmp_path,
        """
import sys, os
import beside
import caffe
from caffe.pycaffe import Net
from caffe._caffe import Timer
assert __name__ == "__main__" and Net is caffe.Net is beside.Net
assert sys.path[0] == os.path.dirname(os.path.abspath(__file__)), sys.path[0]
print(caffe.Net("net.prototxt", caffe.TEST).inputs, sys.argv)
sys.exit(3)
""",
        "--gpu",
        "0",
        "--help",
        module=module,
    )
    assert done.stdout == "['x'] ['script.py', '--gpu', '0', '--help']\n", done.stderr
    assert done.returncode == 3


def test_what_is_wrong_with_a_net_is_told_with_the_scripts_line(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET.replace("Input", "Inptu"))
    done = run(tmp_path, "import caffe\n\nnet = caffe.Net('net.prototxt', caffe.TEST)\n")
    assert done.returncode == 1
    assert 'script.py", line 3' in done.stderr
    assert "net.prototxt:1:19: error: layer 'x' has the unknown type 'Inptu'" in done.stderr
    assert "did you mean 'Input'" in done.stderr
    assert "protonet/" not in done.stderr


def test_an_error_of_the_scripts_own_is_pythons(tmp_path):
    done = run(tmp_path, "def f():\n    open('absent.txt')\nf()\n")
    assert done.returncode == 1
    assert "FileNotFoundError" in done.stderr
    assert 'script.py", line 2' in done.stderr
    assert "protonet/" not in done.stderr


def test_a_script_of_python_2_is_told_of_2to3(tmp_path):
    done = run(tmp_path, "import caffe\nprint 'hello'\n")
    assert done.returncode == 1
    assert "script.py:2" in done.stderr
    assert "2to3" in done.stderr
    tabs = run(tmp_path, "if True:\n        a = 1\n\tb = 2\n")
    assert "expand -t 8" in tabs.stderr


def test_a_script_that_is_not_there(tmp_path):
    command = [sys.executable, "-m", "protonet", "python", "absent.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "the script 'absent.py' is not there" in done.stderr


def test_another_caffe_in_the_scripts_folder_is_passed_over(tmp_path):
    (tmp_path / "caffe").mkdir()
    (tmp_path / "caffe" / "__init__.py").write_text("raise SystemError('the wrong one')")
    done = run(tmp_path, "import sys; sys.path.insert(0, '.')\nimport caffe; print(caffe.__name__)")
    assert done.stdout == "protonet.pycaffe\n", done.stderr


def test_the_import_alone_is_quick_and_needs_no_torch():
    code = (
        "import protonet.pycaffe as caffe\n"
        "caffe.set_mode_cpu(); caffe.TEST, caffe.__version__\n"
        "import sys; assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    assert calls(code) < calls("import numpy") / 2


def test_modules_that_import_caffe_find_ours(tmp_path):
    code = (
        "import protonet.pycaffe as ours; import caffe; from caffe import Layer; "
        "assert caffe is ours and Layer is ours.Layer"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=tmp_path)
    assert done.returncode == 0


def test_a_stand_in_of_an_earlier_layer_gives_way(tmp_path):
    code = (
        "import sys, types\n"
        "sys.modules['caffe'] = types.ModuleType('caffe')\n"
        "import protonet.pycaffe\nimport caffe\nassert caffe is protonet.pycaffe"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=tmp_path).returncode == 0


def test_a_name_that_is_missing_says_so():
    with pytest.raises(AttributeError, match=r"has no 'SGDSolvr'; did you mean 'SGDSolver'.*issue"):
        caffe.SGDSolvr  # noqa: B018
    assert "Net" in dir(caffe)
    assert "io" in dir(caffe)


def test_layer_types_and_versions():
    types = caffe.layer_type_list()
    assert {"Convolution", "Python", "Data", "Split"} <= set(types)
    assert types == sorted(types)
    assert caffe.__version__ == "1.0.0"
    assert (caffe.TRAIN, caffe.TEST) == (0, 1)


def test_a_timer_counts_milliseconds():
    timer = caffe.Timer()
    timer.start()
    time.sleep(0.01)
    timer.stop()
    passed = timer.ms
    assert 10 <= passed < 1000
    time.sleep(0.01)
    assert timer.ms == passed


def test_what_is_set_for_all_nets(capsys):
    caffe.set_mode_cpu()
    caffe.set_device(0)
    caffe.set_mode_gpu()
    caffe.set_mode_gpu()
    assert capsys.readouterr().err.count("CPU") <= 1
    caffe.init_log()
    caffe.log("hello")
    assert capsys.readouterr().err.rstrip().endswith("hello")
    caffe.init_log(2, True)
    caffe.log("quiet")
    assert capsys.readouterr().err == ""
    caffe.init_log(0)
    assert (caffe.solver_count(), caffe.solver_rank()) == (1, 0)
    for wrong in (lambda: caffe.set_device(-1), lambda: caffe.set_random_seed("a")):
        with pytest.raises(NetError):
            wrong()


def test_several_processes_are_refused_with_what_to_do():
    assert not caffe.has_nccl()
    for wrong in (
        lambda: caffe.NCCL(None, b""),
        caffe.NCCL.new_uid,
        lambda: caffe.set_solver_count(2),
        lambda: caffe.set_solver_rank(1),
        lambda: caffe.set_multiprocess(True),
    ):
        with pytest.raises(NetError, match="torchrun"):
            wrong()


def test_an_engine_is_chosen_before_the_script(tmp_path):
    script = tmp_path / "names.py"
    script.write_text("from protonet.pycaffe import control\nprint(control.engine())\n")
    call = [sys.executable, "-m", "protonet.pycaffe", "--engine"]
    made = subprocess.run([*call, "auto", script], capture_output=True, text=True, check=False)
    assert made.stdout == "auto\n"
    made = subprocess.run([*call, "tvm", script], capture_output=True, text=True, check=False)
    assert made.returncode == 1
    assert "an engine is torch, onnxruntime, auto, not 'tvm'" in made.stderr
