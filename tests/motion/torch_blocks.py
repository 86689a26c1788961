"""Blocks of the motion network in PyTorch, channels first.

Where Flax does otherwise than PyTorch's usual layers (asymmetric 'SAME' padding,
epsilon of GroupNorm) they follow Flax, so that equal parameters give equal numbers.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def same(x, kernel, stride, value=0.0):
    """Pad as 'SAME' does with a stride: the odd pixel goes behind."""
    pads = []
    for size in reversed(x.shape[2:]):
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


class Conv(nn.Conv2d):
    def __init__(self, inside, width, kernel, stride=1, bias=True):
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inside, width, kernel, stride, padding, bias=bias)

    def forward(self, x):
        if self.stride[0] > 1:
            x = same(x, self.kernel_size[0], self.stride[0])
        return super().forward(x)


class Norm(nn.GroupNorm):
    def __init__(self, width):
        super().__init__(math.gcd(width, 8), width, eps=1e-6)


class ConvNormAct(nn.Module):
    def __init__(self, inside, width, kernel=3, stride=1):
        super().__init__()
        self.conv = Conv(inside, width, kernel, stride, bias=False)
        self.norm = Norm(width)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Up(nn.Module):
    def __init__(self, inside, width):
        super().__init__()
        self.conv = ConvNormAct(inside, width)

    def forward(self, x, shape):
        return self.conv(F.interpolate(x, shape, mode="nearest-exact"))


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm0, self.norm1 = Norm(width), Norm(width)
        self.conv0, self.conv1 = Conv(width, width, 3), Conv(width, width, 3)

    def forward(self, x):
        y = self.conv0(F.relu(self.norm0(x)))
        return x + self.conv1(F.relu(self.norm1(y)))


class ResNetBlock(nn.Module):
    def __init__(self, inside, width, stride):
        super().__init__()
        self.conv0 = ConvNormAct(inside, width, 3, stride)
        self.conv1 = Conv(width, width, 3, bias=False)
        self.norm1 = Norm(width)
        self.shortcut = None
        if stride > 1 or inside != width:
            self.shortcut = Conv(inside, width, 1, stride, bias=False)
            self.shortcut_norm = Norm(width)

    def forward(self, x):
        y = self.norm1(self.conv1(self.conv0(x)))
        if self.shortcut is not None:
            x = self.shortcut_norm(self.shortcut(x))
        return F.relu(x + y)


class Hourglass(nn.Module):
    def __init__(self, inside, width, depth, max_width):
        super().__init__()
        widths = [inside]
        for i in range(depth):
            widths.append(min(max_width, width * 2 ** (i + 1)))
            self.add_module(f"down{i}", ConvNormAct(widths[i], widths[i + 1], 3, 2))
        self.depth = depth
        self.widths = [x := widths[-1]]  # of the features, coarse to fine
        for i in reversed(range(depth)):
            up = min(max_width, width * 2**i)
            self.add_module(f"up{i}", Up(x, up))
            self.widths.append(x := up + widths[i])

    def forward(self, x):
        skips = [x]
        for i in range(self.depth):
            skips.append(getattr(self, f"down{i}")(skips[-1]))
        features = [skips.pop()]
        for i in reversed(range(self.depth)):
            skip = skips.pop()
            x = getattr(self, f"up{i}")(features[-1], skip.shape[2:])
            features.append(torch.cat([x, skip.to(x.dtype)], 1))
        return features
