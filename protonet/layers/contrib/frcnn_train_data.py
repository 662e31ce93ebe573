"""FrcnnTrainData: images and regions with their targets, of craftGBD's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register

# Their values for both sources, or for each process; without one the fork reads beyond the list.
_TWICE = ("source", "root_folder", "batch_size", "fg_thresh")
_ONCE = ("ims_per_batch", "scales", "bg_thresh_hi", "bg_thresh_lo", "fg_fraction", "rand_seed")


@register("FrcnnTrainData")
class FrcnnTrainData(Layer):
    """Images of two lists, regions of each, and what these are and how far off.

    To (n, 3, max_size, max_size), n being the first ims_per_batch and gt_per_batch, classes (k),
    regions (k, 5), targets (k, 4 * num_class) and their weights, k being the first batch_size for
    each of those images and the second for each of these. With split_source a first process takes
    the first list alone. The lists are not read. Source: FrcnnTrainDataLayer of craftGBD's
    caffe-GBD.
    """

    param = "frcnn_train_data_param"
    bottoms = (0, 0)
    tops = (5, 5)
    is_data = True
    examples = (
        Example(
            'layer { name: "l" type: "FrcnnTrainData" top: "data" top: "labels" top: "rois" '
            'top: "targets" top: "weights" frcnn_train_data_param { source: "a" source: "b" '
            'root_folder: "" root_folder: "" batch_size: 32 batch_size: 8 ims_per_batch: 1 '
            "gt_per_batch: 2 scales: 600 max_size: 700 fg_thresh: 0.5 fg_thresh: 0.7 "
            "bg_thresh_hi: 0.5 bg_thresh_lo: 0.0 fg_fraction: 0.25 num_class: 21 rand_seed: 3 "
            "rand_skip: 0 } }",
            {},
            {
                "data": (3, 3, 700, 700),
                "labels": (48,),
                "rois": (48, 5),
                "targets": (48, 84),
                "weights": (48, 84),
            },
            "def forward(self, data, labels, rois, targets, weights):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for fields, least in ((_TWICE, 2), (_ONCE, 1), (("rand_skip",), 1)):
            for field in fields:
                if len(getattr(self.p, field)) < least:
                    what = (
                        f"{field} is given {'for each of its two lists' if least > 1 else 'once'}"
                    )
                    raise LayerError(f"{what} at least, not {len(getattr(self.p, field))} times")
        self.check_positive("max_size", "num_class")
        images, others = self.p.ims_per_batch[0], self.p.gt_per_batch
        others = 0 if self.p.split_source else others
        regions = images * self.p.batch_size[0] + others * self.p.batch_size[1]
        side, numbers = self.p.max_size, 4 * self.p.num_class
        data = (images + others, 3, side, side)
        return data, (regions,), (regions, 5), (regions, numbers), (regions, numbers)
