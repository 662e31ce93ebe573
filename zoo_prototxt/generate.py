"""Write the regular nets of this folder, with pages and pictures: zoo_prototxt/generate.py."""

from __future__ import annotations

from pathlib import Path

from protonet.drawing import draw
from protonet.zoo.generate import write

if __name__ == "__main__":
    here = Path(__file__).parent
    write(here)
    for net in sorted((here / "teaching").glob("*.prototxt")):
        net.with_suffix(".svg").write_text(draw(net, direction="LR").svg, encoding="utf-8")
