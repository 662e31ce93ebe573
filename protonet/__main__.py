"""``python -m protonet`` is the command."""

from protonet.cli import main

if __name__ == "__main__":
    main()
