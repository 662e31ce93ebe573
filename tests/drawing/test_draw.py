"""draw in every format: what it says, hostile names, the same bytes each time, no torch."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from nets import HOSTILE, SIAMESE, ZOO, hostile, resnet152
from one_process import run

import protonet
from protonet.diagnostics import NetError
from protonet.drawing.figure import LABEL, Figure, Wire
from protonet.drawing.kinds import KINDS
from protonet.drawing.raster import raster
from protonet.layers import REGISTRY

LENET = ZOO / "lenet" / "deploy.prototxt"
SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "title", "style", "rect", "text", "g", "path"}


def texts(svg):
    return ["".join(e.itertext()) for e in ET.fromstring(svg).iter(f"{SVG}text")]


def test_an_svg_says_what_the_net_does():
    said = texts(protonet.draw(LENET).svg)
    for words in ("LeNet", "conv1", "Convolution 5×5, 20", "20×24×24", "InnerProduct, 500"):
        assert words in said
    assert "20×24×24" not in texts(protonet.draw(LENET, show_shapes=False).svg)


def test_a_narrow_net_is_in_the_middle_below_its_words():
    drawn = ET.fromstring(protonet.draw(LENET).svg)
    middle = float(drawn.get("width")) / 2
    bodies = [r for r in drawn.iter(f"{SVG}rect") if r.get("class") == "body"]
    assert len(bodies) == 8
    for body in bodies:
        x = float(body.get("x")) + float(body.get("width")) / 2
        assert x == pytest.approx(middle, abs=1)


def test_resnet152_fits_on_a_page_and_says_36():
    said = texts(protonet.draw(resnet152()).svg)
    assert "× 36" in said
    assert "res4b{0…35}_branch2a" in said
    assert "first with a projection" in said


def test_shared_weights_and_losses_are_seen():
    drawing = protonet.draw(SIAMESE, phase="TRAIN")
    assert texts(drawing.svg).count("shares w, v") == 2
    assert 'class="share"' in drawing.svg
    assert "k-loss" in drawing.svg


def test_hostile_names_are_text():
    drawing = protonet.draw(hostile())
    root = ET.fromstring(drawing.svg)
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= ALLOWED
    assert not any(
        name.startswith("on") or "href" in name for e in root.iter() for name in e.attrib
    )
    said = texts(drawing.svg)
    assert "<script>alert(1)</script>" in said
    assert "漢字かな" in said
    assert not any("\u202e" in text or "\n" in text for text in said)
    assert max(map(len, said)) < 100
    assert root.find(f"{SVG}title").text == "</title><script>alert(2)</script>"


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed")
def test_hostile_names_are_text_for_graphviz():
    text = protonet.draw(hostile()).dot
    done = subprocess.run(
        ["dot", "-Tplain"], input=text, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    nodes = [line for line in done.stdout.splitlines() if line.startswith("node")]
    assert len(nodes) == len(HOSTILE) + 1
    shown = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True)
    said = texts(shown.stdout)
    assert "<script>alert(1)</script>" in said
    assert "a\"b'c&amp;<b>" in said
    assert '\\N \\l "];}' in said


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_pictures_for_papers(kind, tmp_path):
    pytest.importorskip("matplotlib")
    first, second = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    # Few machines have a font with Han letters; the names are escaped in the text.
    han = json.dumps("漢字かな")[1:-1]
    assert han in hostile()
    source = hostile().replace(han, "Ελλάς") if kind == "png" else SIAMESE
    protonet.draw(source).save(first)
    protonet.draw(source).save(second)
    assert first.read_bytes() == second.read_bytes()
    if kind == "pdf":
        assert first.read_bytes().startswith(b"%PDF-")
        return
    from matplotlib.image import imread

    pixels = imread(first)
    assert pixels.shape[0] > 800
    assert len({tuple(row) for row in pixels[::7, ::7, :3].reshape(-1, 3).round(2).tolist()}) > 5


def test_a_wire_leaves_the_letters_of_a_shape_free():
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    def ink(*wires):
        figure = Figure("", "", across=False, width=120, height=60, wires=list(wires))
        pixels = imread(io.BytesIO(raster(figure, "png")))
        return pixels[..., :3].mean(axis=2) < 0.7

    shape = Wire(((40, 10), (40, 10)), "512×38×38")  # its letters' middle is at a height of 20
    across = Wire(((5, 20), (115, 20)), dashed=True)
    letters, line, both = ink(shape), ink(across), ink(across, shape)
    between = line & ~letters & letters.any(axis=0)
    assert between.sum() > 20
    assert (both & between).sum() < between.sum() / 2  # what is left is in the widest gaps
    assert not (letters & ~both).any()


def test_the_bytes_are_the_same_in_every_process():
    found = set()
    for seed in ("0", "7"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        net = str(ZOO / "googlenet" / "deploy.prototxt")
        command = [sys.executable, "-m", "protonet", "draw", net]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1


@pytest.mark.parametrize("kind", ["svg", "dot", "png"])
def test_draw_needs_no_torch(kind, tmp_path):
    code = (
        "import sys\nfrom protonet.cli import group\n"
        f"group(['draw', {str(LENET)!r}, '-o', {str(tmp_path / 'net')!r} + '.{kind}'], "
        "standalone_mode=False)\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert (tmp_path / f"net.{kind}").stat().st_size > 500


def test_a_wrong_suffix_is_a_wrong_command(tmp_path):
    done = run("draw", LENET, "-o", tmp_path / "net.svgg")
    assert done.returncode == 2
    assert "a drawing ends in .svg" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_broken_net_draws_nothing(tmp_path):
    bad = tmp_path / "bad.prototxt"
    bad.write_text('layer { name: "a" type: "RelU" bottom: "x" top: "a" }\n')
    done = run("draw", bad, "-o", tmp_path / "net.svg")
    assert done.returncode == 1
    assert "did you mean 'ReLU'" in done.stderr
    assert list(tmp_path.iterdir()) == [bad]


def test_a_letter_that_no_font_has_is_an_error():
    pytest.importorskip("matplotlib")
    text = LENET.read_text().replace('"conv1"', '"\U000130b8"')
    with pytest.raises(NetError, match="no font here has the letter"):
        protonet.draw(text).content("png")


def test_a_png_without_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NetError) as raised:
        protonet.draw(LENET).content("png")
    assert 'pip install "protonet[draw]"' in raised.value.hint


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed")
def test_graphviz_lays_out_the_same_cards():
    pytest.importorskip("graphviz")
    net = ZOO / "googlenet" / "deploy.prototxt"
    own, other = (protonet.draw(net, layout=name).svg for name in ("own", "graphviz"))
    assert sorted(texts(own)) == sorted(texts(other))
    assert own.count('class="wire"') == other.count('class="wire"')


def test_a_net_shows_itself_in_a_notebook():
    net = protonet.compile(LENET)
    assert "Convolution 5×5, 20" in texts(net._repr_svg_())
    assert pickle.loads(pickle.dumps(net))._repr_svg_() == net._repr_svg_()
    training = protonet.compile(SIAMESE, phase="TRAIN")
    assert "ContrastiveLoss, weight 0.5" in texts(training._repr_svg_())
    assert "Convolution 5×5, 20" in texts(protonet.draw(LENET)._repr_svg_())


def test_graphviz_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NetError, match="Graphviz is not installed"):
        _ = protonet.draw(LENET, layout="graphviz").svg


def test_words_are_as_wide_as_their_card():
    svg = protonet.draw(ZOO / "resnet50" / "deploy.prototxt").svg
    assert re.search(r'class="title" x="[\d.]+" y="[\d.]+">res4', svg)


@pytest.mark.parametrize("command", [("draw", "-o"), ("view", "--export")])
def test_a_net_is_not_lost_to_its_own_picture(command, tmp_path):
    path = tmp_path / "net.svg"
    shutil.copy(LENET, path)
    done = run(command[0], path, command[1], path)
    assert done.returncode == 1
    assert "is the net itself; it would be lost" in done.stderr
    assert path.read_bytes() == LENET.read_bytes()


def test_draw_starts_without_numpy():
    code = "import sys, protonet; protonet.draw(sys.argv[1]).svg; print('numpy' in sys.modules)"
    command = [sys.executable, "-c", code, str(ZOO / "googlenet" / "deploy.prototxt")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_readmes_picture_is_what_draw_makes():
    picture = ZOO.parent / "docs" / "lenet.svg"
    net = protonet.draw(ZOO / "lenet" / "deploy.prototxt", direction="LR")
    assert picture.read_text(encoding="utf-8") == net.svg


def test_shapes_between_two_wires_have_room():
    drawn = protonet.draw(ZOO / "googlenet" / "train_val.prototxt", phase="TRAIN").svg
    found = {e.text: e for e in ET.fromstring(drawn).iter(f"{SVG}text")}
    image, label = found["3×224×224"], found["32"]
    assert (image.get("class"), label.get("class")) == ("shape", "shape left")
    assert image.get("y") == label.get("y")
    # Helvetica's digits are 0.556 of the letters' size wide, its × 0.584.
    ends = float(image.get("x")) + LABEL * (7 * 0.556 + 2 * 0.584)
    begins = float(label.get("x")) - LABEL * 2 * 0.556
    assert begins - ends > 3


def test_cards_from_left_to_right_are_no_wider_than_their_words():
    def width(direction):
        drawn = ET.fromstring(protonet.draw(SIAMESE, phase="TRAIN", direction=direction).svg)
        cards = [g for g in drawn.iter(f"{SVG}g") if "Slice" in "".join(g.itertext())]
        return float(cards[0].find(f"{SVG}rect").get("width"))

    assert width("LR") < width("TB")  # where both shapes stand below


def test_every_layer_s_kind_has_a_colour():
    assert {cls.kind for cls in REGISTRY.values()} <= {"", *KINDS}
