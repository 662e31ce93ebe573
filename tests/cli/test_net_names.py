"""What stands for a net: a path, a name of the zoo, stdin; and what is proposed in their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import protonet
from protonet.cli import group
from protonet.diagnostics import NetError

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
LENET = ZOO / "lenet" / "deploy.prototxt"


def run(*arguments, **options):
    return CliRunner().invoke(group, list(map(str, arguments)), **options)


TAKERS = [
    ["show"],
    ["check"],
    ["compile", "--flat"],
    ["compile", "--stage-dump", "net"],
    ["fmt"],
    ["draw"],
    ["show", "--phase", "TRAIN"],
    ["compare", "--no-time"],
    ["upgrade"],
]


@pytest.mark.parametrize("command", TAKERS, ids=" ".join)
def test_a_name_of_the_zoo_is_its_file(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named, read = run(*command, "lenet"), run(*command, LENET)
    assert named.exit_code == read.exit_code == 0
    plain = [
        text.replace(str(LENET), "lenet").replace("deploy.prototxt", "lenet")
        for text in (read.stdout, named.stdout)
    ]
    assert plain[0].split() == plain[1].split() or command[0] == "compare"
    assert named.stderr == read.stderr.replace(str(LENET), "lenet")


@pytest.mark.parametrize("command", TAKERS, ids=" ".join)
def test_stdin_stands_for_a_net(command):
    piped, read = run(*command, "-", input=LENET.read_bytes()), run(*command, LENET)
    assert piped.exit_code == 0, piped.exception
    for text in ("<stdin>", str(LENET), "from Caffe", "from deploy.prototxt"):
        assert not (text in piped.stdout and text in read.stdout)
    count = len(read.stdout.splitlines())
    assert len(piped.stdout.splitlines()) == count


def test_two_files_and_one_of_them_is_stdin():
    text = LENET.read_text().replace("num_output: 20", "num_output: 21")
    done = run("diff", LENET, "-", input=text)
    assert done.exit_code == 1
    assert "conv1" in done.stdout
    assert run("diff", "lenet", "-", input=LENET.read_text()).exit_code == 0
    done = run("diff", "-", "-", input=text)
    assert done.exit_code == 2
    assert "stdin can be read once" in done.stderr


def test_an_error_on_stdin_has_its_place():
    done = run("check", "-", input='name: "x"\nlayr { }\n')
    assert "<stdin>:2:1: error: NetParameter has no field 'layr'" in done.stdout
    done = run("show", "-", "--phase", "TRAIN", input="layer {")
    assert str(done.exception).startswith("<stdin>:1:")
    assert run("fmt", "--check", "-", input='name:"x"\n').exit_code == 1
    assert run("fmt", "--check", "-", input='name: "x"\n').exit_code == 0
    assert "no file that could be rewritten" in str(
        run("fmt", "--write", "-", input='name:"x"\n').exception
    )
    assert run("view", "-", input="").exit_code == 2


def test_a_path_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "conv1" in run("show", "lenet").stdout
    Path("lenet").write_text('input: "mine" input_shape { dim: 7 }')
    assert "1 layer " in run("show", "lenet").stdout
    (row,) = json.loads(run("compare", "--no-time", "--format", "json", "lenet").stdout)
    assert row["input"] == [1]
    Path("lenet").unlink()
    Path("lenet").mkdir()
    (Path("lenet") / "a.prototxt").write_text("")
    error = run("show", "lenet").exception
    assert "directory" in error.message
    assert error.hint == "give a file in it, such as lenet/a.prototxt"


def test_the_library_knows_the_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert protonet.emit("lenet").splitlines()[3:] == protonet.emit(LENET).splitlines()[3:]
    assert protonet.check("resnet50") == []
    assert "def forward(self, data: Tensor, label" in protonet.emit(
        "lenet/train_val", phase="TRAIN"
    )
    with pytest.raises(NetError) as caught:
        protonet.emit("resnet5")
    assert "'resnet50'" in caught.value.hint


def test_a_solver_of_the_zoo(tmp_path, monkeypatch):
    from protonet.training.plan import plan

    monkeypatch.chdir(tmp_path)
    made = plan("lenet")
    assert made.solver.max_iter == plan(str(ZOO / "lenet" / "solver.prototxt")).solver.max_iter
    assert run("check", "lenet/solver").exit_code == 0


@pytest.mark.parametrize(
    "given, hint",
    [
        ("deplyo.prototxt", "did you mean 'deploy.prototxt'?"),
        ("deploy", "did you mean 'deploy.prototxt'?"),
        ("nest/net.prototxt", "did you mean 'nets/net.prototxt'?"),
        ("nets/nett.prototxt", "did you mean 'nets/net.prototxt'?"),
        ("googlnet", "did you mean 'googlenet'?"),
        ("vgg61", "did you mean 'vgg11' or 'vgg16_1' or 'vgg16'?"),
        ("somewhere/else.prototxt", None),
        ("qqqqqq", "give a file, or a name that `protonet zoo` lists"),
    ],
)
@pytest.mark.parametrize("command", ["show", "check"])
def test_what_is_not_there_is_proposed(given, hint, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nets").mkdir()
    for name in ("deploy.prototxt", "nets/net.prototxt"):
        Path(name).write_text(LENET.read_text())
    done = run(command, given)
    said = str(done.exception) if command == "show" else done.stdout
    assert "no such file" in said
    assert ("hint: " + hint in said) if hint else "hint" not in said


def test_other_files_are_proposed_as_well(tmp_path):
    (tmp_path / "lenet.caffemodel").write_bytes(b"")
    done = run("run", LENET, "--weights", tmp_path / "lenet.cafemodel", "--image", "x.png")
    assert done.exception.hint == f"did you mean '{tmp_path / 'lenet.caffemodel'}'?"


def test_what_is_no_image_proposes_what_is_near(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "one.png").write_bytes(b"")
    done = run("run", LENET, "--image", tmp_path / "cats" / "on.png")
    assert done.exception.hint == f"did you mean '{tmp_path / 'cats' / 'one.png'}'?"
    done = run("run", LENET, "--image", tmp_path)
    assert done.exception.hint == f"the folders in it hold some: {tmp_path / 'cats'}"


def test_a_blob_that_is_near_no_other_is_answered_with_them_all():
    done = run("compile", LENET, "--outputs", "qqqq")
    known = "data, conv1, pool1, conv2, pool2, ip1, ip2, prob"
    assert done.exception.hint == f"its blobs are {known}"
    done = run("compile", "resnet50", "--outputs", "qqqq")
    assert done.exception.hint.startswith("its blobs are data, conv1, ")
    assert done.exception.hint.endswith(", ..., prob")


@pytest.mark.parametrize(
    "word, hint",
    [
        ("pooling", "did you mean 'Pooling'?"),
        ("conv", "did you mean 'Convolution' or"),
        ("entropy", "'SigmoidCrossEntropyLoss'"),
        ("anchors", "'anchors' is spoken of by FrcnnAnchorTarget"),
        ("qqqqqq", "`protonet layers` lists them"),
    ],
)
def test_layer_types_are_proposed(word, hint):
    assert hint in run("layers", word).exception.hint
