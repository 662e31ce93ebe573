"""Compile proto/caffe.proto into the descriptor set that the package ships."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parent / "protonet" / "schema" / "caffe.desc"


def compile_schema(target: Path) -> None:
    """Write the descriptor set of caffe.proto; needs grpcio-tools."""
    from grpc_tools import protoc

    arguments = ["protoc", f"-I{HERE}", f"--descriptor_set_out={target}", str(HERE / "caffe.proto")]
    if protoc.main(arguments):
        raise SystemExit("the schema does not compile")


if __name__ == "__main__":
    compile_schema(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
