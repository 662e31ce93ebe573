"""SmallSSD, compiled from small_ssd.prototxt by protonet."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def box_sizes(least: int, most: int, ratios: list[float]) -> list[tuple[float, float]]:
    """Widths and heights: a square, one between it and the next size, and each ratio both ways."""
    sizes: list[tuple[float, float]] = [(least, least)]
    sizes.append((math.sqrt(least * most),) * 2)
    roots = [math.sqrt(each) for ratio in ratios for each in (ratio, 1 / ratio)]
    return sizes + [(least * root, least / root) for root in roots]


def prior_boxes(
    x: Tensor,
    image: Tensor,
    sizes: list[tuple[float, float]],
    variance: list[float],
    step: tuple[float, float],
    offset: float = 0.5,
) -> Tensor:
    """Boxes of these sizes, (width, height), around each place of a map: (1, 2, n)."""
    height, width = x.shape[2:]
    high, wide = image.shape[2:]
    down, right = step
    center_y = (torch.arange(height, device=x.device).to(x.dtype) + offset) * down
    center_x = (torch.arange(width, device=x.device).to(x.dtype) + offset) * right
    y, x = torch.meshgrid(center_y, center_x, indexing="ij")
    center = torch.stack([x, y], 2)[:, :, None]
    half = center.new_tensor(sizes) / 2
    corners = torch.cat([center - half, center + half], -1)
    corners = (corners / corners.new_tensor([wide, high, wide, high])).view(-1, 4)
    spread = corners.new_tensor(variance).expand_as(corners)
    return torch.stack([corners, spread]).view(1, 2, -1)


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of each of (n, 4) boxes with each of (m, 4): (n, m)."""
    low = torch.maximum(a[:, None, :2], b[:, :2])
    high = torch.minimum(a[:, None, 2:], b[:, 2:])
    sides = [high - low, a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]]
    shared, first, second = (side.clamp(min=0).prod(-1) for side in sides)
    union = first[:, None] + second - shared
    return torch.where(shared > 0, shared / union, 0)


def nms(boxes: Tensor, threshold: float) -> Tensor:
    """The places of the boxes to keep, of (n, 4) boxes in the order of falling scores."""
    kept = torch.arange(0, device=boxes.device)
    step = 1024
    for start in range(0, len(boxes), step):
        block = boxes[start : start + step]
        free = ~(box_iou(boxes[kept], block) > threshold).any(0)
        covers = (box_iou(block, block) > threshold).triu(1)
        stays, before = free, ~free
        while not torch.equal(stays, before):
            before = stays
            stays = free & ~(covers & stays[:, None]).any(0)
        kept = torch.cat([kept, start + stays.nonzero()[:, 0]])
    return kept


def decode_boxes(
    priors: Tensor,
    variances: Tensor,
    offsets: Tensor,
) -> Tensor:
    """The boxes (..., 4) that offsets from prior boxes mean."""
    offsets = offsets * variances
    size = priors[..., 2:] - priors[..., :2]
    center = (priors[..., :2] + priors[..., 2:]) / 2 + offsets[..., :2] * size
    half = offsets[..., 2:].exp() * size / 2
    return torch.cat([center - half, center + half], -1)


def detected_boxes(
    boxes: Tensor,
    scores: Tensor,
    threshold: float,
    nms_threshold: float,
    top_k: int,
) -> Tensor:
    """Score and corners (n, 5) of the boxes of one class that no better one suppresses."""
    scores, order = scores.sort(descending=True, stable=True)
    scores, order = scores[scores > threshold], order[scores > threshold]
    boxes, scores = boxes[order[:top_k]], scores[:top_k]
    kept = nms(boxes, nms_threshold)
    return torch.cat([scores[kept, None], boxes[kept]], 1)


def detection_boxes(offsets: Tensor, priors: Tensor) -> Tensor:
    """The boxes (n, priors, sets, 4) that the offsets mean, from priors of all or of each image."""
    prior, variance = priors.reshape(len(priors), 2, -1, 1, 4).unbind(1)
    offsets = offsets.detach().reshape(len(offsets), prior.shape[1], -1, 4)
    boxes = decode_boxes(prior, variance, offsets)
    return boxes


