"""From a graph to a program: every layer once, then small passes over what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from protonet.graph import Graph
from protonet.lowering.chain import chain
from protonet.lowering.each import fill_each
from protonet.lowering.free import free
from protonet.lowering.freeze import freeze_each
from protonet.lowering.initialise import initialise
from protonet.lowering.integers import whole_labels
from protonet.lowering.lower import lower
from protonet.lowering.lowered import Lowered
from protonet.lowering.nest import nest
from protonet.lowering.outline import outline
from protonet.lowering.outline.sound import is_sound
from protonet.lowering.overwrite import overwrite
from protonet.lowering.rename import make_room
from protonet.lowering.returns import OBJECTIVE, returns
from protonet.lowering.rounding import round_plainly
from protonet.lowering.share import share
from protonet.lowering.shorten import shorten
from protonet.lowering.specialise import specialise
from protonet.lowering.tail import return_last
from protonet.lowering.unread import unread
from protonet.program.program import verify

# Program to program; each also takes the graph that the program came from.
FIRST = (
    share,  # one parameter under several paths
    initialise,  # fillers, and parameters that are not learned
    specialise,  # helpers without what no call asks for
    make_room,  # variables that bear the names of helpers get others
)
QUIET = (
    round_plainly,  # poolings whose sizes are whole
    fill_each,  # fillers that layers of a kind share, in a loop
    freeze_each,  # modules that are not learned, whole
    whole_labels,  # labels as integers from the start
    overwrite,  # activations in place, in training
)
STRUCTURE = (
    unread,  # as in LAST
    chain,  # values in other shapes go into the line that alone reads them
    return_last,  # the last value in the return
)
FLAT = (
    nest,  # a layer that works in place stands around the one before it
    chain,
)
LAST = (
    unread,  # variables that nothing reads at all
    shorten,  # statements too long for a line in two
    free,  # variables that nothing reads any more
)

_ANY = 1000  # columns


def lowered(
    graph: Graph,
    outputs: Sequence[str] | None = None,
    faithful: bool = False,
    flat: bool = False,
    title: str = "",
) -> Lowered:
    """The program of a graph. ``outputs`` are blobs to return; by default the net's own.

    ``faithful`` keeps one statement a layer, ``flat`` one class; ``title`` is the first line.
    """
    flat_form = lower(graph, title)
    for step in FIRST:
        flat_form = verify(step(flat_form, graph))
    program = verify(returns(flat_form, graph, outputs))
    for step in () if faithful else QUIET:
        program = verify(step(program, graph))
    if not (faithful or flat):
        main = replace(program.main, is_typed=True)
        program = replace(program, classes=(main,), tells_layers=False)
        # Blocks are found in lines of any length: their names are short.
        joined = verify(chain(program, graph, _ANY))
        outlined = verify(outline(joined, graph))
        if outlined is not joined and is_sound(outlined):
            for step in STRUCTURE:
                outlined = verify(step(outlined, graph))
            return Lowered(graph, flat_form, outlined)
    for step in LAST if faithful else (*FLAT, *LAST, return_last):
        program = verify(step(program, graph))
    return Lowered(graph, flat_form, program)


__all__ = ["OBJECTIVE", "Lowered", "lowered"]
