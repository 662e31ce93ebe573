"""The names that numpy dropped, in a process of their own: numpy is the same for all tests."""

import subprocess
import sys

SCRIPT = """
import numpy as np
from protonet.pycaffe import old_numpy
kept = np.array, np.float64
old_numpy.restore()
old_numpy.restore()
assert (np.array, np.float64) == kept
assert np.zeros(2, np.float).dtype == np.float64 and np.zeros(2, np.int).dtype == np.int64
assert np.array([1, 0], dtype=np.bool).tolist() == [True, False]
data = np.arange(6, dtype=np.uint8)
read = np.fromstring(data.tobytes(), dtype=np.uint8)
read[0] = 7
assert read.tolist() == [7, 1, 2, 3, 4, 5]
assert np.fromstring("1 2", dtype=int, sep=" ").tolist() == [1, 2]
assert np.asscalar(np.float32(2)) == 2 and np.product([2, 3]) == 6 and np.NaN != np.NaN
assert np.in1d([[1, 2], [3, 4]], [2, 3]).tolist() == [False, True, True, False]
"""


def test_dropped_names_mean_what_they_meant():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
