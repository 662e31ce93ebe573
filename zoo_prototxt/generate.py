"""Write the regular nets of this folder: python zoo_prototxt/generate.py."""

from __future__ import annotations

from pathlib import Path

from protonet.zoo.generate import write

if __name__ == "__main__":
    write(Path(__file__).parent)
