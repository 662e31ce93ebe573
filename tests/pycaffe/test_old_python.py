"""Python 2's names, in a process of their own: builtins are the same for all tests."""

import subprocess
import sys

SCRIPT = """
from protonet.pycaffe import old_python
old_python.restore()
old_python.restore()
assert list(xrange(3)) == [0, 1, 2] and isinstance(u"x", basestring) and long(3) == 3
import cPickle, Queue
from ConfigParser import ConfigParser
assert cPickle.loads(cPickle.dumps([1])) == [1] and Queue.Queue().empty()
import PIL
assert PIL.Image.new("L", (1, 1)).size == (1, 1) and not hasattr(PIL, "Nothing")
try:
    import StringIO
except ImportError:
    pass
else:
    raise AssertionError
"""


def test_what_has_the_same_meaning_is_there():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
