"""A compiled net with weights: loaded with a word on what did not match, written as two files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from protonet.cli.options import is_one_file
from protonet.cli.talk import say, step, talk
from protonet.diagnostics import NetError
from protonet.files import replacing
from protonet.lowering import Lowered
from protonet.preparation import Preparation
from protonet.schema.load import Readable
from protonet.selection import Selection

if TYPE_CHECKING:
    from protonet.inference.forward import Loader
    from protonet.lowering import Lowered
    from protonet.weights.match import Match


def loader(
    net: Readable, weights: str, strict: bool, selection: Selection, quiet: bool = False
) -> Loader:
    """A function that loads weights into a module of NET and says on stderr what did not match."""
    all_there(weights)

    def load(module: Any) -> Any:
        from protonet.api import variants
        from protonet.weights.mapping import open_stored
        from protonet.weights.save import load_exactly

        stored = open_stored(module, weights, variants(net, selection))
        matched = load_exactly(module, stored, strict)
        if not quiet:
            tell(matched)
        return matched

    return load


def all_there(weights: str) -> None:
    """NetError where a file with weights is not there: said before the net is compiled."""
    from protonet.reading import reading
    from protonet.weights.read import split_paths

    for path in split_paths(weights):
        with reading(path, "can't be read", None), Path(path).open("rb"):
            pass


def matching(matched: Match) -> str:
    """How many of the net's layers with parameters the file has: 5 of 5 layers matched."""
    loaded = len({layer.name for layer in matched.layers if layer.blobs})
    total = loaded + len(matched.missing)
    return f"{loaded} of {total} layer{'s' if total != 1 else ''} matched"


def tell(matched: Match) -> None:
    """Which layers were only in the file, and which only in the net."""
    say(matching(matched))
    tell_rest(matched)


def tell_rest(matched: Match) -> None:
    """What did not match."""
    from protonet.weights.match import listed

    most = len(matched.passed_over) if talk().verbose else 8
    if matched.passed_over:
        say(f"passed over, only in the file: {listed(matched.passed_over, most)}")
    if matched.missing:
        say(f"warning: not in the file, keep their fillers: {listed(matched.missing)}")


def beside(output: str, weights: str) -> Path:
    """The file with the weights that goes with a source. NetError where it is one that is read.

    ``weights`` are the files that are read.
    """
    path = Path(output).with_suffix(".safetensors")
    refuse_own_weights(weights, str(path))
    return path


def refuse_own_weights(weights: str, output: str) -> None:
    """NetError where a file that is read would be written over, or is not there."""
    from protonet.weights.read import split_paths

    all_there(weights)
    for path in split_paths(weights):
        if is_one_file(output, path):
            raise NetError(f"{output} is itself to be read", None, "name another file")


def write_with_weights(
    made: Lowered,
    output: str,
    path: Path,
    load: Loader,
    size: str,
    preparation: Preparation | None = None,
) -> None:
    """Write the source and its weights, and in both how images are prepared.

    ``size`` says in words what the net holds.
    """
    from protonet.program.source import source
    from protonet.runtime.module import instantiate
    from protonet.weights.save import save_state

    net = instantiate(made)
    with step("weights"):
        matched = load(net)
    written = source(made.program, path.name, preparation)
    with step("writing"), replacing(output) as temporary:  # both files or neither
        temporary.write_bytes(written.encode())
        save_state(net, path, matched.layers, preparation)
    say(f"wrote {output} ({size}) and {path}; {matching(matched)}")
    tell_rest(matched)
