"""What RoIDataLayer's param_str may state: what its layer is told, and where its data are."""

from __future__ import annotations

from protonet.schema.param_str import FLAG, NUMBER, SIZES, TEXT, WHOLE

ROI_OPTIONS = {
    "num_classes": WHOLE,
    "agnostic": FLAG,
    "source": TEXT,
    "set": TEXT,
    "label_map": TEXT,
    "scales": SIZES,
    "max_size": NUMBER,
    "flipped": FLAG,
}
