"""coord_map: where coordinates lie, against positions computed by hand."""

import numpy as np
import pytest

from protonet.pycaffe.coord_map import (
    AxisMismatchException,
    coord_map,
    coord_map_from_to,
    crop,
    inverse,
)
from protonet.pycaffe.net_spec import layers as L


def upsampled(kernel=3, pad=0, factor=2, up_pad=0):
    """A convolution, a pooling and a deconvolution that undoes its stride."""
    data = L.Input(shape={"dim": [1, 1, 64, 64]})
    conv = L.Convolution(data, kernel_size=kernel, pad=pad, num_output=1)
    pool = L.Pooling(conv, kernel_size=factor, stride=factor)
    up = L.Deconvolution(
        pool,
        convolution_param={
            "kernel_size": 2 * factor,
            "stride": factor,
            "pad": up_pad,
            "num_output": 1,
            "bias_term": False,
        },
    )
    return data, up


def centre_of(fn_kernel, pad, factor, up_pad):
    """Where the first output's centre lies in the input, from the windows' own geometry."""
    conv = (fn_kernel - 1) / 2 - pad  # centre of conv's output 0 in data
    pool = conv + (factor - 1) / 2
    # output x of the deconvolution is pool's (x + up_pad - (k - 1) / 2) / factor
    return pool + (up_pad - (2 * factor - 1) / 2)


@pytest.mark.parametrize(
    ("kernel", "pad", "factor", "up_pad"),
    [(3, 0, 2, 0), (3, 0, 4, 0), (5, 7, 2, 3), (1, 100, 8, 0), (7, 3, 4, 10)],
)
def test_a_coordinate_of_the_output_lies_where_the_windows_say(kernel, pad, factor, up_pad):
    data, up = upsampled(kernel, pad, factor, up_pad)
    axis, scale, shift = coord_map_from_to(up, data)
    assert (axis, scale) == (1, 1)
    assert shift == centre_of(kernel, pad, factor, up_pad)


def test_axes_may_differ_in_their_windows():
    data = L.Input(shape={"dim": [1, 1, 64, 64]})
    conv = L.Convolution(data, kernel_size=[3, 5], stride=[1, 2], pad=[0, 4], num_output=1)
    _, scale, shift = coord_map(conv.fn)
    assert scale.tolist() == [1, 0.5]
    assert shift.tolist() == [-1, 1]
    _, scale, shift = inverse(coord_map(conv.fn))
    assert scale.tolist() == [1, 2]
    assert shift.tolist() == [1, -2]


def test_dilation_widens_a_kernel():
    conv = L.Convolution(L.Input(), kernel_size=3, dilation=4, num_output=1)
    assert coord_map(conv.fn)[2].tolist() == [-4]


def test_a_crop_is_where_the_tops_meet():
    data, up = upsampled(kernel=3, pad=10)
    cut = crop(up, data)
    made = cut.to_proto().layer[-1]
    assert made.type == "Crop"
    assert made.crop_param.axis == 2
    _, _, shift = coord_map_from_to(up, data)
    assert made.crop_param.offset[:] == [-int(shift[0])]
    _, scale, moved = coord_map_from_to(cut, data)
    assert (scale, moved) == (1, 0)


def test_a_crop_of_what_is_not_moved_begins_at_nothing():
    data = L.Input(shape={"dim": [1, 1, 8, 8]})
    made = crop(L.ReLU(data), data).to_proto().layer[-1].crop_param
    assert (made.axis, made.offset[:]) == (2, [0])


def test_what_can_not_be_cropped_is_refused():
    data = L.Input(shape={"dim": [1, 1, 64, 64]})
    pool = L.Pooling(data, kernel_size=3, stride=3)
    twice = L.Deconvolution(pool, convolution_param={"kernel_size": 4, "stride": 2})
    with pytest.raises(AssertionError, match="scale mismatch"):
        crop(twice, data)
    _, up = (pair := upsampled(up_pad=10))
    with pytest.raises(AssertionError, match="negative offset"):
        crop(up, pair[0])
    with pytest.raises(AssertionError, match="noninteger offset"):
        crop(L.Convolution(data, kernel_size=2, num_output=1), L.Crop(data, data, offset=3))
    with pytest.raises(AssertionError, match="no kernel_h"):
        crop(L.Convolution(data, kernel_h=2, kernel_w=1, num_output=1), data)
    with pytest.raises(RuntimeError, match="no map"):
        coord_map_from_to(L.InnerProduct(up, num_output=1), pair[0])
    inner = L.Convolution(data, kernel_size=1, axis=2)
    with pytest.raises(AxisMismatchException, match="axis 1, the next of axis 2"):
        coord_map_from_to(L.Convolution(inner, kernel_size=1), data)


def test_the_second_input_of_a_crop_gives_no_coordinates():
    data, up = upsampled()
    other = L.Input(shape={"dim": [1, 1, 3, 3]})
    with pytest.raises(RuntimeError, match="no map"):
        coord_map_from_to(L.Crop(up, other, axis=2, offset=1), other)
    assert np.array_equal(
        coord_map_from_to(L.Crop(up, other, axis=2, offset=1), data)[2],
        coord_map_from_to(up, data)[2] + 1,
    )
