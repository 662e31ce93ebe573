"""What people give by mistake: told as what it is, with the way out, and nothing lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import protonet
from protonet.cli import group
from protonet.data.image_list import read_list
from protonet.diagnostics import NetError

GOLDEN = Path(__file__).parents[1] / "golden" / "weights"
INPUT = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [1, 3, 8, 8] } } }\n'


def run(*arguments):
    result = CliRunner().invoke(group, list(map(str, arguments)))
    if result.exception and not isinstance(result.exception, SystemExit | NetError):
        raise result.exception
    text = result.stdout + result.stderr
    return text + str(result.exception) if isinstance(result.exception, NetError) else text


# A comment in GBK ends in a byte that is a blank in Latin-1, and in a backslash elsewhere.
GBK = "# \u6570\u636e\u5c42 \u8fd9".encode("gbk") + b"\xa0\n" + "# \u8a9e\u5f0c\\\n".encode("gbk")


def test_comments_of_another_encoding_keep_their_bytes(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_bytes(GBK + b"layer{name:'x'}\n")
    printed = CliRunner().invoke(group, ["fmt", str(path)]).stdout_bytes
    assert printed == GBK + b"layer {\n  name: 'x'\n}\n"
    assert "rewritten" in run("fmt", "--write", path)
    assert path.read_bytes() == printed
    assert CliRunner().invoke(group, ["fmt", "--check", str(path)]).exit_code == 0


@pytest.mark.parametrize(
    "text, words",
    [
        (f"// a comment\n{INPUT}", "comments begin with #"),
        (f"/* a comment */\n{INPUT}", "comments begin with #"),
        ("name: \u201cnet\u201d", 'write straight quotes: "'),
        ("name: \u2018net\u2019", "write straight quotes: '"),
        ("name\uff1a 'net'", "write a plain colon: :"),
        ("name:\u3000'net'", "write a plain blank"),
        ("input_dim: \u22121", "write a plain minus: -"),
        ('name: "net\nlayer { }', "the string \"net of 'name' is not closed on its line"),
        ('name: "C:\\net\\"\nlayer { }', "is escaped by the backslash before it"),
        ("item {\n  name: 'cat'\n  label: 1\n}\nitem { }", "this file is a label map, not a net"),
        ("VOC/a.jpg VOC/a.xml\nVOC/b.jpg VOC/b.xml\n", "this file is a list of files, not a net"),
        ("\nimages/0.png 3\nimages/1.png 4\n", "this file is a list of files, not a net"),
        ("version https://git-lfs.github.com/spec/v1\n", "this file is a Git LFS pointer"),
        ("<!DOCTYPE html>\n<html>", "this file is an HTML page"),
        ('layer { type: "ImResize" imresize_param { factor: 8 } }', "--new ImResize` writes"),
        ('layer { name: "s" type: "HardSwish" }', "--new HardSwish` writes its plugin"),
        ("layer { relu_param { colour: 8 } }", "no Caffe that protonet knows has it in ReLUParam"),
    ],
)
def test_a_net_that_is_none_is_told_why(tmp_path, text, words):
    path = tmp_path / "net.prototxt"
    path.write_bytes(text.encode())
    assert words in run("check", path)


def test_utf_16_is_told(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_bytes(INPUT.encode("utf-16"))
    assert "save it as UTF-8" in run("check", path)


@pytest.mark.parametrize(
    "suffix, writer",
    [
        (".caffemodel", "protonet convert WEIGHTS --prototxt NET -o FILE"),
        (".caffemodel.h5", "protonet convert WEIGHTS"),
        (".hdf5", "protonet convert WEIGHTS"),
        (".safetensors", "--weights beside -o net.py"),
        (".PT", "torch.save("),
        (".pth", "torch.save("),
        (".bin", "torch.save("),
        (".pt2", "protonet export NET --weights WEIGHTS -o FILE"),
        (".onnx", "protonet export NET"),
        (".prototxt", "protonet upgrade NET -o FILE"),
        (".solverstate", "protonet train"),
        (".binaryproto", "protonet data mean DATABASE -o FILE"),
        (".npy", "protonet convert"),
    ],
)
@pytest.mark.parametrize("weights", [(), ("--weights", "a.caffemodel")])
def test_a_source_is_not_written_under_the_name_of_another_kind(tmp_path, suffix, writer, weights):
    (tmp_path / "net.prototxt").write_text(INPUT)
    output = tmp_path / f"w{suffix}"
    output.write_bytes(b"weights")
    said = run("compile", tmp_path / "net.prototxt", *weights, "-o", output)
    assert f"no file under the suffix '{output.suffix.lower()}'" in said
    assert "-o net.py" in said
    assert writer in said
    assert output.read_bytes() == b"weights"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "command, output, words",
    [
        (["compile"], "o.svg", "`protonet draw NET -o FILE` draws it"),
        (["upgrade"], "o.safetensors", "`protonet convert WEIGHTS"),
        (["upgrade"], "o.NPY", "writes a text, no file under the suffix '.npy'"),
        (["upgrade"], "o.py", "`protonet compile NET -o FILE` writes it"),
        (["upgrade"], "o.HDF5", "has no weights for"),
        (["upgrade"], "o.onnx", "`protonet export"),
        (["view"], "o.svg", "writes a page, no file under the suffix '.svg'"),
        (["view"], "o.prototxt", "`protonet upgrade NET -o FILE` writes it"),
        (["data", "mean"], "o.h5", "writes a mean, no file under the suffix '.h5'"),
        (["data", "cifar"], "o.prototxt", "writes a database, no file under the suffix"),
    ],
)
def test_no_output_goes_under_the_name_of_another_kind(tmp_path, command, output, words):
    net = tmp_path / "net.prototxt"
    net.write_text(INPUT)
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(3073))
    given = net if command[0] != "data" else tmp_path / "data_batch_1.bin"
    option = "--export" if command == ["view"] else "-o"
    said = run(*command, given, option, tmp_path / output)
    assert words in said
    assert not (tmp_path / output).exists()


def test_weights_are_upgraded_under_their_own_names_only(tmp_path):
    weights = tmp_path / "old.caffemodel"
    weights.write_bytes((GOLDEN / "v1_binary.caffemodel").read_bytes())
    for suffix in (".safetensors", ".h5", ".pt", ".npy", ".py"):
        said = run("upgrade", weights, "-o", tmp_path / f"o{suffix}")
        assert f"writes weights or a definition, no file under the suffix '{suffix}'" in said
    assert [path.name for path in tmp_path.iterdir()] == ["old.caffemodel"]
    run("upgrade", weights, "-o", tmp_path / "o.PROTOTXT")
    assert (tmp_path / "o.PROTOTXT").read_text().startswith("name: ")


def test_a_mean_is_what_its_name_says(tmp_path):
    database = GOLDEN.parent / "data" / "raw_lmdb"
    for name in ("m.npy", "m.NPY", "m.binaryproto"):
        run("data", "mean", database, "-o", tmp_path / name)
    run("convert", tmp_path / "m.binaryproto", "-o", tmp_path / "c.NPY")
    arrays = [np.load(tmp_path / name) for name in ("m.npy", "m.NPY", "c.NPY")]
    assert arrays[0].ndim == 4
    for array in arrays[1:]:
        np.testing.assert_array_equal(array, arrays[0])


@pytest.mark.parametrize("name", ["net.py", "net.txt", "net"])
def test_a_source_goes_under_other_names(tmp_path, name):
    (tmp_path / "net.prototxt").write_text(INPUT)
    run("compile", tmp_path / "net.prototxt", "-o", tmp_path / name)
    assert "(nn.Module):" in (tmp_path / name).read_text()


def listed(tmp_path, text):
    path = tmp_path / "list.txt"
    path.write_bytes(text.encode())
    return path


def test_a_list_may_begin_with_a_mark(tmp_path):
    assert read_list(listed(tmp_path, "\ufeffa b.png 1\n"))[0].name == "a b.png"


@pytest.mark.parametrize(
    "line, words",
    [
        ("a.png 2.883333", "the label 2.883333 is no whole number"),
        ("a.png 2.883333", "HDF5Data takes several labels and real ones"),
        ("a.png .5", "the label .5 is no whole number"),
        ("a.png 1 0 1", "several numbers behind its file"),
        ("sub\\a.png 1", "the name has backslashes: write / between folders"),
        ("b.png 1", "--skip-broken leaves such images out"),
    ],
)
def test_a_list_that_is_none_is_told_why(tmp_path, line, words):
    said = run("data", "images", tmp_path, listed(tmp_path, f"{line}\n"), "-o", tmp_path / "db")
    assert words in said
    assert "skip-broken" in words or "skip-broken" not in said
    net = tmp_path / "net.prototxt"
    net.write_text(
        'layer { name: "d" type: "ImageData" top: "a" top: "b" image_data_param { batch_size: 1 '
        f'source: "{tmp_path}/list.txt" root_folder: "{tmp_path}/" }} }}'
    )
    if "skip-broken" not in words:
        with pytest.raises(NetError) as caught:
            protonet.batches(net, phase="TRAIN")
        assert words in str(caught.value)


TWO = (
    'layer { name: "d" type: "HDF5Data" top: "a" top: "b" '
    'hdf5_data_param { source: "files.txt" batch_size: 2 } }\n'
    'layer { name: "e" type: "EuclideanLoss" bottom: "a" bottom: "b" top: "e" }\n'
)


def test_check_names_what_it_could_not_look_at(tmp_path):
    net = tmp_path / "net.prototxt"
    net.write_text(TWO)
    said = run("check", net)
    assert ": fine" in said
    assert "not checked: 'd' (HDF5Data): the shape of 'a' is not known" in said
    assert "not checked: what reads them: 1 layer in TRAIN" in said


def test_check_looks_at_the_data_that_are_there(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["a"] = np.zeros((4, 3), np.float32)
        file["b"] = np.zeros((4, 2), np.float32)
    (tmp_path / "files.txt").write_text(f"{tmp_path}/d.h5\n")
    net = tmp_path / "net.prototxt"
    net.write_text(TWO)
    said = run("check", net)
    assert "layer 'e' (EuclideanLoss)" in said
    assert "not checked" not in said


def test_check_of_a_solver_names_its_nets(tmp_path):
    solver = tmp_path / "solver.prototxt"
    solver.write_text('net: "n.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 1\n')
    said = run("check", solver)
    assert ": fine" in said
    assert "not checked: the net 'n.prototxt': give it to `protonet check`, too" in said


def test_check_names_a_matrix_that_is_not_there(tmp_path):
    net = tmp_path / "net.prototxt"
    net.write_text(
        'input: "f" input_shape { dim: [4, 3] } input: "l" input_shape { dim: 4 }\n'
        'layer { name: "loss" type: "InfogainLoss" bottom: "f" bottom: "l" top: "x" '
        'infogain_loss_param { source: "nix.binaryproto" } }'
    )
    said = run("check", net)
    assert "not checked: 'loss' (InfogainLoss): the file 'nix.binaryproto' is not there" in said


@pytest.mark.parametrize(
    "suffix, words",
    [(".onnx", "protonet export NET"), (".pth", "torch.save"), (".foo", ".safetensors")],
)
def test_convert_names_who_writes_another_kind(tmp_path, suffix, words):
    net = tmp_path / "net.prototxt"
    net.write_text(INPUT)
    said = run("convert", "x.caffemodel", "--prototxt", net, "-o", tmp_path / f"o{suffix}")
    assert words in said


def test_training_says_which_device_trains(tmp_path, monkeypatch, capsys):
    import torch

    from protonet.training.session import train

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "d" type: "DummyData" top: "a" top: "b" dummy_data_param { '
        "shape { dim: [2, 3] } } }\n"
        'layer { name: "i" type: "InnerProduct" bottom: "a" top: "i" '
        "inner_product_param { num_output: 3 } }\n"
        'layer { name: "e" type: "EuclideanLoss" bottom: "i" bottom: "b" top: "e" }\n'
    )
    solver = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 1 snapshot_prefix: "s" '
    for mode, said in (("GPU", True), ("CPU", False)):
        (tmp_path / "solver.prototxt").write_text(f"{solver} solver_mode: {mode}\n")
        train("solver.prototxt", log="caffe")
        output = "".join(capsys.readouterr())
        assert ("torch sees no GPU here: the CPU trains" in output) is said
