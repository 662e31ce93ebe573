"""protonet data: databases and mean files, made and looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from protonet.diagnostics import NetError

C = TypeVar("C", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Make databases and mean files for data layers, and look at them.

    \b
    protonet data mnist train-images-idx3-ubyte train-labels-idx1-ubyte -o mnist_train_lmdb
    protonet data images photos/ train.txt -o train_lmdb --resize 256x256 --encode --shuffle
    protonet data mean train_lmdb -o mean.binaryproto
    protonet data show train_lmdb --sheet first.png
    """


def _output_options(function: C) -> C:
    for option in (
        click.option("--force", is_flag=True, help="Replace what is there."),
        click.option(
            "--backend",
            type=click.Choice(["lmdb", "leveldb"]),
            default="lmdb",
            show_default=True,
            help="Kind of database to write.",
        ),
        click.option(
            "-o", "--output", type=_FILE, required=True, help="The database to make, a folder."
        ),
    ):
        function = option(function)
    return function


def _write(
    output: Path, total: int, records: Iterator[tuple[bytes, bytes]], backend: str, force: bool
) -> None:
    from protonet.data.progress import tracked
    from protonet.data.writing import write_database

    shown = tracked(records, output.name, total)
    count = write_database(output, shown, backend, force)
    click.echo(f"{output}: {count:,} records")


@command.command()
@click.argument("images", type=_FILE)
@click.argument("labels", type=_FILE)
@_output_options
def mnist(images: Path, labels: Path, output: Path, backend: str, force: bool) -> None:
    """Make a database of MNIST's files, IMAGES and LABELS, gzipped or not.

    \b
    protonet data mnist train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz -o mnist_train_lmdb
    """
    from protonet.data.digits import mnist_records

    _write(output, *mnist_records(images, labels), backend, force)


@command.command()
@click.argument("files", type=_FILE, nargs=-1, required=True)
@_output_options
def cifar(files: tuple[Path, ...], output: Path, backend: str, force: bool) -> None:
    """Make a database of CIFAR-10's binary batches, FILES in their order.

    A folder stands for its data_batch_1.bin to data_batch_5.bin, the training set.

    \b
    protonet data cifar cifar-10-batches-bin -o cifar10_train_lmdb
    protonet data cifar cifar-10-batches-bin/test_batch.bin -o cifar10_test_lmdb
    """
    from protonet.data.digits import cifar_records

    batches = [batch for file in files for batch in _batches(file)]
    _write(output, *cifar_records(batches), backend, force)


def _batches(file: Path) -> list[Path]:
    if not file.is_dir():
        return [file]
    found = sorted(file.glob("data_batch_*.bin"))
    if not found:
        raise NetError(f"there is no data_batch_1.bin in {file}", None, "is it the binary version?")
    return found
