"""What a GPU has no room for or refuses is an error that says what to do."""

from __future__ import annotations

import pytest
import torch

from protonet.diagnostics import NetError
from protonet.training.gpu import gpu_told, is_gpus_own


def test_memory_that_is_full():
    words = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 1 GiB."
    with pytest.raises(NetError) as raised, gpu_told():
        raise torch.cuda.OutOfMemoryError(words)
    assert raised.value.message == "the GPU's memory is full: tried to allocate 2.00 gib"
    assert "batch_size" in raised.value.hint


def test_a_kernel_that_stops():
    with pytest.raises(NetError, match="the GPU refused") as raised, gpu_told():
        raise RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors ...")
    assert "--device cpu" in raised.value.hint


def test_other_errors_are_left_alone():
    with pytest.raises(RuntimeError, match="shapes"), gpu_told():
        raise RuntimeError("the shapes don't fit")


@pytest.mark.parametrize(
    ("error", "own"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("CUDA error: device-side assert triggered"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_what_a_second_pass_would_not_explain(error, own):
    assert is_gpus_own(error) is own
