"""``python -m protonet.pycaffe script.py`` runs a script of Caffe's."""

import sys

from protonet.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "python")
    main()
