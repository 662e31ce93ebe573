"""``python -m protonet.pycaffe script.py`` runs a script of Caffe's."""

import sys

from protonet.pycaffe.script import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