def detection_output(
    boxes: Tensor,
    scores: Tensor,
    classes: int,
    background: int = 0,
    threshold: float | None = None,
    nms_threshold: float = 0.3,
    top_k: int | None = None,
    keep_top_k: int | None = None,
) -> Tensor:
    """Rows of image, label, score and corners of the boxes found, (1, 1, n, 7)."""
    scores = scores.detach().reshape(len(scores), -1, classes)
    found = [boxes.new_zeros(0, 7)]
    for image in range(len(scores)):
        rows = [boxes.new_zeros(0, 6)]
        for label in (i for i in range(classes) if i != background):
            own = boxes[image, :, label if boxes.shape[2] > 1 else 0]
            own_scores = scores[image, :, label]
            best = detected_boxes(own, own_scores, threshold, nms_threshold, top_k)
            rows.append(F.pad(best, (1, 0), value=label))
        kept = torch.cat(rows)
        best = kept[:, 1].argsort(descending=True, stable=True)[:keep_top_k]
        found.append(F.pad(kept[best.sort().values], (1, 0), value=image))
    if sum(len(rows) for rows in found) == 0:
        nothing = boxes.new_full((len(scores), 6), -1)
        images = torch.arange(len(scores), device=boxes.device)
        found = [torch.cat([images[:, None].to(nothing), nothing], 1)]
    return torch.cat(found)[None, None]


class Head(nn.Module):
    """Several values of one map, each on a branch of its own."""

    def __init__(self, loc, conf, least, most, ratios, step):
        super().__init__()
        self.loc = nn.Conv2d(64, loc, 3, padding=1)
        self.conf = nn.Conv2d(64, conf, 3, padding=1)
        self.least = least
        self.most = most
        self.ratios = ratios
        self.step = step

    def forward(self, x: Tensor, data: Tensor) -> tuple[Tensor, ...]:
        loc = self.loc(x).permute(0, 2, 3, 1).flatten(1)
        conf = self.conf(x).permute(0, 2, 3, 1).flatten(1)
        boxes = prior_boxes(
            x,
            data,
            box_sizes(self.least, self.most, self.ratios),
            [0.1, 0.1, 0.2, 0.2],
            step=self.step,
        )
        return loc, conf, boxes


class SmallSSD(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1_1 = nn.Conv2d(3, 16, 3, padding=1)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.conv2_1 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv2_2 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv3_1 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv3_2 = nn.Conv2d(64, 64, 3, padding=1)
        self.conv4 = nn.Conv2d(64, 64, 3, padding=1)
        self.conv5_1 = nn.Conv2d(64, 32, 1)
        self.conv5_2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.conv6_1 = nn.Conv2d(64, 32, 1)
        self.conv6_2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.conv7_1 = nn.Conv2d(64, 32, 1)
        self.conv7_2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.conv8_1 = nn.Conv2d(64, 32, 1)
        self.conv8_2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.conv9_1 = nn.Conv2d(64, 32, 1)
        self.conv9_2 = nn.Conv2d(32, 64, 2)
        self.heads = nn.ModuleList(
            [
                Head(16, 20, 16, 32, [2], (8, 8)),
                Head(24, 30, 32, 64, [2, 3], (16, 16)),
                Head(24, 30, 64, 96, [2, 3], (32, 32)),
                Head(24, 30, 96, 128, [2, 3], (64, 64)),
                Head(16, 20, 128, 160, [2], (96, 96)),
                Head(16, 20, 160, 192, [2], (192, 192)),
            ],
        )
        self.reset_parameters()

    def reset_parameters(self):
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")

    def forward(self, data: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1_1(data)))
        x = F.relu(self.conv2_1(x))
        x = self.pool(F.relu(self.conv2_2(x)))
        x = F.relu(self.conv3_1(x))
        x = self.pool(F.relu(self.conv3_2(x)))
        conv4 = F.relu(self.conv4(x))
        x = F.relu(self.conv5_1(conv4))
        conv5_2 = F.relu(self.conv5_2(x))
        x = F.relu(self.conv6_1(conv5_2))
        conv6_2 = F.relu(self.conv6_2(x))
        x = F.relu(self.conv7_1(conv6_2))
        conv7_2 = F.relu(self.conv7_2(x))
        x = F.relu(self.conv8_1(conv7_2))
        conv8_2 = F.relu(self.conv8_2(x))
        x = F.relu(self.conv9_1(conv8_2))
        x = F.relu(self.conv9_2(x))
        sources = [conv4, conv5_2, conv6_2, conv7_2, conv8_2, x]
        loc, conf, boxes = zip(
            *(head(source, data) for head, source in zip(self.heads, sources))
        )
        mbox_loc = torch.cat(loc, dim=1)
        mbox_conf = torch.cat(conf, dim=1)
        mbox_priorbox = torch.cat(boxes, dim=2)
        mbox_conf_flatten = F.softmax(
            mbox_conf.reshape(mbox_conf.shape[0], -1, 5), dim=2
        ).flatten(1)
        x = detection_boxes(mbox_loc, mbox_priorbox)
        return detection_output(
            x,
            mbox_conf_flatten,
            5,
            threshold=0.01,
            nms_threshold=0.45,
            top_k=100,
            keep_top_k=50,
        )


if __name__ == "__main__":
    net = SmallSSD().eval()
    print(tuple(net(torch.zeros(1, 3, 192, 192)).shape))
