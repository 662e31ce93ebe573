"""protonet export: a net with its weights as a file of another framework's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from protonet.cli.nets import NET, WEIGHTS
from protonet.cli.options import net_options, refuse_own_input
from protonet.cli.outputs import NewFile
from protonet.cli.talk import say
from protonet.cli.weighted import loader, refuse_own_weights
from protonet.exporting.options import AXES, OPSETS, RUNTIMES, ExportOptions
from protonet.schema.load import Readable
from protonet.selection import Selection

if TYPE_CHECKING:
    from protonet.exporting.written import Written


class BatchOption(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A number of images, or ``dynamic``."""

    name = "N|dynamic"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | str:
        text = str(value)
        if text == "dynamic" or (text.isdecimal() and int(text)):
            return text if text == "dynamic" else int(text)
        return self.fail(f"{value!r} is no batch; write it as 1 or dynamic", param, ctx)


class AxesOption(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Axes of the images, separated by commas."""

    name = ",".join(AXES)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        axes = tuple(axis.strip() for axis in str(value).split(",") if axis.strip())
        for axis in axes:
            if axis not in AXES:
                self.fail(
                    f"{axis!r} is no axis of an image; it has {' and '.join(AXES)}", param, ctx
                )
        return tuple(dict.fromkeys(axes))


@click.command()
@click.argument("net", type=NET)
@click.option("-o", "--output", required=True, type=NewFile(), help="The file to write.")
@click.option(
    "--weights", type=WEIGHTS, help="Weights for it: a.caffemodel[,b] or .h5, .safetensors, .pt."
)
@click.option("--strict", is_flag=True, help="Refuse weights that are not exactly the net's.")
@net_options
@click.option("--outputs", help="Blobs to return, separated by commas. [the net's own outputs]")
@click.option(
    "--opset", type=click.IntRange(*OPSETS), help="ONNX's operators of this version. [18]"
)
@click.option("--batch", type=BatchOption(), help="Images in a batch. [the definition's]")
@click.option("--dynamic", type=AxesOption(), default="", help="Sizes that stay free.")
@click.option("--precision", type=click.Choice(("fp32", "fp16")), default="fp32")
@click.option("--no-check", is_flag=True, help="Don't run the file to see that it is equal.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="How far outputs may differ. [1e-4, fp16 1e-2]",
)
@click.option("--for", "runtime", type=click.Choice(RUNTIMES), help="What is to load the file.")
def command(net: Readable, output: str, selection: Selection, **options: Any) -> None:
    """Write NET with its weights as ONNX, or for torch alone.

    \b
    protonet export deploy.prototxt --weights net.caffemodel -o net.onnx
    protonet export deploy.prototxt --weights net.caffemodel -o net.onnx --batch dynamic
    protonet export deploy.prototxt --weights net.caffemodel -o net.onnx --for opencv --batch 1
    protonet export deploy.prototxt --weights net.caffemodel -o net.pt2

    \b
    .onnx         one file; inputs, outputs and weights have Caffe's names
    .pt2          torch.export.load opens it
    .torchscript  torch.jit.load opens it, while torch has it

    Before an .onnx file takes its place it is run in onnxruntime, where that is installed, beside
    the net itself; where the outputs differ there is no file, but an error.
    """
    from protonet.exporting.export import export_net, suffix_of
    from protonet.exporting.source import from_definition

    refuse_own_input(net, output)
    weights = options["weights"]
    if weights is not None:
        refuse_own_weights(weights, output)
    suffix_of(output)
    names = options["outputs"]
    outputs = tuple(name.strip() for name in names.split(",")) if names else None
    chosen, selection = _options(options), replace(selection, outputs=outputs)

    def load(module: Any, fitted: Selection) -> object:
        return loader(net, weights, options["strict"], fitted)(module)

    given = from_definition(net, selection, chosen, load if weights is not None else None)
    written = export_net(given, output, chosen)
    for line in _told(written, chosen):
        say(line)
    if weights is None:
        say("warning: no --weights: the file has what the fillers made")


def _options(options: dict[str, Any]) -> ExportOptions:
    return ExportOptions.of(
        options["opset"],
        options["batch"],
        options["dynamic"],
        options["precision"],
        not options["no_check"],
        options["tolerance"],
        options["runtime"],
    )


def _told(written: Written, options: ExportOptions) -> tuple[str, str]:
    """What was written, and how it was tried."""
    ends = [", ".join(_end(*each) for each in b.items()) for b in (written.inputs, written.outputs)]
    what = f"{written.path}: {' -> '.join(ends)}; {written.size / 1e6:.1f} MB"
    what += f", {written.nodes} nodes" if written.nodes else ""
    found = written.checked
    if found is not None:
        return what, f"equal in {found.runtime}: {found.trials} trials, by {found.difference:.1e}"
    return what, f"not checked: {_why_not(options)}"


def _why_not(options: ExportOptions) -> str:
    if not options.check:
        return "--no-check"
    own = options.runtime == "opencv4"
    package = "opencv-python-headless<5" if own else "protonet[export]"
    return f'pip install "{package}" checks it'


def _end(blob: str, shape: tuple[int | str | None, ...]) -> str:
    sizes = "x".join("?" if n is None else str(n) for n in shape)
    return f"{blob} {sizes}" if shape else blob
