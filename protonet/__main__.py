"""``python -m protonet`` is the command, and so is ``protonet``."""

import sys


def main() -> None:
    """Run the command; Ctrl-C is a line even while its modules are imported."""
    try:
        from protonet.cli import main as command

        command()
    except KeyboardInterrupt:
        print("protonet: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
