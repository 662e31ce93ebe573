"""Commands that a page shows, run in the folder that stands, and what they show beside the page."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

from click.testing import CliRunner

from protonet import cli
from protonet.diagnostics import NetError, NetWarning

_SHELL = re.compile(r"[|<&;*]|^(?!protonet )")
_INTO = re.compile(r" (2?)> *(\S+)$")
_TOKEN = re.compile(r"\d+\.\d+(?:e[-+]\d+)?|[^\d]+|\d+")
_DECIMAL = re.compile(r"\d+\.\d+(?:e[-+]\d+)?")
_STAMP = re.compile(r"^I\d{4} [\d:.]+ +\d+ ")
_TIME = re.compile(r"[\d.]+(?= ?(?:ms|s|s/step|iter/s)\b)")


def commands(text):
    """Each command of a block, without its comment, with what the page shows that it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        whole = re.match(r"(?:[^\n]*\\\n)*[^\n]*\n?", part)[0]
        command = re.sub(r"\\\n\s*", "", whole).split(" # ")[0].split("  #")[0].strip()
        yield command, whole, part[len(whole) :]


def run(command):
    """What a command prints, on both streams, and its exit code."""
    if _SHELL.search(command):
        return _in_a_shell(command)
    into = _INTO.search(command)
    done = _in_this_process(command[: into.start()] if into else command)
    if not into:
        return done.output, done.exit_code
    Path(into[2]).write_text(done.stderr if into[1] else done.stdout, encoding="utf-8")
    return done.stdout if into[1] else done.stderr, done.exit_code


class _Done:
    def __init__(self, output, stdout, stderr, exit_code):
        self.output, self.stdout, self.stderr, self.exit_code = output, stdout, stderr, exit_code


def _in_this_process(command):
    """As the program does it, without the seconds that importing torch anew takes."""
    arguments = command.split()[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("always", NetWarning)
        cli._WARNED.clear()
        warnings.showwarning = cli._warn_once
        done = CliRunner().invoke(cli.group, arguments, prog_name="protonet")
    more = ""
    if isinstance(done.exception, NetError):
        more = f"{done.exception}\n"
    elif done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return _Done(done.output + more, done.stdout, done.stderr + more, done.exit_code)


def _in_a_shell(command):
    """By bash, with this protonet and this Python first in the path."""
    here = Path(".bin").absolute()
    here.mkdir(exist_ok=True)
    for name, call in {"protonet": "-m protonet", "python": ""}.items():
        (here / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {call} "$@"\n')
        (here / name).chmod(0o755)
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PATH": f"{here}:{os.environ['PATH']}", "PYTHONPATH": root}
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(["bash", "-c", command], **both, env=environment, check=False)
    return done.stdout, done.returncode


def alike(shown, given, timed=False):
    """Whether a page shows what was given, but for times, lines `...`, and decimals by a tenth.

    Where all decimals are times, only how many there are, and where, is compared.
    """
    if timed:
        shown, given = (re.sub(r" *\d+\.\d+", " 0", text) for text in (shown, given))
    expected = [line.rstrip() for line in shown.rstrip().splitlines()]
    return _lines(expected, [line.rstrip() for line in given.rstrip().splitlines()])


def _lines(expected, found):
    if not expected:
        return not found
    if expected[0].strip() == "...":
        return any(_lines(expected[1:], found[i:]) for i in range(len(found) + 1))
    return bool(found) and _line(expected[0], found[0]) and _lines(expected[1:], found[1:])


def _line(expected, found):
    texts = (_TIME.sub("0", _STAMP.sub("", text)) for text in (expected, found))
    one, other = map(_TOKEN.findall, texts)
    return len(one) == len(other) and all(map(_token, one, other))


def _token(expected, found):
    if _DECIMAL.fullmatch(expected) and _DECIMAL.fullmatch(found):
        return math.isclose(float(expected), float(found), rel_tol=0.1, abs_tol=0.02)
    return expected == found or (not expected.strip() and not found.strip())
