"""How images are prepared: stated once, written into both files, used by run."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import protonet
from protonet.api import read
from protonet.cli import group
from protonet.data.stated import stated_preparation, states_preparation
from protonet.diagnostics import NetError
from protonet.preparation import Preparation, as_json, from_json
from protonet.program.preprocess import functions
from protonet.schema.blobs import write_binaryproto

cv2 = pytest.importorskip("cv2")

BODY = """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "msra" } } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
        inner_product_param { num_output: 7 weight_filler { type: "xavier" } } }
"""
PROB = 'layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }\n'
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }\n'
DATA = """
layer { name: "db" type: "Data" top: "data" top: "label" include { phase: %s }
        transform_param { crop_size: 12 scale: 0.5 mean_value: 10 mean_value: 20 mean_value: 30 }
        data_param { source: "nowhere" batch_size: 3 } }
"""


def deploy(channels=3):
    sizes = "".join(f"dim: {n} " for n in (1, channels, 12, 12))
    return f'name: "Small" input: "data" input_shape {{ {sizes}}}\n{BODY}{PROB}'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(deploy())
    torch.manual_seed(0)
    net = protonet.compile("net.prototxt")
    protonet.save(net, "net.caffemodel")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    cv2.imwrite("i.png", cv2.GaussianBlur(pixels, (0, 0), 3))
    return net


def run(*arguments):
    done = CliRunner().invoke(group, list(arguments))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def scores(*arguments):
    done = run("run", *arguments, "--top", "7")
    found = re.findall(r"([\d.]+)  class (\d)", done.stdout)
    return np.array([float(score) for score, _ in sorted(found, key=lambda pair: pair[1])])


def imported(path):
    spec = importlib.util.spec_from_file_location(f"written_{path.stem}_{id(path)}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OPTIONS = {
    "to the size": ["--mean", "104,117,123"],
    "a centre": ["--mean", "104,117,123", "--resize", "20x16", "--scale", "0.017", "--rgb"],
    "a short side": ["--mean", "0.5,0.4,0.3", "--raw-scale", "1", "--short-side", "17"],
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_told_once_it_is_used_everywhere(options):
    run("compile", "net.prototxt", "--weights", "net.caffemodel", "-o", "net.py", *options)
    stated = scores("net.prototxt", "i.png", "--weights", "net.caffemodel", *options)
    kept = scores("net.prototxt", "i.png", "--weights", "net.safetensors")
    np.testing.assert_array_equal(stated, kept)
    np.testing.assert_array_equal(scores("net.safetensors", "i.png"), kept)
    module = imported(Path("net.py").absolute())
    image = cv2.imread("i.png")[..., ::-1]
    with torch.no_grad():
        given = module.load()(module.preprocess(image))[0].numpy()
    # torch resizes in single precision where OpenCV has eleven bits: a level of 255 apart at most.
    np.testing.assert_allclose(given, kept, atol=0.02)
    np.testing.assert_array_equal(
        module.preprocess(torch.from_numpy(image.copy())), module.preprocess(image)
    )


@pytest.mark.usefixtures("folder")
def test_options_come_before_what_is_kept():
    told = ["--mean", "104,117,123", "--resize", "20", "--rgb"]
    run("compile", "net.prototxt", "--weights", "net.caffemodel", "-o", "net.py", *told)
    kept = ["i.png", "--weights", "net.safetensors"]
    other = ["--mean", "1,2,3", "--short-side", "14", "--bgr", "--scale", "0.1"]
    given = scores("net.prototxt", *kept, *other)
    plain = scores("net.prototxt", "i.png", "--weights", "net.caffemodel", *other)
    np.testing.assert_array_equal(given, plain)
    without = scores("net.prototxt", *kept, "--mean", "0", "--resize", "12", "--bgr")
    bare = scores("net.prototxt", "i.png", "--weights", "net.caffemodel")
    np.testing.assert_array_equal(without, bare)


def within_a_level(given, wanted, scale):
    """OpenCV rounds bytes twice as it resizes: on noise an eighth is a level away from torch."""
    apart = np.abs(given - wanted) / scale
    assert apart.max() <= 1.01
    assert (apart > 0.01).mean() < 0.2


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["size", "resize", "short"])
def test_the_function_prepares_as_opencv_does(channels, kind):
    mean = np.linspace(3, 90, channels).astype(np.float32)
    sizes = {"size": {}, "resize": {"resize": (21, 18)}, "short": {"short_side": 19}}
    facts = Preparation(channels, 12, 14, mean=mean, scale=0.25, rgb=True, **sizes[kind])
    scope = {"np": np, "torch": torch, "F": torch.nn.functional}
    for lines in functions(facts):
        exec("\n".join(lines), scope)
    pixels = np.random.default_rng(1).integers(0, 256, (41, 50, 3), dtype=np.uint8)
    image = pixels if channels == 3 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    tall, broad = {"size": (12, 14), "resize": (21, 18), "short": (19, 23)}[kind]
    wanted = cv2.resize(image, (broad, tall)).reshape(tall, broad, channels)
    wanted = wanted[:, 2:21] if kind == "short" else wanted
    top, left = (len(wanted) - 12) // 2, (wanted.shape[1] - 14) // 2
    wanted = (wanted[top : top + 12, left : left + 14] - mean) * 0.25
    given = scope["preprocess"](pixels).numpy()
    assert given.shape == (1, channels, 12, 14)
    within_a_level(given[0], wanted.transpose(2, 0, 1), 0.25)
    if channels == 1:
        np.testing.assert_array_equal(scope["preprocess"](image).numpy(), given)


@pytest.mark.usefixtures("folder")
def test_the_function_refuses_what_is_no_image():
    run("compile", "net.prototxt", "-o", "net.py", "--mean", "1,2,3")
    preprocess = imported(Path("net.py").absolute()).preprocess
    for wrong in (np.zeros((5, 5, 3)), np.zeros((5, 5), np.uint8), np.zeros((3, 5, 5), np.uint8)):
        with pytest.raises(ValueError, match=r"\(h, w, 3\) of torch.uint8"):
            preprocess(wrong)


def test_a_mean_image_lies_where_the_crop_lay(folder):
    mean = np.random.default_rng(2).uniform(0, 255, (1, 3, 20, 16)).astype(np.float32)
    write_binaryproto("mean.binaryproto", mean)
    told = ["--mean", "mean.binaryproto", "--resize", "20x16"]
    run("compile", "net.prototxt", "--weights", "net.caffemodel", "-o", "net.py", *told)
    module = imported(Path("net.py").absolute())
    np.testing.assert_array_equal(module.mean_image().numpy(), mean[0])
    image = cv2.imread("i.png")
    wanted = (cv2.resize(image, (16, 20)) - mean[0].transpose(1, 2, 0))[4:16, 2:14]
    given = module.preprocess(image[..., ::-1])[0].numpy()
    within_a_level(given, wanted.transpose(2, 0, 1), 1)
    with torch.no_grad():
        expected = folder(torch.from_numpy(wanted.transpose(2, 0, 1)[None].copy()))[0].numpy()
    kept = scores("net.prototxt", "i.png", "--weights", "net.safetensors")
    np.testing.assert_allclose(kept, expected, atol=6e-5)
    with pytest.raises(NetError, match="a mean image is kept in the file with the weights"):
        run("compile", "net.prototxt", "-o", "other.py", *told)


@pytest.mark.usefixtures("folder")
def test_a_data_layer_says_it():
    Path("train_val.prototxt").write_text(DATA % "TEST" + BODY + LOSS)
    done = run("run", "train_val.prototxt", "i.png", "--weights", "net.caffemodel")
    assert "less the mean 10, 20, 30, times 0.5 (layer 'db' of train_val.prototxt)" in done.stderr
    assert "the blob 'fc'" in done.stderr
    shown = [float(line.split()[0]) for line in done.stdout.splitlines()[1:]]
    image = (cv2.resize(cv2.imread("i.png"), (12, 12)) - np.array([10, 20, 30])) * 0.5
    planes = torch.from_numpy(image.transpose(2, 0, 1)[None]).float()
    fc = protonet.compile("net.prototxt", outputs=["fc"], weights="net.caffemodel")
    with torch.no_grad():
        wanted = fc(planes)["fc"][0].sort(descending=True).values[:5].numpy()
    np.testing.assert_allclose(shown, wanted, rtol=1e-4, atol=1e-4)
    run("compile", "train_val.prototxt", "--weights", "net.caffemodel", "-o", "t.py")
    module = imported(Path("t.py").absolute())
    within_a_level(module.preprocess(cv2.imread("i.png")[..., ::-1]).numpy(), planes.numpy(), 0.5)


@pytest.mark.usefixtures("folder")
def test_a_caffemodel_holds_the_data_layer_of_its_training():
    """What Caffe saves is the training net: its transform_param and its mean."""
    Path("train.prototxt").write_text(DATA % "TRAIN" + BODY + LOSS)
    trained = protonet.compile("train.prototxt", phase="TRAIN", weights="net.caffemodel")
    protonet.save(trained, "trained.caffemodel")
    done = run("run", "net.prototxt", "i.png", "--weights", "trained.caffemodel")
    assert "less the mean 10, 20, 30, times 0.5 (layer 'db' of trained.caffemodel)" in done.stderr
    alone = run("run", "trained.caffemodel", "i.png", "--top", "1").stdout
    assert alone.splitlines()[1].split()[-1] == done.stdout.splitlines()[1].split()[-1]


@pytest.mark.usefixtures("folder")
def test_a_mean_that_is_not_there_is_no_silence():
    stated = re.sub("mean_value.* }", 'mean_file: "gone.binaryproto" }', DATA % "TEST")
    Path("train_val.prototxt").write_text(stated + BODY + LOSS)
    arguments = ("run", "train_val.prototxt", "i.png", "--weights", "net.caffemodel")
    with pytest.raises(NetError, match=r"takes away the mean of gone\.binaryproto, which"):
        run(*arguments)
    assert "less the mean 1, 2, 3, times 0.5" in run(*arguments, "--mean", "1,2,3").stderr
    done = run("compile", "train_val.prototxt", "-o", "t.py")
    assert "warning: preprocess is not written: layer 'db' takes away the mean" in done.stderr
    assert "preprocess" not in Path("t.py").read_text()


@pytest.mark.usefixtures("folder")
def test_it_is_not_written_where_nothing_is_known():
    run("compile", "net.prototxt", "--weights", "net.caffemodel", "-o", "net.py")
    assert "preprocess" not in Path("net.py").read_text()
    with safe_open("net.safetensors", "np") as file:
        assert "preparation" not in file.metadata()
    told = run("run", "net.prototxt", "i.png", "--weights", "net.safetensors").stderr
    assert "no mean taken away; --mean, --scale and --rgb change that" in told


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("damage", [
    {"mean": [1, 2]}, {"scale": "x"}, {"height": 0}, {"height": True}, {"resize": [3]},
    {"resize": [4, 99]}, {"mean": "image"}, {"other": 1}, {"scale": float("nan")}, {"rgb": 1},
], ids=str)  # fmt: skip
def test_damage_is_told(damage):
    run("compile", "net.prototxt", "--weights", "net.caffemodel", "-o", "net.py", "--scale", "2")
    with safe_open("net.safetensors", "np") as file:
        metadata = file.metadata()
    facts = {**json.loads(metadata["preparation"]), **damage}
    tensors = load_file("net.safetensors")
    save_file(tensors, "net.safetensors", {**metadata, "preparation": json.dumps(facts)})
    with pytest.raises(NetError, match=r"net\.safetensors does not tell rightly how images"):
        run("run", "net.prototxt", "i.png", "--weights", "net.safetensors")


def test_facts_come_back():
    image = np.arange(3 * 20 * 21, dtype=np.float32).reshape(3, 20, 21)
    for facts in (
        Preparation(3, 12, 13),
        Preparation(1, 12, 13, short_side=15, mean=np.array([0.1], np.float32), scale=1 / 256),
        Preparation(3, 12, 13, (20, 21), mean=image, raw_scale=1.0, rgb=True),
    ):
        back = from_json(as_json(facts), None if facts.mean_image is None else image.reshape(-1))
        assert as_json(back) == as_json(facts)
        np.testing.assert_array_equal(back.mean, facts.mean)


def layer_of(text):
    (layer,) = read(f'layer {{ name: "d" top: "data" top: "label" {text} }}').message.layer
    return layer


MEAN_FILE = 'transform_param { crop_size: 12 mean_file: "m.binaryproto" }'
LARGER = 'type: "ImageData" image_data_param { new_height: 30 new_width: 40 }'
AS_LARGE = 'type: "ImageData" image_data_param { new_height: 12 new_width: 12 }'


@pytest.mark.parametrize(("text", "frame", "mean"), [
    (f'type: "Data" {MEAN_FILE}', (20, 16), (3, 20, 16)),
    ('type: "Data" transform_param { crop_size: 12 mean_value: 9 }', (12, 12), (3,)),
    (f"{LARGER} {MEAN_FILE}", (30, 40), (3,)),
    (f"{AS_LARGE} transform_param {{ scale: 0.5 }}", (12, 12), None),
])  # fmt: skip
def test_what_is_cut_out_is_cut_out_of_what_is_stated(tmp_path, text, frame, mean):
    write_binaryproto(tmp_path / "m.binaryproto", np.ones((1, 3, 20, 16), np.float32))
    layer = layer_of(text)
    assert states_preparation(layer)
    made = stated_preparation(layer, Preparation(3, 12, 12), str(tmp_path))
    assert made.frame == frame
    assert (None if made.mean is None else made.mean.shape) == mean
    assert not states_preparation(layer_of('type: "Data" transform_param { mirror: true }'))
