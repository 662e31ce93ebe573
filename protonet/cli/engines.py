"""What computes a net's forward pass: PyTorch, or onnxruntime, which is an extra."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import click

from protonet.cli.talk import say, step
from protonet.device import device_kind
from protonet.diagnostics import NetError
from protonet.exporting.options import ENGINES
from protonet.selection import Selection

if TYPE_CHECKING:
    from protonet.exporting.session import OnnxSession
    from protonet.exporting.source import Exported
    from protonet.inference.images import Maker
    from protonet.runtime.net import RunnableNet
    from protonet.schema.load import Readable
    from protonet.training.nets import Net

_HELP = "What computes: onnxruntime is faster on a CPU; auto takes it where it can."

engine_option = click.option(
    "--engine", type=click.Choice(ENGINES), default="torch", show_default=True, help=_HELP
)


def is_torch(engine: str, device: str) -> bool:
    """Whether PyTorch computes anyway: by choice, or since there is a GPU and auto was said."""
    return engine == "torch" or (engine == "auto" and device_kind(device) != "cpu")


def refuse_others(options: Mapping[str, object]) -> None:
    """Say which options of a command are PyTorch's alone, where another engine is asked for."""
    engine = options["engine"]
    if engine == "torch":
        return
    asked = {
        "--device cuda": engine == "onnxruntime" and options["device"] == "cuda",
        "--gpu": engine == "onnxruntime" and options.get("gpu") is not None,
        "--precision bf16": options.get("precision", "fp32") != "fp32",
        "--optimize": bool(options["optimize"]),
        "--compile": bool(options["through_compile"]),
    }
    for option in (name for name, is_asked in asked.items() if is_asked):
        raise click.UsageError(f"{option} is PyTorch's: leave it or --engine {engine} out")


def session_of(engine: str, make: Callable[[], Exported]) -> OnnxSession | None:
    """The session of a net, said on stderr; None where auto goes on with PyTorch, and why."""
    from protonet.exporting.session import open_session, runtime

    try:
        with step("engine"):
            found = open_session(make())
    except NetError as error:
        if engine == "onnxruntime":
            raise
        say(f"engine: torch; {error.message}")
        return None
    say(f"engine: {runtime()}, tried beside the net: equal by {found.difference:.1e}")
    return found


def image_engine(engine: str, device: str) -> Maker | None:
    """What makes the net of `protonet run`; None for PyTorch's module."""
    if is_torch(engine, device):
        return None

    def make(source: Readable, selection: Selection, weights: str) -> OnnxSession | None:
        from protonet.exporting.export import loaded_from

        return session_of(engine, lambda: loaded_from(source, selection, weights))

    return make


def test_engine(engine: str, net: Net) -> OnnxSession | None:
    """What gives the outputs of an opened net in its module's place; None for the module."""
    filed = [name for file in net.files for name in file.blobs]
    return engine_of(engine, net, [*(output.blob for output in net.outputs), *filed])


def engine_of(engine: str, net: RunnableNet, blobs: Iterable[str]) -> OnnxSession | None:
    """What gives blobs of a net that is open, but its inputs; None for its module."""
    if is_torch(engine, net.device.type):
        return None
    from protonet.exporting.source import of_net

    read = {value.blob for value in net.graph.inputs}
    outputs = [blob for blob in dict.fromkeys(blobs) if blob not in read]
    return session_of(engine, lambda: of_net(net, outputs))
