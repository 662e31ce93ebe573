"""What Python does for some code, in calls and returns: a busy machine makes none of them more."""

from __future__ import annotations

import subprocess
import sys

COUNT = """
import sys
counted = 0
def count(*_):
    global counted
    counted += 1
sys.setprofile(count)
{code}
sys.setprofile(None)
print(counted)
"""


def calls(code):
    """How many there are of it in a process of its own."""
    command = [sys.executable, "-c", COUNT.format(code=code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)
