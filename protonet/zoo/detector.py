"""A small SSD with a MobileNet's trunk, written for a set of one's own: train_val and solver."""

from __future__ import annotations

from dataclasses import dataclass

from protonet.zoo.writer import NetText, Training

_SIZES = (0.3, 0.5, 1.0)  # overlaps that a window may be asked for
_KEPT = 0.9  # of the statistics at each step
_TRUNK = ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (128, 2))
_HEADS = {4: (0.18, 0.32), 6: (0.32, 0.5), 7: (0.5, 0.75)}  # of the trunk: least and greatest side

_FOUND = (
    "share_location: true",
    "background_label_id: 0",
    "nms_param { nms_threshold: 0.45 top_k: 100 }",
    "code_type: CENTER_SIZE",
    "keep_top_k: 50",
    "confidence_threshold: 0.01",
)
_JUDGED = ("background_label_id: 0", "overlap_threshold: 0.5", "evaluate_difficult_gt: false")


@dataclass(frozen=True)
class SmallDetector:
    """What a detector is written for: its databases, its classes with the background, its size."""

    classes: int
    train: str
    test: str
    label_map: str
    size: int = 64
    train_batch: int = 16
    test_batch: int = 25
    iterations: int = 800

    def train_val(self) -> str:
        """The net of both phases, in the form of SSD's own."""
        return _Text(self).finished()

    def solver(self, test_iter: int) -> str:
        """The solver beside it, which tests on so many batches."""
        iterations = self.iterations
        return "\n".join(
            [
                "# Trains in minutes on two cores; what is tested is the mean average precision.",
                'net: "train_val.prototxt"',
                'eval_type: "detection"',
                'ap_version: "11point"',
                f"test_iter: {test_iter}",
                f"test_interval: {max(iterations // 4, 1)}",
                "test_initialization: false",
                'type: "Adam"',
                "base_lr: 0.003",
                "momentum: 0.9",
                "momentum2: 0.999",
                "weight_decay: 0.0001",
                'lr_policy: "multistep"',
                "gamma: 0.1",
                f"stepvalue: {iterations * 2 // 3}",
                f"max_iter: {iterations}",
                f"display: {max(iterations // 20, 1)}",
                'snapshot_prefix: "detector"',
                "random_seed: 1",
                "",
            ]
        )


