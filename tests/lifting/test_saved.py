"""Programs of torch.export.save, whole and hostile: nothing in them is unpickled or evaluated."""

import io
import json
import zipfile

import pytest
import torch
from torch import nn

from protonet.diagnostics import NetError
from protonet.lifting.saved import read_program

TRACE = []


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "net.pt2"
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU()).eval()
    torch.export.save(torch.export.export(net, (torch.randn(1, 2, 6, 6),)), path)
    return path


def changed(saved, path, change):
    """The archive with some of its files changed, given out or added."""
    with zipfile.ZipFile(saved) as old:
        files = {name: old.read(name) for name in old.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as new:
        for name, data in files.items():
            new.writestr(name, data)
    return path


def test_a_saved_program_is_read_with_its_example(saved):
    captured = read_program(saved)
    (given,) = captured.example
    assert tuple(given.shape) == (1, 2, 6, 6)
    assert {str(n.target) for n in captured.graph.nodes if n.op == "call_function"} == {
        "aten.conv2d.default",
        "aten.relu.default",
    }


class Evil:
    def __reduce__(self):
        return TRACE.append, ("unpickled",)


def evil_sample(files):
    stream = io.BytesIO()
    torch.save(((Evil(),), {}), stream)
    files["net/data/sample_inputs/model.pt"] = stream.getvalue()


def evil_weight(files):
    name = "net/data/weights/model_weights_config.json"
    config = json.loads(files[name])
    for weight in config["config"].values():
        weight["use_pickle"] = True
        stream = io.BytesIO()
        torch.save(Evil(), stream)
        files["net/data/weights/" + weight["path_name"]] = stream.getvalue()
    files[name] = json.dumps(config).encode()


def legacy_weights(files):
    stream = io.BytesIO()
    torch.save({"0.weight": Evil()}, stream)
    files["net/data/weights/model.pt"] = stream.getvalue()


def expression(files):
    name = "net/models/model.json"
    text = files[name].decode()
    evil = "__import__('builtins').exit()"
    size = json.dumps({"as_expr": {"expr_str": evil, "hint": None}})
    files[name] = text.replace('{"as_int": 6}', size, 1).encode()


def other_target(files):
    name = "net/models/model.json"
    files[name] = files[name].replace(b"torch.ops.aten.relu.default", b"torch.hub.load")


def no_program(files):
    del files["net/models/model.json"]


def no_table(files):
    files["net/data/weights/model_weights_config.json"] = b"[1, 2"


def cut_weight(files):
    files["net/data/weights/weight_0"] = b"1234"


FAULTS = [
    (evil_sample, "holds no inputs that can be read without unpickling"),
    (evil_weight, "as a pickle, which is not opened"),
    (legacy_weights, "as a pickle, which is not opened"),
    (expression, "sizes that are free"),
    (other_target, "calls 'torch.hub.load'"),
    (no_program, "holds no program"),
    (no_table, "is damaged"),
    (cut_weight, "is no program that this torch reads"),
]


@pytest.mark.parametrize(("change", "said"), FAULTS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_hostile_or_damaged_archive_is_one_error(saved, tmp_path, change, said):
    path = changed(saved, tmp_path / "net.pt2", change)
    with pytest.raises(NetError) as caught:
        read_program(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert TRACE == []


def test_files_of_one_name_are_refused(saved, tmp_path):
    path = tmp_path / "twice.pt2"
    path.write_bytes(saved.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("net/models/model.json", b"{}")
    with pytest.raises(NetError, match="two files of one name"):
        read_program(path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_archive_is_told(tmp_path, content):
    path = tmp_path / "net.pt2"
    path.write_bytes(content)
    with pytest.raises(NetError, match=r"is no archive of torch\.export\.save"):
        read_program(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(NetError, match="no such file"):
        read_program(tmp_path / "none.pt2")
