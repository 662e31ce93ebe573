"""caffe.io: arrays and messages, images, crops, and what a Transformer makes of them."""

from io import StringIO

import cv2
import numpy as np
import pytest

from protonet.pycaffe import io
from protonet.pycaffe.proto import caffe_pb2
from protonet.schema.blobs import to_blob

RANDOM = np.random.RandomState(0)


def test_a_blob_has_the_shape_of_either_form():
    blob = caffe_pb2.BlobProto(data=range(24))
    with pytest.raises(ValueError, match=r"24 values, its shape is \(\)"):
        io.blobproto_to_array(blob)
    blob.shape.dim.extend((4, 6))
    assert io.blobproto_to_array(blob).shape == (4, 6)
    blob.num, blob.channels, blob.height, blob.width = 1, 2, 3, 4
    array = io.blobproto_to_array(blob)
    assert array.dtype == np.float64
    assert np.array_equal(array, np.arange(24.0).reshape(1, 2, 3, 4))
    assert io.blobproto_to_array(caffe_pb2.BlobProto(data=[5])) == 5


def test_arrays_become_blobs_and_come_back():
    array = RANDOM.rand(2, 3, 4).astype(np.float32)
    blob = io.array_to_blobproto(array, diff=2 * array)
    assert np.array_equal(io.blobproto_to_array(blob), array)
    assert np.array_equal(io.blobproto_to_array(blob, return_diff=True), 2 * array)
    with pytest.raises(ValueError, match="diff has 0 values"):
        io.blobproto_to_array(io.array_to_blobproto(array), return_diff=True)
    text = io.arraylist_to_blobprotovector_str([array, array[0]])
    first, second = io.blobprotovector_str_to_arraylist(text)
    assert np.array_equal(first, array)
    assert np.array_equal(second, array[0])


def test_doubles_are_read_where_a_blob_has_them():
    array = RANDOM.rand(3, 2)
    assert np.array_equal(io.blobproto_to_array(to_blob(array)), array)


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.int32])
def test_arrays_become_records_and_come_back(kind):
    array = (RANDOM.rand(3, 2, 5) * 200).astype(kind)
    datum = io.array_to_datum(array, label=7)
    assert (datum.channels, datum.height, datum.width, datum.label) == (3, 2, 5, 7)
    assert bool(datum.data) == (kind is np.uint8)
    back = io.datum_to_array(datum)
    assert np.array_equal(back, array)
    back[0] = 0  # its own memory
    assert not io.array_to_datum(array).HasField("label")


def test_what_is_no_image_is_no_record():
    with pytest.raises(ValueError, match="incorrect array shape"):
        io.array_to_datum(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="encoded image"):
        io.datum_to_array(caffe_pb2.Datum(encoded=True, data=b"x"))


@pytest.fixture
def image(tmp_path):
    """An RGB image of 8 bits and its file, without loss."""
    pixels = RANDOM.randint(0, 256, (5, 7, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "image.png"), pixels[:, :, ::-1])
    return pixels, tmp_path / "image.png"


def test_an_image_is_rgb_from_0_to_1(image):
    pixels, path = image
    loaded = io.load_image(str(path))
    assert loaded.dtype == np.float32
    assert np.array_equal(loaded, (pixels / 255.0).astype(np.float32))
    gray = io.load_image(path, color=False)
    assert gray.shape == (5, 7, 1)
    expected = (pixels / 255.0) @ [0.2125, 0.7154, 0.0721]
    np.testing.assert_allclose(gray[:, :, 0], expected, atol=1e-6)


def test_an_open_file_is_an_image_too(image):
    pixels, path = image
    with path.open("rb") as file:
        assert np.array_equal(io.load_image(file), (pixels / 255.0).astype(np.float32))
    with pytest.raises(ValueError, match=r"open as text; .* BytesIO"):
        io.load_image(StringIO("x"))


def test_gray_deep_and_transparent_images(tmp_path):
    gray = RANDOM.randint(0, 65536, (4, 3)).astype(np.uint16)
    path = str(tmp_path / "g.png")
    cv2.imwrite(path, gray)
    assert io.load_image(path).shape == (4, 3, 3)
    assert np.array_equal(
        io.load_image(path, color=False)[:, :, 0], (gray / 65535.0).astype(np.float32)
    )
    clear = RANDOM.randint(0, 256, (4, 3, 4)).astype(np.uint8)
    cv2.imwrite(path, clear)
    assert np.array_equal(io.load_image(path), (clear[:, :, 2::-1] / 255.0).astype(np.float32))


def test_what_is_no_image_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        io.load_image(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(ValueError, match=r"text.png can't be read as an image"):
        io.load_image(tmp_path / "text.png")
    with pytest.raises(ValueError, match="an address"):
        io.load_image("http://example.org/cat.jpg")


def test_one_and_three_channels_are_resized_between_centres_and_black_beyond():
    row = np.array([0, 10, 20, 40], np.float32).reshape(1, 4, 1) + 5
    wide = io.resize_image(row, (1, 8))[0, :, 0] - 5
    # the first pixel's centre lies a quarter before the first old one: 3/4 of it, 1/4 of black
    np.testing.assert_allclose(wide, [0, 2.5, 7.5, 12.5, 17.5, 25, 35, 30], atol=1e-5)
    narrow = io.resize_image(row, (1, 2))[0, :, 0] - 5
    np.testing.assert_allclose(narrow, [5, 30], atol=1e-5)
    nearest = io.resize_image(row, (1, 8), interp_order=0)[0, :, 0] - 5
    assert nearest.tolist() == [0, 0, 10, 10, 20, 20, 40, 40]


def test_other_numbers_of_channels_are_resized_from_corner_to_corner():
    ramp = np.linspace(0, 8, 5, dtype=np.float32)
    image = np.stack([ramp, -ramp, ramp * 2, ramp], -1)[np.newaxis].repeat(3, 0)
    made = io.resize_image(image, (7, 9))
    assert made.shape == (7, 9, 4)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made[3, :, 2], np.linspace(0, 16, 9), atol=1e-5)