class _Text(NetText):
    """The prototxt of a detector, layer by layer."""

    def __init__(self, detector: SmallDetector) -> None:
        self.detector = detector
        training = Training(
            (detector.train, detector.test),
            (detector.train_batch, detector.test_batch),
            _transform(detector.size, train=True),
            _transform(detector.size, train=False),
        )
        super().__init__("SmallSSD", (), training)

    def _source(
        self, name: str, tops: list[str], phase: str, source: str, batch: int, transform: str
    ) -> None:
        self.lines += ["layer {", f'  name: "{name}"', '  type: "AnnotatedData"']
        self.lines += [f'  top: "{top}"' for top in tops]
        self.lines += [f"  include {{ phase: {phase} }}", "  transform_param {"]
        self.lines += [f"    {line}" for line in transform.splitlines()] + ["  }"]
        stored = f'source: "{source}" batch_size: {batch} backend: LMDB'
        self.lines += [f"  data_param {{ {stored} }}", "  annotated_data_param {"]
        self.lines += _samplers() if phase == "TRAIN" else []
        self.lines += [f'    label_map_file: "{self.detector.label_map}"', "  }", "}"]

    def finished(self) -> str:
        """The whole text."""
        x = self._unit("conv0", self.conv("conv0", "data", 16, 3, stride=2, bias=None))
        heads = []
        channels = 16
        for number, (width, stride) in enumerate(_TRUNK):
            name = f"conv{number + 1}"
            deep = self.conv(f"{name}/dw", x, channels, 3, stride=stride, group=channels, bias=None)
            x = self._unit(f"{name}/dw", deep)
            x = self._unit(name, self.conv(name, x, width, 1, pad=0, bias=None))
            channels = width
            if number in _HEADS:
                heads.append(self._head(x, *_HEADS[number]))
        loc, conf, priors = (
            self.layer(f"mbox_{kind}", "Concat", blobs, param="concat", fields=[f"axis: {axis}"])
            for kind, axis, blobs in zip(
                ("loc", "conf", "priorbox"), (1, 1, 2), zip(*heads, strict=True), strict=True
            )
        )
        self._loss(loc, conf, priors)
        self._test(loc, conf, priors)
        return self.text()

    def _unit(self, name: str, x: str) -> str:
        """BatchNorm that forgets quickly, for a training of hundreds of steps, Scale and ReLU."""
        fields = [f"moving_average_fraction: {_KEPT:g}"]
        x = self.layer(f"{name}/bn", "BatchNorm", [x], top=x, param="batch_norm", fields=fields)
        x = self.layer(
            f"{name}/scale", "Scale", [x], top=x, param="scale", fields=["bias_term: true"]
        )
        return self.relu(x, f"{name}/relu")

    def _head(self, x: str, least: float, most: float) -> tuple[str, str, str]:
        """The offsets, scores and priors of a map of the trunk."""
        size, name = self.detector.size, f"{x}_mbox"
        found = []
        for kind, each in (("loc", 4), ("conf", self.detector.classes)):
            y = self.conv(f"{name}_{kind}", x, 4 * each, 3)
            order = [f"order: {axis}" for axis in (0, 2, 3, 1)]
            y = self.layer(f"{name}_{kind}_perm", "Permute", [y], param="permute", fields=order)
            found.append(
                self.layer(
                    f"{name}_{kind}_flat", "Flatten", [y], param="flatten", fields=["axis: 1"]
                )
            )
        fields = [f"min_size: {least * size:g}", f"max_size: {most * size:g}"]
        fields += ["aspect_ratio: 2", "flip: true", "clip: false"]
        fields += ["variance: 0.1", "variance: 0.1", "variance: 0.2", "variance: 0.2"]
        priors = self.layer(
            f"{name}_priorbox", "PriorBox", [x, "data"], param="prior_box", fields=fields
        )
        return found[0], found[1], priors

    def _loss(self, loc: str, conf: str, priors: str) -> None:
        fields = [
            "loc_loss_type: SMOOTH_L1",
            "conf_loss_type: SOFTMAX",
            "loc_weight: 1",
            f"num_classes: {self.detector.classes}",
            "share_location: true",
            "match_type: PER_PREDICTION",
            "overlap_threshold: 0.5",
            "use_prior_for_matching: true",
            "background_label_id: 0",
            "use_difficult_gt: true",
            "neg_pos_ratio: 3",
            "neg_overlap: 0.5",
            "code_type: CENTER_SIZE",
            "ignore_cross_boundary_bbox: false",
            "mining_type: MAX_NEGATIVE",
        ]
        extra = ["include { phase: TRAIN }", "loss_param { normalization: VALID }"]
        extra += [f"propagate_down: {word}" for word in ("true", "true", "false", "false")]
        self.layer(
            "mbox_loss",
            "MultiBoxLoss",
            [loc, conf, priors, "label"],
            param="multibox_loss",
            fields=fields,
            extra=extra,
        )

    def _test(self, loc: str, conf: str, priors: str) -> None:
        classes, test = self.detector.classes, ["include { phase: TEST }"]
        shape = f"shape {{ dim: 0 dim: -1 dim: {classes} }}"
        x = conf
        for name, kind, param, field in (
            ("mbox_conf_reshape", "Reshape", "reshape", shape),
            ("mbox_conf_softmax", "Softmax", "softmax", "axis: 2"),
            ("mbox_conf_flatten", "Flatten", "flatten", "axis: 1"),
        ):
            x = self.layer(name, kind, [x], param=param, fields=[field], extra=test)
        found = self.layer(
            "detection_out",
            "DetectionOutput",
            [loc, x, priors],
            param="detection_output",
            fields=[f"num_classes: {classes}", *_FOUND],
            extra=test,
        )
        self.layer(
            "detection_eval",
            "DetectionEvaluate",
            [found, "label"],
            param="detection_evaluate",
            fields=[f"num_classes: {classes}", *_JUDGED],
            extra=test,
        )


def _transform(size: int, train: bool) -> str:
    """The lines of a transform_param."""
    lines = ["mean_value: 127.5 mean_value: 127.5 mean_value: 127.5", "scale: 0.007843"]
    fields = f"resize_mode: WARP height: {size} width: {size}"
    fields += " interp_mode: LINEAR interp_mode: AREA" if train else ""
    lines.append(f"resize_param {{ {fields} }}")
    if train:
        lines = ["mirror: true", *lines, "emit_constraint { emit_type: CENTER }"]
        lines += [
            "distort_param {",
            "  brightness_prob: 0.5 brightness_delta: 32",
            "  contrast_prob: 0.5 contrast_lower: 0.5 contrast_upper: 1.5",
            "  hue_prob: 0.5 hue_delta: 18",
            "  saturation_prob: 0.5 saturation_lower: 0.5 saturation_upper: 1.5",
            "}",
            "expand_param { prob: 0.3 max_expand_ratio: 1.3 }",
        ]
    return "\n".join(lines)


def _samplers() -> list[str]:
    """The batch_samplers: the whole image, or a part that shows enough of a box."""
    lines = ["    batch_sampler { max_sample: 1 max_trials: 1 }"]
    window = "min_scale: 0.7 max_scale: 1 min_aspect_ratio: 0.75 max_aspect_ratio: 1.33"
    for least in _SIZES:
        lines += ["    batch_sampler {", f"      sampler {{ {window} }}"]
        lines += [f"      sample_constraint {{ min_object_coverage: {least:g} }}"]
        lines += ["      max_sample: 1 max_trials: 50", "    }"]
    return lines
