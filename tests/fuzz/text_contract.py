"""The contract: whatever a text is, every command ends in success or in errors with a place."""

from __future__ import annotations

import signal
import traceback
from contextlib import contextmanager

import protonet
from protonet import NetError, Source
from protonet.api import graph, read
from protonet.cli.report import FORMATS
from protonet.drawing import draw
from protonet.graph.cost import costs
from protonet.schema.load import load, load_any
from protonet.schema.unbind import to_text
from protonet.schema.upgrade import upgrade_solver
from protonet.text.format import format_text
from protonet.text.parse import parse

SECONDS = 10  # of the process's own time, for a text of some kilobytes


class TooLong(BaseException):
    """A command that did not end in time; no Exception, so that nothing takes it for its own."""


def check(source):
    problems = protonet.check(source)
    assert all(isinstance(p, NetError) and str(p) for p in problems)
    assert all(p.span for p in problems), "a problem without a place"
    return not problems


def fmt(source):
    loaded = load_any(source)
    assert all(e.span and str(e) for e in loaded.errors)
    format_text(parse(loaded.source))


def upgraded(source):
    loaded = load_any(source)
    if loaded.errors:
        return
    is_solver = loaded.message.DESCRIPTOR.name == "SolverParameter"
    to_text((upgrade_solver(loaded) if is_solver else read(source)).message).encode(loaded.encoding)


def show(source):
    for phase in ("TRAIN", "TEST"):
        found = costs(graph(source, phase))
        for style in FORMATS.values():
            style(found)


def drawn(source):
    drawing = draw(source)
    assert drawing.svg
    assert drawing.dot


def compiled(source):
    for phase in ("TEST", "TRAIN"):
        for faithful in (False, True):
            compile(protonet.emit(source, phase=phase, faithful=faithful), "<net>", "exec")


def solved(source):
    from protonet.training.plan import plan

    loaded = load(source, "SolverParameter")
    if not loaded.errors:
        plan(source)


COMMANDS = (check, fmt, upgraded, show, drawn, compiled)


@contextmanager
def within(seconds):
    """TooLong after so many seconds of this process's CPU."""

    def stop(_number, _frame):
        raise TooLong

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def broken(text, commands=COMMANDS):
    """What breaks the contract of a text: the command, and how; "" where nothing does."""
    source = Source("<text>", text)
    for command in commands:
        try:
            with within(SECONDS):
                if command is check and not check(source) and commands is COMMANDS:
                    commands = (check, fmt, upgraded)  # the rest would say the same
                elif command is not check:
                    command(source)
        except NetError as error:
            if not str(error):
                return f"{command.__name__}: an error without words"
        except TooLong:
            return f"{command.__name__}: it takes more than {SECONDS} s"
        except Exception:  # noqa: BLE001 (whatever it is, it is a find)
            return f"{command.__name__}: {traceback.format_exc()[-1200:]}"
        if command not in commands:
            break
    return ""