def test_a_constant_image_stays_so_and_its_own_size_changes_nothing():
    assert (io.resize_image(np.full((3, 4, 3), 7.0), (5, 9)) == 7).all()
    image = RANDOM.rand(6, 5, 3).astype(np.float32)
    np.testing.assert_allclose(io.resize_image(image, (6, 5)), image, atol=1e-7)


def test_resize_is_what_resize_image_does_to_numbers_from_0_to_1():
    image = RANDOM.rand(7, 5, 3)
    image[0, 0], image[1, 1] = 0, 1
    np.testing.assert_allclose(
        io.resize(image, (9, 4, 3)), io.resize_image(image, (9, 4)), atol=1e-6
    )
    bytes_ = RANDOM.randint(0, 256, (7, 5)).astype(np.uint8)
    assert io.resize(bytes_, (7, 5)).tolist() == (bytes_ / 255).tolist()
    assert io.resize(bytes_, (7, 5), preserve_range=True).tolist() == bytes_.tolist()
    with pytest.raises(ValueError, match=r"keeps channels: \(3,\) channels can't become \(1,\)"):
        io.resize(image, (9, 4, 1))
    with pytest.raises(ValueError, match=r"mode 'reflect'.*skimage.transform"):
        io.resize(image, (9, 4), mode="reflect")


def test_what_can_not_be_resized_is_refused():
    with pytest.raises(ValueError, match="height, width, channels"):
        io.resize_image(np.zeros((4, 4)), (2, 2))
    with pytest.raises(ValueError, match="to 0x2"):
        io.resize_image(np.zeros((4, 4, 3)), (0, 2))
    with pytest.raises(ValueError, match="order is 0 to 5, not 7"):
        io.resize_image(RANDOM.rand(4, 4, 3), (2, 2), interp_order=7)


def test_ten_crops_are_corners_centre_and_their_mirror_images():
    image = np.arange(6 * 7 * 2, dtype=np.float32).reshape(6, 7, 2)
    crops = io.oversample([image, image + 1], (3, 4))
    assert crops.shape == (20, 3, 4, 2)
    places = [(0, 0), (0, 3), (3, 0), (3, 3), (1, 1)]
    for index, (y, x) in enumerate(places):
        assert np.array_equal(crops[index], image[y : y + 3, x : x + 4])
        assert np.array_equal(crops[index + 5], image[y : y + 3, x : x + 4][:, ::-1])
    assert np.array_equal(crops[10:], crops[:10] + 1)
    with pytest.raises(ValueError, match="crop of 8x4 is larger"):
        io.oversample([image], (8, 4))


def test_a_transformer_does_each_step_in_turn_and_back():
    image = RANDOM.rand(4, 5, 3).astype(np.float32)
    before = image.copy()
    t = io.Transformer({"data": (1, 3, 4, 5)})
    t.set_transpose("data", (2, 0, 1))
    t.set_channel_swap("data", (2, 0, 1))
    t.set_raw_scale("data", 255)
    t.set_mean("data", np.array([104.0, 117, 123]))
    t.set_input_scale("data", 0.017)
    made = t.preprocess("data", image)
    planes = image.transpose(2, 0, 1)[[2, 0, 1]].astype(np.float64)
    expected = (planes * 255 - np.array([104, 117, 123])[:, None, None]) * 0.017
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)
    assert np.array_equal(image, before)
    np.testing.assert_allclose(t.deprocess("data", made[None]), image, atol=1e-5)


def test_a_transformer_resizes_images_and_means():
    t = io.Transformer({"data": (1, 3, 4, 4)})
    t.set_transpose("data", (2, 0, 1))
    mean = np.full((3, 8, 8), 2.0)
    t.set_mean("data", mean)  # a constant one, too
    assert (t.mean["data"] == 2).all()
    mean[:, 4:] = 10
    t.set_mean("data", mean)
    assert t.mean["data"].shape == (3, 4, 4)
    np.testing.assert_allclose(t.mean["data"][0, :, 1], [2, 2, 10, 10])
    assert t.preprocess("data", RANDOM.rand(9, 7, 3)).shape == (3, 4, 4)


def test_settings_that_do_not_fit_are_refused():
    t = io.Transformer({"data": (1, 3, 4, 4)})
    with pytest.raises(Exception, match=r"dta is not one of the net inputs: \['data'\]"):
        t.preprocess("dta", np.zeros((4, 4, 3)))
    with pytest.raises(Exception, match="as many dimensions as the input"):
        t.set_transpose("data", (1, 0))
    with pytest.raises(Exception, match="as many channels as the input"):
        t.set_channel_swap("data", (1, 0))
    with pytest.raises(ValueError, match="has 3 channels, the mean has 2"):
        t.set_mean("data", np.zeros(2))
    with pytest.raises(ValueError, match="mean shape invalid: it has 4 axes"):
        t.set_mean("data", np.zeros((1, 3, 4, 4)))
