"""protonet upgrade: what Caffe's own tools write, of texts and of binary files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from google.protobuf import text_format

from protonet.cli import group
from protonet.diagnostics import NetError
from protonet.schema.pool import message, message_class

FOLDER = Path(__file__).parents[1] / "golden" / "upgrade"
CASES = sorted(
    p.name.removesuffix(".upgraded.prototxt") for p in FOLDER.glob("*.upgraded.prototxt")
)


def run(*arguments):
    result = CliRunner().invoke(group, ["upgrade", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def parsed(path, kind="NetParameter"):
    net = message(kind)
    text_format.Parse(Path(path).read_text(), net)
    return net


@pytest.mark.parametrize("case", CASES)
def test_a_text_becomes_what_caffes_tool_writes(case, tmp_path):
    target = tmp_path / "new.prototxt"
    done = run(FOLDER / f"{case}.prototxt", "-o", target)
    assert parsed(target) == parsed(FOLDER / f"{case}.upgraded.prototxt")
    assert done.stderr.startswith("upgraded: ")
    again = run(target)
    assert "in today's form already" in again.stderr
    text = message("NetParameter")
    assert text_format.Parse(again.stdout, text) == parsed(target)


def test_a_binary_file_keeps_its_numbers(tmp_path):
    target = tmp_path / "new.caffemodel"
    done = run(FOLDER / "v1_binary.caffemodel", "-o", target)
    assert done.stderr == "upgraded: V1 layers\n"
    old, new = message_class("NetParameter")(), message_class("NetParameter")()
    old.ParseFromString((FOLDER / "v1_binary.caffemodel").read_bytes())
    new.ParseFromString(target.read_bytes())
    assert not len(new.layers)
    assert not len(new.input)
    with np.load(FOLDER / "v1_binary.npz") as file:
        arrays = dict(file)
    kept = {layer.name: layer.blobs for layer in new.layer if len(layer.blobs)}
    assert {layer.name for layer in old.layers if len(layer.blobs)} == set(kept)
    for key, right in arrays.items():
        layer, index = key.rsplit("/", 1)
        blob = kept[layer.removeprefix("param/")][int(index)]
        values = np.array(blob.data, np.float32)
        np.testing.assert_array_equal(values, right.ravel())
    definition = tmp_path / "new.prototxt"
    run(target, "-o", definition)
    for layer in new.layer:
        layer.ClearField("blobs")
    assert parsed(definition) == new


def test_a_solver_gets_its_type_as_a_name(tmp_path):
    old = tmp_path / "solver.prototxt"
    old.write_text('net: "n.prototxt" base_lr: 0.1 solver_type: ADAGRAD\n')
    done = run(old)
    assert 'type: "AdaGrad"' in done.stdout
    assert "solver_type" not in done.stdout
    assert done.stderr == "upgraded: solver_type\n"


def test_data_transformations_move(tmp_path):
    old = tmp_path / "old.prototxt"
    old.write_text(
        'layers { name: "d" type: IMAGE_DATA top: "x" top: "y" image_data_param { '
        'source: "list" batch_size: 2 scale: 0.5 crop_size: 3 mirror: true mean_file: "m" } }'
    )
    done = run(old)
    (layer,) = text_format.Parse(done.stdout, message("NetParameter")).layer
    moved = layer.transform_param
    assert (moved.scale, moved.crop_size, moved.mirror, moved.mean_file) == (0.5, 3, True, "m")
    assert "image_data_param.crop_size" in done.stderr


def test_what_can_not_be_upgraded_is_told(tmp_path):
    whole = FOLDER / "v1_binary.caffemodel"
    assert run(whole).exit_code == 2
    broken, target = tmp_path / "broken.caffemodel", tmp_path / "out.caffemodel"
    broken.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(NetError, match=r"broken.caffemodel is damaged|broken.caffemodel is no"):
        run(broken, "-o", target)
    with pytest.raises(NetError, match="has no weights"):
        run(FOLDER / f"{CASES[0]}.prototxt", "-o", target)
    with pytest.raises(NetError, match="can't be read"):
        run(tmp_path / "none.prototxt")
    page = tmp_path / "page.caffemodel"
    shutil.copy(FOLDER / f"{CASES[0]}.prototxt", page)
    for text, what in (
        ("<!DOCTYPE html><html></html>", "an HTML page"),
        ("version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        ("", "an empty file"),
    ):
        page.write_text(text)
        with pytest.raises(NetError, match=f"page.caffemodel is {what}"):
            run(page, "-o", target)
    assert not target.exists()
    solver = tmp_path / "solver.prototxt"
    solver.write_text('type: "SGD"\nsolver_type: ADAM\n')
    with pytest.raises(NetError, match="both solver_type and type") as error:
        run(solver)
    assert error.value.span is not None
    assert error.value.span.line == 2


GBK = "\u6570\u636e\u8bef".encode("gbk")


def test_strings_of_another_encoding_keep_their_bytes(tmp_path):
    """As raw bytes, and as the escapes that Caffe's own tool writes for them."""
    escaped = b"".join(b"\\%03o" % byte for byte in GBK)
    for number, name in enumerate((GBK, escaped)):
        path, target = tmp_path / f"{number}.prototxt", tmp_path / f"{number}.new"
        path.write_bytes(
            b'input: "x" input_dim: [1, 1, 2, 2] layers { type: RELU bottom: "x" top: "y" name: "'
            + name
            + '" } # \u6570\n'.encode()
        )
        run(path, "-o", target)
        assert b'name: "' + GBK + b'"' in target.read_bytes()
        assert run(target).stdout_bytes == target.read_bytes()


@pytest.mark.parametrize("form", ["layers", "layer"])
def test_a_binary_file_keeps_names_of_another_encoding(tmp_path, form):
    net = message("NetParameter")
    layer = getattr(net, form).add(name="name__", top=["name__"])
    layer.type = {"layers": 14, "layer": "InnerProduct"}[form]
    layer.inner_product_param.num_output = 2
    layer.blobs.add(num=1, channels=1, height=1, width=2, data=[1, 2])
    path = tmp_path / "old.caffemodel"
    path.write_bytes(net.SerializeToString().replace(b"name__", GBK))
    run(path, "-o", tmp_path / "new.caffemodel")
    written = message_class("NetParameter").FromString((tmp_path / "new.caffemodel").read_bytes())
    assert (tmp_path / "new.caffemodel").read_bytes().count(GBK) == 2
    assert list(written.layer[0].blobs[0].data) == [1, 2]
    run(path, "-o", tmp_path / "new.prototxt")
    assert (tmp_path / "new.prototxt").read_bytes().count(b'"' + GBK + b'"') == 2
    with pytest.raises(NetError, match=r"the layers' names are not in UTF-8"):
        converted(path, tmp_path / "new.h5")


def converted(path, target):
    done = CliRunner().invoke(group, ["convert", str(path), "-o", str(target)])
    raise done.exception
