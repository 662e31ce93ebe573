"""Classifier and Detector: crops and windows through a net whose numbers are plain."""

import cv2
import numpy as np
import pytest

import protonet.pycaffe as caffe

# The two outputs of each image: its sum over channel 0, and the sum over all.
NET = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 4 dim: 3 dim: 6 dim: 6 } } }
layer { name: "sum" type: "InnerProduct" bottom: "data" top: "sum"
  inner_product_param { num_output: 2 bias_term: false } }
"""
RANDOM = np.random.RandomState(0)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    weights = net.params["sum"][0].data.reshape(2, 3, 36)
    weights[...] = 1
    weights[0, 1:] = 0
    net.save(str(tmp_path / "net.caffemodel"))
    return str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel")


def test_the_centre_is_what_is_classified(files):
    net = caffe.Classifier(*files, image_dims=(10, 8), raw_scale=2, channel_swap=(2, 1, 0))
    images = [RANDOM.rand(10, 8, 3).astype(np.float32) for _ in range(5)]
    found = net.predict(images, oversample=False)
    centres = np.stack(images)[:, 2:8, 1:7]
    expected = 2 * np.stack([centres[..., 2].sum((1, 2)), centres.sum((1, 2, 3))], 1)
    assert found.shape == (5, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_ten_crops_are_averaged(files):
    net = caffe.Classifier(*files, image_dims=(8, 8), mean=np.array([1.0, 2, 3]), input_scale=0.5)
    image = RANDOM.rand(8, 8, 3)
    places = [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]
    crops = [image[y : y + 6, x : x + 6] for y, x in places]
    expected = 0.5 * (np.mean([c.sum((0, 1)) for c in crops], 0) - 36 * np.array([1, 2, 3]))
    np.testing.assert_allclose(net.predict([image]), [[expected[0], expected.sum()]], rtol=1e-4)


def test_images_are_brought_to_the_nets_size(files):
    net = caffe.Classifier(*files)
    found = net.predict([np.full((20, 30, 3), 0.5)], oversample=False)
    np.testing.assert_allclose(found, [[18, 54]], rtol=1e-4)


def test_windows_of_images(files, tmp_path):
    pixels = RANDOM.randint(0, 256, (12, 14, 3)).astype(np.uint8)
    path = str(tmp_path / "image.png")
    cv2.imwrite(path, pixels[:, :, ::-1])
    net = caffe.Detector(*files)
    windows = [np.array([0, 0, 6, 6]), np.array([3, 4, 9, 10])]
    found = net.detect_windows(iter([(path, windows)]))
    assert [one["filename"] for one in found] == [path, path]
    for one, (top, left, bottom, right) in zip(found, windows, strict=True):
        cut = pixels[top:bottom, left:right] / 255.0
        np.testing.assert_allclose(one["prediction"], [cut[..., 0].sum(), cut.sum()], rtol=1e-4)
    with pytest.raises(ValueError, match="no window"):
        net.detect_windows([(path, [])])


def test_context_beyond_the_image_is_the_mean(files):
    mean = np.array([10.0, 20, 30])
    net = caffe.Detector(*files, mean=mean, raw_scale=5, channel_swap=(2, 1, 0), context_pad=1)
    image = np.ones((20, 20, 3), np.float32)
    # 4 pixels of a window, in a box of 6 and a half with its context: from -1 to 5
    crop = net.crop(image, np.array([0, 0, 3, 3]))
    assert crop.shape == (6, 6, 3)
    np.testing.assert_allclose(crop[0, 0], mean[::-1] / 5)
    np.testing.assert_allclose(crop[-1, -1], 1, atol=1e-6)
    inner = net.crop(image, np.array([8, 8, 11, 11]))
    np.testing.assert_allclose(inner, 1, atol=1e-6)
    with pytest.raises(AssertionError, match="outside of its image"):
        net.crop(image, np.array([-90, 0, -60, 3]))
