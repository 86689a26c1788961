"""Torchvision's VGG, GoogLeNet and ResNet-18, under its names, of any width.

Written from its documented structure; what they compute is the oracle of the reader.
"""

import numpy as np
import torch
from torch import nn

VGG16 = (2, 2, 3, 3, 3)  # convolutions of a block


class VGG(nn.Module):
    """widths: filters of the five blocks; hidden: of the two layers after them."""

    def __init__(self, widths, hidden, side):
        super().__init__()
        layers, channels = [], 3
        for width, count in zip(widths, VGG16, strict=True):
            for _ in range(count):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            *(nn.Linear(channels * side**2, hidden), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout()),
            nn.Linear(hidden, 7),
        )

    def forward(self, x):
        return self.classifier[:-1](torch.flatten(self.features(x), 1))


class BasicConv2d(nn.Module):
    def __init__(self, channels, filters, kernel, **options):
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, kernel, bias=False, **options)
        self.bn = nn.BatchNorm2d(filters, eps=0.001)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    def __init__(self, channels, one, before_3, three, before_5, five, pool):
        super().__init__()
        self.branch1 = BasicConv2d(channels, one, 1)
        self.branch2 = nn.Sequential(
            BasicConv2d(channels, before_3, 1),
            BasicConv2d(before_3, three, 3, padding=1),
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(channels, before_5, 1),
            BasicConv2d(before_5, five, 3, padding=1),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True),
            BasicConv2d(channels, pool, 1),
        )

    def forward(self, x):
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return torch.cat([branch(x) for branch in branches], 1)


class GoogLeNet(nn.Module):
    """stem: three widths; stages: filters of the blocks of stages 3, 4 and 5."""

    def __init__(self, stem, stages):
        super().__init__()
        self.conv1 = BasicConv2d(3, stem[0], 7, stride=2, padding=3)
        self.conv2 = BasicConv2d(stem[0], stem[1], 1)
        self.conv3 = BasicConv2d(stem[1], stem[2], 3, padding=1)
        self.names, channels = [], stem[2]
        for i, stage in enumerate(stages):
            if i:
                self.names.append(f"maxpool{i + 2}")
                pool = nn.MaxPool2d(3 if i == 1 else 2, stride=2, ceil_mode=True)
                setattr(self, self.names[-1], pool)
            for letter, filters in zip("abcde", stage, strict=False):
                self.names.append(f"inception{i + 3}{letter}")
                setattr(self, self.names[-1], Inception(channels, *filters))
                one, _, three, _, five, pool = filters
                channels = one + three + five + pool
        self.fc = nn.Linear(channels, 7)

    def forward(self, x):
        pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        x = pool(self.conv3(self.conv2(pool(self.conv1(x)))))
        for name in self.names:
            x = getattr(self, name)(x)
        return x.mean((2, 3))


class BasicBlock(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.downsample = nn.Sequential()
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, filters, 1, stride, bias=False),
                nn.BatchNorm2d(filters),
            )

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class ResNet18(nn.Module):
    """To its third stage, and without the max-pool, as CapsuleNet runs it."""

    def __init__(self, widths):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        channels = widths[0]
        for i, filters in enumerate(widths):
            first = BasicBlock(channels, filters, 2 if i else 1)
            layer = nn.Sequential(first, BasicBlock(filters, filters, 1))
            setattr(self, f"layer{i + 1}", layer)
            channels = filters
        self.fc = nn.Linear(channels, 7)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.layer3(self.layer2(self.layer1(x)))


def drawn(net):
    """``net`` for inference, its weights and statistics drawn."""
    rng = np.random.default_rng(5)

    def normal(tensor, place, spread):
        values = place + spread * rng.standard_normal(tuple(tensor.shape))
        tensor.copy_(torch.from_numpy(values))

    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.ndim > 1:
                normal(tensor, 0, np.sqrt(2 / np.prod(tensor.shape[1:])))
            elif name.endswith("running_var"):
                normal(tensor, 0, 0.5)
                tensor.copy_(tensor**2 + 0.2)
            elif tensor.ndim:  # not the count of batches
                scale = name.endswith("weight")  # of a batch norm
                normal(tensor, 0.8 if scale else 0, 0.3)
    return net.eval()
