"""The command: one file a subcommand, imported when it is called."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import warnings
from typing import Any

import click
from click.shell_completion import CompletionItem

from protonet.cli.talk import talk, talking, tell_times
from protonet.diagnostics import DeviceLost, NetError, NetWarning, lacks_memory
from protonet.plain import plain

_COMMANDS = {
    "compile": "Compile a net into a PyTorch file, or run it.",
    "check": "List every problem of nets and solvers, each with its place.",
    "fmt": "Write prototxt in canonical form, comments kept.",
    "run": "Run a net with its weights on images: classes, boxes, segments, features.",
    "upgrade": "Write an old net, solver or .caffemodel in today's form.",
    "show": "Print layers, shapes, parameters and multiply-adds.",
    "draw": "Draw a net as .svg, .png, .pdf, .html or .dot.",
    "diff": "Tell what changed from one net to another.",
    "view": "Show a net in the browser, with an editor beside it.",
    "data": "Make databases and mean files for data layers, and look at them.",
    "weights": "List what is in a file with weights, and what of it fits a net.",
    "export": "Write a net with its weights as ONNX, or for torch alone.",
    "lift": "Write a PyTorch module as Caffe's prototxt and caffemodel.",
    "convert": "Convert weights between Caffe's files and PyTorch's.",
    "layers": "List the layer types, or explain one.",
    "zoo": "List the classic nets, show or copy one.",
    "compare": "Put nets side by side: parameters, multiply-adds, memory, depth, time.",
    "finetune": "Train a net to tell the class folders of your images apart.",
    "train": "Train as a solver says, with snapshots and logs.",
    "test": "Run a net over its test data and average its outputs.",
    "time": "Time a net layer by layer, forward and backward.",
    "python": "Run a script written for Caffe's Python interface.",
    "plot": "Draw the loss, accuracy and rate of training logs.",
    "completion": "Print the script by which a shell completes all of this.",
}


_WARNED: set[str] = set()


class _Commands(click.Group):
    """Subcommands that are imported when they are called, so that --help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        from protonet.cli.nets import definable  # the schema with it, which --help needs not

        module = importlib.import_module(f"protonet.cli.{cmd_name}")
        command: click.Command = module.command
        return talking(definable(command))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; -v tells what it took, whatever it ends with but an error."""
        try:
            result = super().invoke(ctx)
        except click.exceptions.Exit:
            tell_times()
            raise
        tell_times()
        return result

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, none of them imported for it, and the options."""
        names = (name for name in _COMMANDS if name.startswith(incomplete))
        found = [CompletionItem(name, help=_COMMANDS[name]) for name in names]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = not args or args[0] in _COMMANDS or args[0].startswith("-")
        if not known and not ctx.resilient_parsing:
            from protonet.diagnostics import did_you_mean

            hint = did_you_mean(args[0], _COMMANDS) or f"the commands are {', '.join(_COMMANDS)}"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="protonet")
@click.pass_context
def group(context: click.Context) -> None:
    """Compile Caffe network definitions into PyTorch.

    \b
    protonet compile net.prototxt -o net.py    the net as a PyTorch file of its own
    protonet check net.prototxt                what is wrong with it, and where
    protonet COMMAND --help                    more on one command

    A net is a file, the name of a classic one that `protonet zoo` lists, or - for stdin.
    """
    if context.invoked_subcommand is None:
        from protonet.cli.next_steps import next_steps

        click.echo(next_steps())


talking(group)


def _warn_once(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_more: Any
) -> None:
    """A warning as a line of its own, the first time that it is given."""
    if issubclass(category, NetWarning):
        if str(message) not in _WARNED and not talk().quiet:
            print(f"warning: {plain(str(message))}", file=sys.stderr)
        _WARNED.add(str(message))
    else:
        print(warnings.formatwarning(message, category, filename, lineno), end="", file=sys.stderr)


def _unwind(number: int, _frame: Any) -> None:
    """End as an exception does, so that what is half written is taken away."""
    signal.signal(number, signal.SIG_DFL)
    raise SystemExit(128 + number)


def _take_signals() -> None:
    for name in ("SIGTERM", "SIGHUP"):  # Windows lacks the second
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _unwind)


def main() -> None:
    """Run the command; a user's mistake is one clear error and exit code 1."""
    _take_signals()
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # what it can't decode is an error of ours
    warnings.simplefilter("always", NetWarning)
    warnings.showwarning = _warn_once  # type: ignore[assignment]
    try:
        code = group.main(standalone_mode=False, prog_name="protonet")
        sys.stdout.flush()
    except click.UsageError as error:
        error.show()
        code = 2
    except click.Abort:
        print("protonet: interrupted", file=sys.stderr)
        code = 130
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except DeviceLost as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(1)  # an ordinary end would let go of the GPU, and be aborted there
    except NetError as error:
        print(error, file=sys.stderr)
        code = 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except OSError as error:
        name = f"{plain(str(error.filename))}: " if error.filename else ""
        print(f"{name}error: {error.strerror or plain(str(error))}", file=sys.stderr)
        code = 1
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        print("error: there is not enough memory for this net", file=sys.stderr)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
