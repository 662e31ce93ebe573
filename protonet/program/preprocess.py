"""How a standalone file prepares an image: the function ``preprocess``, from the facts told."""

from __future__ import annotations

from protonet.preparation import Preparation
from protonet.program.expr import wrap
from protonet.program.literal import number

_MEAN_FUNCTION = [
    "def mean_image(path=WEIGHTS):",
    '    """The mean of the images that it was trained on, kept beside the weights."""',
    '    with safe_open(path, "pt") as file:',
    '        packed = base64.b64decode(file.metadata()["mean_image"])',
    "    values = torch.frombuffer(bytearray(packed), dtype=torch.float32)",
]
_SAME = "PIL's images, arrays and tensors will do; of cv2's give image[..., ::-1]."


def functions(preparation: Preparation) -> list[list[str]]:
    """The lines of each function; a mean image is read from the file with the weights."""
    mean = preparation.mean_image
    if mean is None:
        return [_preprocess(preparation)]
    sized = f"    return values.view({wrap(mean.shape).text()[1:-1]})"
    return [[*_MEAN_FUNCTION, sized], _preprocess(preparation)]


def _preprocess(facts: Preparation) -> list[str]:
    """The function, whose steps are those of ``run``, with torch's own resizing."""
    shape = (1, facts.channels, facts.height, facts.width)
    taken = "(h, w, 3) of RGB" if facts.channels == 3 else "(h, w) or (h, w, 3) of RGB"
    body = [*_taken(facts), *_sized(facts), *_valued(facts)]
    body[-1] = body[-1].replace("x = ", "return ", 1)
    return [
        "def preprocess(image):",
        f'    """An image, {taken} in uint8, as the net takes it: {shape}.',
        "",
        f"    {_SAME}",
        '    """',
        *(f"    {line}" for line in body),
    ]


def _taken(facts: Preparation) -> list[str]:
    """From what a caller has to (1, c, h, w)."""
    color = facts.channels == 3
    wanted = "(h, w, 3)" if color else "(h, w) or (h, w, 3)"
    wrong = "image.dim() != 3 or image.shape[2] != 3"
    wrong = wrong if color else "image.shape[2:] not in ((), (3,))"
    lines = [
        "if not isinstance(image, torch.Tensor):",
        "    image = torch.from_numpy(np.array(image))",
        f"if image.dtype != torch.uint8 or {wrong}:",
        '    given = f"{tuple(image.shape)} of {image.dtype}"',
        f'    raise ValueError(f"an image is {wanted} of torch.uint8, not {{given}}")',
    ]
    if color:
        return [*lines, "x = image.permute(2, 0, 1)[None].float()"]
    return [
        *lines,
        "x = image.float()",
        "if x.dim() == 3:",
        "    x = (x @ x.new_tensor([0.299, 0.587, 0.114])).round()",
        "x = x[None, None]",
    ]


def _sized(facts: Preparation) -> list[str]:
    """To what images are brought to, and the centre of it."""
    tall, broad = facts.frame
    lines = [f'x = F.interpolate(x, ({tall}, {broad}), mode="bilinear").round()']
    if facts.short_side:
        lines = [
            f"scale = {tall} / min(x.shape[2:])",
            "height, width = (max(1, round(n * scale)) for n in x.shape[2:])",
            'x = F.interpolate(x, (height, width), mode="bilinear").round()',
            f"top, left = (height - {tall}) // 2, (width - {broad}) // 2",
            f"x = x[:, :, top : top + {tall}, left : left + {broad}]",
        ]
    if facts.channels == 3 and not facts.rgb:
        lines.append("x = x.flip(1)  # BGR")
    return lines


def _valued(facts: Preparation) -> list[str]:
    """To the range, less the mean, times the scale; the centre is cut out where the mean lies."""
    ranged = {255.0: [], 1.0: ["x = x / 255"]}
    factor = f"x = x * {wrap(number(facts.raw_scale / 255)).text()}"
    lines = list(ranged.get(facts.raw_scale, [factor]))
    image = facts.mean_image
    minus = ["x = x - mean_image().to(x)"] if image is not None else _less(facts)
    centre = _centre(facts)
    is_framed = image is not None and image.shape[1:] != (facts.height, facts.width)
    lines += [*minus, *centre] if is_framed else [*centre, *minus]
    if facts.scale != 1:
        lines.append(f"x = x * {wrap(number(facts.scale)).text()}")
    return lines or ["x = x"]


def _centre(facts: Preparation) -> list[str]:
    (tall, broad), height, width = facts.frame, facts.height, facts.width
    if (tall, broad) == (height, width):
        return []
    top, left = (tall - height) // 2, (broad - width) // 2
    return [f"x = x[:, :, {top}:{top + height}, {left}:{left + width}]"]


def _less(facts: Preparation) -> list[str]:
    if facts.mean is None:
        return []
    values = wrap([float(number(value)) for value in facts.mean]).text()
    if facts.channels == 1:
        return [f"x = x - {values[1:-1]}"]
    return [f"x = x - x.new_tensor({values})[:, None, None]"]
