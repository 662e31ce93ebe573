"""Write the regular nets of this folder: python zoo_prototxt/generate.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent


class Net:
    """A prototxt that grows by layers; each method returns the name of its top."""

    def __init__(self, name: str, shape: Sequence[int]) -> None:
        dims = " ".join(f"dim: {n}" for n in shape)
        self.lines = [f'name: "{name}"']
        self.layer("data", "Input", (), f"input_param {{ shape {{ {dims} }} }}")

    def layer(self, name: str, kind: str, bottoms: Sequence[str], body: str = "") -> str:
        """Add a layer whose top has its own name."""
        return self.place(name, kind, bottoms, name, body)

    def place(self, name: str, kind: str, bottoms: Sequence[str], top: str, body: str = "") -> str:
        """Add a layer; in place where the top is a bottom."""
        lines = ["layer {", f'  name: "{name}"', f'  type: "{kind}"']
        lines += [f'  bottom: "{bottom}"' for bottom in bottoms]
        lines += [f'  top: "{top}"', *([f"  {body}"] if body else []), "}"]
        self.lines += lines
        return top

    def text(self) -> str:
        """The whole prototxt."""
        return "\n".join(self.lines) + "\n"

    def conv(self, name: str, bottom: str, outputs: int, kernel: int, *, extra: str = "") -> str:
        """Add a convolution with padding that keeps the size at stride 1."""
        pad = f" pad: {kernel // 2}" if kernel > 1 else ""
        body = f"num_output: {outputs} kernel_size: {kernel}{pad}{extra}"
        return self.layer(name, "Convolution", [bottom], f"convolution_param {{ {body} }}")

    def relu(self, blob: str, name: str = "") -> str:
        """Rectify in place."""
        return self.place(name or f"{blob}/relu", "ReLU", [blob], blob)

    def pool(self, name: str, bottom: str, method: str, window: str) -> str:
        """Add a pooling layer."""
        return self.layer(name, "Pooling", [bottom], f"pooling_param {{ pool: {method} {window} }}")

    def classifier(self, name: str, bottom: str, classes: int) -> str:
        """Add an inner product and a softmax."""
        body = f"inner_product_param {{ num_output: {classes} }}"
        return self.layer("prob", "Softmax", [self.layer(name, "InnerProduct", [bottom], body)])


# Outputs of each module's branches: 1x1, 3x3 after its reduction, 5x5 after its, after the pool.
# Szegedy et al., "Going deeper with convolutions", table 1.
INCEPTION = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def inception(net: Net, name: str, bottom: str) -> str:
    """Add one inception module."""
    one, reduce3, three, reduce5, five, pooled = INCEPTION[name]
    at = f"inception_{name}"
    branches = [net.relu(net.conv(f"{at}/1x1", bottom, one, 1))]
    narrow = net.relu(net.conv(f"{at}/3x3_reduce", bottom, reduce3, 1))
    branches.append(net.relu(net.conv(f"{at}/3x3", narrow, three, 3)))
    narrow = net.relu(net.conv(f"{at}/5x5_reduce", bottom, reduce5, 1))
    branches.append(net.relu(net.conv(f"{at}/5x5", narrow, five, 5)))
    pool = net.pool(f"{at}/pool", bottom, "MAX", "kernel_size: 3 stride: 1 pad: 1")
    branches.append(net.relu(net.conv(f"{at}/pool_proj", pool, pooled, 1)))
    return net.layer(f"{at}/output", "Concat", branches)


def googlenet() -> str:
    """GoogLeNet for inference, without the auxiliary classifiers."""
    net = Net("GoogLeNet", (10, 3, 224, 224))
    window = "kernel_size: 3 stride: 2"
    norm = "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }"
    x = net.relu(net.conv("conv1/7x7_s2", "data", 64, 7, extra=" stride: 2"))
    x = net.layer("pool1/norm1", "LRN", [net.pool("pool1/3x3_s2", x, "MAX", window)], norm)
    x = net.relu(net.conv("conv2/3x3_reduce", x, 64, 1))
    x = net.layer("conv2/norm2", "LRN", [net.relu(net.conv("conv2/3x3", x, 192, 3))], norm)
    x = net.pool("pool2/3x3_s2", x, "MAX", window)
    for name in INCEPTION:
        x = inception(net, name, x)
        if name in ("3b", "4e"):
            x = net.pool(f"pool{name[0]}/3x3_s2", x, "MAX", window)
    x = net.pool("pool5/7x7_s1", x, "AVE", "kernel_size: 7 stride: 1")
    x = net.place("pool5/drop", "Dropout", [x], x, "dropout_param { dropout_ratio: 0.4 }")
    net.classifier("loss3/classifier", x, 1000)
    return net.text()


def normalised(net: Net, name: str, bottom: str, outputs: int, kernel: int, stride: int) -> str:
    """Add a convolution without bias, then BatchNorm and Scale in place."""
    extra = (f" stride: {stride}" if stride > 1 else "") + " bias_term: false"
    x = net.conv(name, bottom, outputs, kernel, extra=extra)
    net.place(f"{name}/bn", "BatchNorm", [x], x)
    return net.place(f"{name}/scale", "Scale", [x], x, "scale_param { bias_term: true }")


def added(net: Net, name: str, branch: str, shortcut: str) -> str:
    """Add a residual sum and its ReLU."""
    return net.relu(net.layer(name, "Eltwise", [shortcut, branch]))


def resnet50() -> str:
    """ResNet-50: He et al., "Deep residual learning for image recognition", table 1."""
    net = Net("ResNet50", (1, 3, 224, 224))
    x = net.relu(normalised(net, "conv1", "data", 64, 7, 2))
    x = net.pool("pool1", x, "MAX", "kernel_size: 3 stride: 2")
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            at = f"res{stage + 2}{chr(ord('a') + block)}"
            shortcut = x
            if not block:
                shortcut = normalised(net, f"{at}_shortcut", x, 4 * width, 1, stride)
            y = net.relu(normalised(net, f"{at}_1x1_in", x, width, 1, stride))
            y = net.relu(normalised(net, f"{at}_3x3", y, width, 3, 1))
            y = normalised(net, f"{at}_1x1_out", y, 4 * width, 1, 1)
            x = added(net, at, y, shortcut)
    x = net.pool("pool5", x, "AVE", "global_pooling: true")
    net.classifier("fc1000", x, 1000)
    return net.text()


def resnet_cifar(depth: int) -> str:
    """A CIFAR ResNet of 6 n + 2 layers, its shortcuts projected. Section 4.2 of the same paper."""
    net = Net(f"ResNet{depth}", (1, 3, 32, 32))
    x = net.relu(normalised(net, "conv1", "data", 16, 3, 1))
    for stage in range(3):
        width = 16 << stage
        for block in range((depth - 2) // 6):
            stride = 2 if stage and not block else 1
            at = f"res{stage + 2}_{block + 1}"
            shortcut = normalised(net, f"{at}_shortcut", x, width, 1, 2) if stride == 2 else x
            y = net.relu(normalised(net, f"{at}_a", x, width, 3, stride))
            x = added(net, at, normalised(net, f"{at}_b", y, width, 3, 1), shortcut)
    x = net.pool("pool", x, "AVE", "global_pooling: true")
    net.classifier("fc", x, 10)
    return net.text()


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file and its text."""
    yield HERE / "googlenet" / "deploy.prototxt", googlenet()
    yield HERE / "resnet50" / "deploy.prototxt", resnet50()


def main() -> None:
    """Write all of them."""
    for path, text in files():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
