"""Modules that repositories compile: found where only their source is, and equal to it."""

import sys

import numpy as np
import pytest

from protonet.pycaffe import compiled, old_yaml
from protonet.pycaffe.suppression import bbox_overlaps, cpu_nms, gpu_nms

RANDOM = np.random.RandomState(0)


def boxes(count):
    corners = RANDOM.rand(count, 2) * 60
    sides = RANDOM.rand(count, 2) * 40
    scores = RANDOM.rand(count, 1)
    return np.hstack([corners, corners + sides, scores]).astype(np.float32)


def overlap(a, b):
    """Intersection over union of two boxes of pixels, one number after the other."""
    wide = min(a[2], b[2]) - max(a[0], b[0]) + 1
    high = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
    return wide * high / (sum(areas) - wide * high)


def test_overlaps_are_those_of_single_boxes():
    some, others = boxes(7)[:, :4], boxes(5)[:, :4]
    found = bbox_overlaps(some, others)
    assert found.dtype == np.float64
    expected = [[overlap(a, b) for b in others.astype(float)] for a in some.astype(float)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("threshold", [0.3, 0.7])
def test_a_box_goes_where_a_better_one_covers_it(threshold):
    dets = boxes(60)
    kept = []
    for index in dets[:, 4].argsort()[::-1]:
        if all(overlap(dets[index].astype(float), dets[k].astype(float)) < threshold for k in kept):
            kept.append(int(index))
    assert 1 < len(kept) < 60
    assert cpu_nms(dets, threshold) == kept
    assert gpu_nms(dets, threshold, device_id=0) == kept
    assert cpu_nms(np.zeros((0, 5), np.float32), threshold) == []


def test_a_box_that_is_covered_by_just_the_threshold():
    dets = np.array([[0, 0, 9, 9, 1], [0, 0, 9, 4, 0.5]], np.float32)  # 50 of 100 pixels
    assert cpu_nms(dets, 0.5) == [0]
    assert gpu_nms(dets, 0.5) == [0, 1]


def test_modules_are_found_beside_their_source_only(tmp_path, monkeypatch):
    package = tmp_path / "some_nms"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    compiled.install()
    compiled.install()
    with pytest.raises(ImportError):
        from some_nms.cpu_nms import cpu_nms as none  # noqa: F401
    (package / "cpu_nms.pyx").touch()
    (package / "bbox.pyx").touch()
    from some_nms.cpu_nms import cpu_nms as found
    from some_nms.cython_bbox import bbox_overlaps as overlaps

    assert found is cpu_nms
    assert overlaps is bbox_overlaps
    with pytest.raises(ImportError):
        import cpu_nms as top  # noqa: F401


def test_yaml_without_a_loader_reads_plain_values(monkeypatch):
    import yaml

    monkeypatch.setattr(yaml, "load", yaml.load)
    old_yaml.restore()
    old_yaml.restore()
    assert yaml.load("{'feat_stride': 16, 'a': [1, 2]}") == {"feat_stride": 16, "a": [1, 2]}
    assert yaml.load("1", Loader=yaml.BaseLoader) == "1"
    with pytest.raises(yaml.YAMLError):
        yaml.load("!!python/object/apply:os.getcwd []")
