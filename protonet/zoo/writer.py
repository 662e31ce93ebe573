"""A prototxt that grows layer by layer: the one way the zoo's regular nets are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Side = int | tuple[int, int]

_WIDTH = 100


@dataclass(frozen=True)
class Training:
    """What train_val.prototxt adds to a net: its data, its weights' fillers.

    ``sources`` and ``batches`` are those of the TRAIN and the TEST phase; ``transform`` and
    ``test_transform`` the fields of transform_param; ``filler`` those of a weight_filler. With
    ``segmentation`` a label is an image, in a database of its own beside that of the images.
    """

    sources: tuple[str, str]
    batches: tuple[int, int]
    transform: str
    test_transform: str
    filler: str = 'type: "msra"'
    top5: bool = False
    segmentation: bool = False


class NetText:
    """A prototxt that grows by layers; each method returns the name of its top.

    Without ``training`` it is the net for use, with an Input and a Softmax; with it the net for
    training, with data, fillers, accuracy and loss.
    """

    def __init__(
        self, name: str, shape: Sequence[int], training: Training | None = None, about: str = ""
    ) -> None:
        self.training = training
        self.lines = [*(f"# {line}" for line in about.splitlines()), f'name: "{name}"']
        if training:
            self._data(training)
        else:
            dims = " ".join(f"dim: {n}" for n in shape)
            self.layer("data", "Input", (), param="input", fields=[f"shape {{ {dims} }}"])

    def _data(self, training: Training) -> None:
        transforms = (training.transform, training.test_transform)
        for i, phase in enumerate(("TRAIN", "TEST")):
            source, batch, transform = training.sources[i], training.batches[i], transforms[i]
            if training.segmentation:
                gray = f"{transform.partition(' mean')[0]} force_gray: true"
                self._source("data", ["data"], phase, f"{source}_images_lmdb", batch, transform)
                self._source("label", ["label"], phase, f"{source}_labels_lmdb", batch, gray)
            else:
                self._source("data", ["data", "label"], phase, source, batch, transform)

    def _source(
        self, name: str, tops: list[str], phase: str, source: str, batch: int, transform: str
    ) -> None:
        self.lines += ["layer {", f'  name: "{name}"', '  type: "Data"']
        self.lines += [f'  top: "{top}"' for top in tops]
        self.lines += [f"  include {{ phase: {phase} }}"]
        self.lines += [f"  transform_param {{ {transform} }}"] if transform else []
        stored = f'source: "{source}" batch_size: {batch} backend: LMDB'
        self.lines += [f"  data_param {{ {stored} }}", "}"]

    def layer(
        self,
        name: str,
        kind: str,
        bottoms: Sequence[str],
        *,
        top: str = "",
        tops: Sequence[str] = (),
        param: str = "",
        fields: Sequence[str] = (),
        extra: Sequence[str] = (),
    ) -> str:
        """Add a layer; its top has the layer's own name unless it is given.

        ``fields`` go into the message ``param``_param, ``extra`` into the layer itself.
        """
        tops = tops or (top or name,)
        parts = [f'name: "{name}"', f'type: "{kind}"']
        parts += [f'bottom: "{bottom}"' for bottom in bottoms]
        parts += [*(f'top: "{t}"' for t in tops), *extra]
        body = f"{param}_param {{ {' '.join(fields)} }}" if fields else ""
        line = " ".join(["layer {", *parts, *([body] if body else []), "}"])
        if len(line) <= _WIDTH:
            self.lines.append(line)
        else:
            self.lines += ["layer {", *(f"  {part}" for part in parts)]
            self.lines += [*_block(body, param, fields), "}"]
        return tops[0]

    def text(self) -> str:
        """The whole prototxt."""
        return "\n".join(self.lines) + "\n"

    def conv(
        self,
        name: str,
        bottom: str,
        outputs: int,
        kernel: Side,
        *,
        stride: int = 1,
        pad: Side | None = None,
        group: int = 1,
        dilation: int = 1,
        bias: float | None = 0.0,
        filler: str = "",
        decay: bool = True,
    ) -> str:
        """Add a convolution, padded to keep the size at stride 1 unless ``pad`` says otherwise.

        ``bias`` is the value it starts with, None for no bias; without ``decay`` the weights
        have no weight decay.
        """
        fields = [f"num_output: {outputs}", _size("kernel", kernel)]
        if pad is None:
            pad = _half(kernel, dilation)
        fields += [_size("pad", pad)] if pad not in (0, (0, 0)) else []
        numbers = (("stride", stride), ("group", group), ("dilation", dilation))
        fields += [f"{key}: {n}" for key, n in numbers if n > 1]
        fields += ["bias_term: false"] if bias is None else []
        fields += self._fillers(bias, filler)
        extra = self._multipliers(bias is not None, decay)
        return self.layer(
            name, "Convolution", [bottom], param="convolution", fields=fields, extra=extra
        )

    def dense(
        self, name: str, bottom: str, outputs: int, *, bias: float = 0.0, filler: str = ""
    ) -> str:
        """Add an inner product."""
        fields = [f"num_output: {outputs}", *self._fillers(bias, filler)]
        extra = self._multipliers(True, True)
        return self.layer(
            name, "InnerProduct", [bottom], param="inner_product", fields=fields, extra=extra
        )

    def _fillers(self, bias: float | None, filler: str) -> list[str]:
        if not self.training:
            return []
        fields = [f"weight_filler {{ {filler or self.training.filler} }}"]
        return fields + ([f'bias_filler {{ type: "constant" value: {bias:g} }}'] if bias else [])

    def _multipliers(self, bias: bool, decay: bool) -> list[str]:
        """Twice the rate and no decay for a bias, as Caffe's own recipes have it."""
        if not self.training or not (bias or not decay):
            return []
        weight = f"param {{ lr_mult: 1 decay_mult: {int(decay)} }}"
        return [weight, "param { lr_mult: 2 decay_mult: 0 }"] if bias else [weight]

    def relu(self, blob: str, name: str = "") -> str:
        """Rectify in place."""
        return self.layer(name or f"{blob}/relu", "ReLU", [blob], top=blob)

    def norm(self, name: str, bottom: str, *, top: str = "", eps: str = "") -> str:
        """Add BatchNorm and Scale; in place unless ``top`` is another blob."""
        fields = [f"eps: {eps}"] if eps else []
        x = self.layer(
            f"{name}/bn",
            "BatchNorm",
            [bottom],
            top=top or bottom,
            param="batch_norm",
            fields=fields,
        )
        return self.layer(
            f"{name}/scale", "Scale", [x], top=x, param="scale", fields=["bias_term: true"]
        )

    def pool(self, name: str, bottom: str, method: str, window: str) -> str:
        """Add a pooling layer; ``window`` is the rest of its fields."""
        fields = [f"pool: {method}", window]
        return self.layer(name, "Pooling", [bottom], param="pooling", fields=fields)

    def average(self, name: str, bottom: str) -> str:
        """Average over the whole image, whatever its size."""
        return self.pool(name, bottom, "AVE", "global_pooling: true")

    def dropout(self, name: str, blob: str, ratio: float = 0.5) -> str:
        """Drop in place."""
        fields = [f"dropout_ratio: {ratio:g}"]
        return self.layer(name, "Dropout", [blob], top=blob, param="dropout", fields=fields)

    def add(self, name: str, bottoms: Sequence[str]) -> str:
        """Add blobs up."""
        return self.layer(name, "Eltwise", bottoms)

    def concat(self, name: str, bottoms: Sequence[str]) -> str:
        """Put blobs behind one another, along the channels."""
        return self.layer(name, "Concat", bottoms)

    def finish(self, scores: str) -> None:
        """Add what makes scores of classes an answer: a Softmax, or accuracy and loss."""
        if not self.training:
            self.layer("prob", "Softmax", [scores])
            return
        bottoms, test = [scores, "label"], ["include { phase: TEST }"]
        self.layer("accuracy", "Accuracy", bottoms, extra=test)
        if self.training.top5:
            fields = ["top_k: 5"]
            self.layer("top5", "Accuracy", bottoms, extra=test, param="accuracy", fields=fields)
        self.layer("loss", "SoftmaxWithLoss", bottoms)


def _half(kernel: Side, dilation: int) -> Side:
    if isinstance(kernel, tuple):
        return kernel[0] // 2 * dilation, kernel[1] // 2 * dilation
    return kernel // 2 * dilation


def _size(what: str, size: Side) -> str:
    """kernel_size or pad, one number or two."""
    if isinstance(size, tuple):
        return f"{what}_h: {size[0]} {what}_w: {size[1]}"
    return f"{'kernel_size' if what == 'kernel' else what}: {size}"


def _block(body: str, param: str, fields: Sequence[str]) -> list[str]:
    """A parameter message on one line where it fits, else its messages on lines of their own."""
    if len(body) + 2 <= _WIDTH:
        return [f"  {body}"] if body else []
    plain = [field for field in fields if "{" not in field]
    messages = [field for field in fields if "{" in field]
    lines = [f"    {' '.join(plain)}", *(f"    {field}" for field in messages)]
    return [f"  {param}_param {{", *lines, "  }"]
