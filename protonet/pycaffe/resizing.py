"""Images of another size, with the arithmetic of the libraries that pycaffe called.

scikit-image until 0.14 for one or three channels: pixel centres, black beyond the border, nothing
smoothed before; scipy's zoom for other numbers of channels: corners on corners. Source:
pycaffe's io.resize_image, skimage.transform.resize, scipy.ndimage.zoom.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from protonet.arrays import Array


def resize_image(im: Array, new_dims: Sequence[int], interp_order: int = 1) -> Array:
    """An image of a new height and width, (h, w, k) to (new_h, new_w, k), float32.

    ``interp_order`` is 0 for the nearest pixel, 1 for linear interpolation, 2 to 5 for splines,
    which need scipy. ValueError where the image has not three axes or a size is less than 1.
    """
    if im.ndim != 3 or not im.size:
        raise ValueError(f"an image is (height, width, channels), not of shape {im.shape}")
    height, width = (int(n) for n in new_dims)
    if min(height, width) < 1:
        raise ValueError(f"an image can't be resized to {height}x{width}")
    if im.shape[-1] not in (1, 3):
        return _sampled(im, (height, width), interp_order, corners=True)
    low, high = im.min(), im.max()
    if not high > low:
        return np.full((height, width, im.shape[-1]), low, np.float32)
    standard = (im - low) / (high - low)
    new = _sampled(standard, (height, width), interp_order, corners=False)
    return np.asarray(new * (high - low) + low, np.float32)


def resize(
    image: Array,
    output_shape: Sequence[int],
    order: int = 1,
    mode: str = "constant",
    cval: float = 0,
    clip: bool = True,  # noqa: ARG001 (what is resized here never leaves its range)
    preserve_range: bool = False,
) -> Array:
    """An image (h, w) or (h, w, k) of another height and width, float64.

    Whole numbers become parts of the largest there are, unless ``preserve_range``. ValueError where
    channels are to change, or where the border is not black: scikit-image's own does that. Source:
    skimage.transform.resize until 0.14, which scripts find in caffe.io.
    """
    image = np.asarray(image)
    height, width, *channels = (int(n) for n in output_shape)
    if mode != "constant" or cval or order not in (0, 1):
        what = f"order {order}, mode {mode!r} and cval {cval}"
        raise ValueError(f"caffe.io.resize is not made for {what}: use skimage.transform.resize")
    if image.ndim not in (2, 3) or min(height, width) < 1 or not image.size:
        raise ValueError(f"an image of shape {image.shape} can't become {tuple(output_shape)}")
    if channels and tuple(channels) != image.shape[2:]:
        what = f"{image.shape[2:] or 'no'} channels can't become {tuple(channels)}"
        raise ValueError(f"caffe.io.resize keeps channels: {what}")
    whole = np.issubdtype(image.dtype, np.integer) and not preserve_range
    values = image / float(np.iinfo(image.dtype).max) if whole else image.astype(np.float64)
    return _sampled(values, (height, width), order, corners=False)


def _sampled(im: Array, dims: tuple[int, int], order: int, *, corners: bool) -> Array:
    """The image at a grid of points, either corner on corner or centre on centre."""
    if order not in (0, 1):
        return _by_splines(im, dims, order, corners=corners)
    new = im.astype(np.float64)
    for axis, size in enumerate(dims):
        points = _points(im.shape[axis], size, corners=corners)
        new = _nearest(new, points, axis) if order == 0 else _linear(new, points, axis)
    return new.astype(np.float32) if corners else new


def _points(old: int, new: int, *, corners: bool) -> Array:
    """Where the new pixels of an axis lie among the old ones."""
    at = np.arange(new, dtype=np.float64)
    if corners:
        return np.minimum(at * ((old - 1) / (new - 1) if new > 1 else 1.0), old - 1)
    return (at + 0.5) * (old / new) - 0.5


def _nearest(im: Array, points: Array, axis: int) -> Array:
    index = np.floor(points + 0.5).astype(int).clip(0, im.shape[axis] - 1)
    return np.asarray(np.take(im, index, axis))


def _linear(im: Array, points: Array, axis: int) -> Array:
    """Between the two neighbours of each point; one that is beyond the border is 0."""
    size = im.shape[axis]
    below = np.floor(points).astype(int)
    weight = points - below
    shape = [-1 if n == axis else 1 for n in range(im.ndim)]
    parts = []
    for index, share in ((below, 1 - weight), (below + 1, weight)):
        inside = (index >= 0) & (index < size)
        taken = np.take(im, index.clip(0, size - 1), axis)
        parts.append(taken * (share * inside).reshape(shape))
    return np.asarray(parts[0] + parts[1])


def _by_splines(im: Array, dims: tuple[int, int], order: int, *, corners: bool) -> Array:
    if order not in range(2, 6):
        raise ValueError(f"the interpolation order is 0 to 5, not {order!r}")
    try:
        from scipy import ndimage
    except ImportError:
        what = f"interpolation of order {order} needs scipy, which is not installed"
        raise ImportError(f"{what}; orders 0 and 1 do without it") from None
    factors = (*(new / old for new, old in zip(dims, im.shape, strict=False)), 1)
    mode = "constant" if corners else "grid-constant"
    new = ndimage.zoom(im, factors, order=order, mode=mode, grid_mode=not corners)
    return np.asarray(new if corners else np.clip(new, 0, 1))
