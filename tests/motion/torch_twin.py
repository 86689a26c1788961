"""The motion network again, in PyTorch: the oracle of parity and of speed.

Channels first, F.grid_sample, F.interpolate. Options that DenseMotion adds to the
published design (refinement, windows) are not in it.
"""

import itertools
import math
import re
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
import torch_ops as ops
from torch import nn
from torch_blocks import Conv, ConvNormAct, Hourglass, Residual, ResNetBlock, Up, same


class Output(NamedTuple):
    points: tuple  # of source and driving, [b, k, n, 2]
    jacobians: tuple  # the same, [b, k, 2, 2] or None
    flow: torch.Tensor  # [b, h, w, 2]
    occlusion: list  # [b, 1, h, w], coarse to fine
    weights: torch.Tensor  # [b, k + 1, h, w]
    reconstruction: torch.Tensor | None  # [b, 3, h, w]


def start_points(groups, points, radius):
    """[groups, points, 2]: R2 sequence of centres, circles around them."""
    starts = np.zeros((groups, points, 2))
    for k in range(groups):
        for n in range(points):
            for d, turn in enumerate((np.cos, np.sin)):
                place = (0.5 + (k + 1) * 1.324717957244746 ** -(d + 1)) % 1
                starts[k, n, d] = 0.8 * (2 * place - 1)
                if points > 1:
                    step = radius * turn(2 * np.pi * n / points + k + 1)
                    starts[k, n, d] = np.clip(starts[k, n, d] + step, -0.95, 0.95)
    return torch.tensor(starts, dtype=torch.float32)


class RegressionDetector(nn.Module):
    def __init__(self, net):
        super().__init__()
        width = net.keypoint_width
        self.stem = ConvNormAct(3, width, 7, 2)
        self.names = []
        inside = width
        for stage, blocks in enumerate(net.keypoint_blocks):
            for i in range(blocks):
                stride = 2 if stage > 0 and i == 0 else 1
                block = ResNetBlock(inside, inside := width * 2**stage, stride)
                self.names.append(f"stage{stage}_block{i}")
                self.add_module(self.names[-1], block)
        start = start_points(net.groups, net.points, net.radius)
        self.register_buffer("start", torch.atanh(start), persistent=False)
        self.points = nn.Linear(inside, start.numel())

    def forward(self, image):
        x = same(self.stem(image - 0.5), 3, 2, -math.inf)
        x = F.max_pool2d(x, 3, 2)
        for name in self.names:
            x = getattr(self, name)(x)
        x = x.float().mean((2, 3))
        with torch.autocast(x.device.type, enabled=False):
            logits = self.points(x).view(-1, *self.start.shape)
        return torch.tanh(logits + self.start), None


class HeatmapDetector(nn.Module):
    def __init__(self, net):
        super().__init__()
        k, n, width = net.groups, net.points, net.keypoint_width
        self.stem = ConvNormAct(3, width, 7, max(1, net.scale // 2))
        self.down = ConvNormAct(width, width, 3, 2) if net.scale > 1 else nn.Identity()
        self.hourglass = Hourglass(width, width, net.dense_depth, net.max_width)
        self.logits = Conv(self.hourglass.widths[-1], k * n, 7)
        if n == 1:
            self.jacobians = Conv(self.hourglass.widths[-1], k * 4, 7)
        start = start_points(k, n, net.radius).flatten(0, 1)
        self.register_buffer("start", start, persistent=False)
        self.temperature, self.spread = net.temperature, net.spread
        self.k, self.n = k, n

    def forward(self, image):
        x = self.hourglass(self.down(self.stem(image - 0.5)))[-1]
        prior = ops.identity(x.shape[2:], x) - self.start[:, None, None]
        prior = -0.5 * (prior**2).sum(-1) / self.spread**2
        logits = self.logits(x).float() + self.temperature * prior
        points = ops.soft_argmax(logits, self.temperature)
        points = points.view(-1, self.k, self.n, 2)
        if self.n > 1:
            return points, None
        weights = (logits.flatten(2) / self.temperature).softmax(-1)[:, :, None]
        maps = self.jacobians(x).float().flatten(2).unflatten(1, (self.k, 4))
        jacobians = (weights * maps).sum(-1).view(-1, self.k, 2, 2)
        return points, jacobians + torch.eye(2, device=x.device)


class DenseMotion(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.scale, self.variance, self.compare = net.scale, net.variance, net.compare
        self.levels = net.generator_down + 1
        inside = net.groups * (net.points + 3) + 3 * (1 + net.compare)
        self.hourglass = Hourglass(
            inside, net.dense_width, net.dense_depth, net.max_width
        )
        widths = self.hourglass.widths
        self.weights = Conv(widths[-1], net.groups + 1, 7)
        self.finest = int(math.log2(net.scale))
        x = widths[-1]
        for level in reversed(range(self.levels)):
            if level >= self.finest:
                x = widths[self.finest - level - 1]
            else:
                width = max(net.dense_width >> (self.finest - level), 8)
                self.add_module(f"occlusion_up{level}", Up(x, width))
                x = width
            self.add_module(f"occlusion{level}", Conv(x, 1, 7))

    def forward(self, source, driving, points, candidates):
        b, k, *shape, _ = candidates.shape
        small = ops.resize(source, shape, antialias=True) - 0.5
        source_heat, driving_heat = (
            ops.gaussians(p.flatten(1, 2), shape, self.variance) for p in points
        )
        copies = small[:, None].expand(b, k - 1, *small.shape[1:]).flatten(0, 1)
        warped = ops.warp(copies, candidates[:, 1:].flatten(0, 1))
        inputs = [driving_heat - source_heat, small, warped.view(b, -1, *shape)]
        if self.compare:
            inputs.append(ops.resize(driving, shape, antialias=True) - 0.5)
        features = self.hourglass(torch.cat(inputs, 1))
        weights = self.weights(features[-1]).float().softmax(1)
        flow = (weights[..., None] * candidates).sum(1)
        return flow, self.occlusion(features, source), weights

    def occlusion(self, features, image):
        maps = []
        x = features[-1]
        for level in reversed(range(self.levels)):
            if level >= self.finest:
                x = features[self.finest - level - 1]
            else:
                shape = tuple(math.ceil(n / 2**level) for n in image.shape[2:])
                x = getattr(self, f"occlusion_up{level}")(x, shape)
            maps.append(getattr(self, f"occlusion{level}")(x).float().sigmoid())
        return maps


class Generator(nn.Module):
    def __init__(self, net):
        super().__init__()
        widths = [
            min(net.generator_max_width, net.generator_width * 2**i)
            for i in range(net.generator_down + 1)
        ]
        self.first = ConvNormAct(3, widths[0], 7)
        self.downs = nn.ModuleList(
            ConvNormAct(a, b, 3, 2) for a, b in itertools.pairwise(widths)
        )
        self.residuals = nn.ModuleList(
            Residual(widths[-1]) for _ in range(net.generator_blocks)
        )
        self.ups = nn.ModuleList()
        x = widths[-1]
        for width in reversed(widths[:-1]):
            self.ups.append(Up(x, width))
            x = 2 * width
        self.last = Conv(x, 3, 7)

    def forward(self, source, flow, occlusion):
        features = [self.first(source - 0.5)]
        for layer in self.downs:
            features.append(layer(features[-1]))
        features = [
            self.move(x, flow) * o.to(x.dtype)
            for x, o in zip(reversed(features), occlusion, strict=True)
        ]
        x = features[0]
        for layer in self.residuals:
            x = layer(x)
        for layer, skip in zip(self.ups, features[1:], strict=True):
            x = torch.cat([layer(x, skip.shape[2:]), skip], 1)
        painted = self.last(x).float().sigmoid()
        visible = occlusion[-1]
        return visible * self.move(source, flow) + (1 - visible) * painted

    @staticmethod
    def move(x, flow):
        flow = ops.resize(flow.permute(0, 3, 1, 2), x.shape[2:]).permute(0, 2, 3, 1)
        return ops.warp(x, flow)


class Twin(nn.Module):
    """The network that a MotionNetwork's fields describe; its own random weights."""

    def __init__(self, net):
        super().__init__()
        if net.refinement or net.windows or net.pool != "mean":
            raise ValueError("refinement, windows and pool 'none' are not in the twin")
        heatmap = net.detector == "heatmap"
        self.detect = (HeatmapDetector if heatmap else RegressionDetector)(net)
        self.dense = DenseMotion(net)
        self.generator = Generator(net)
        self.sparse, self.smoothness = net.sparse, net.smoothness
        self.scale, self.cells = net.scale, tuple(net.cells)
        covariance = torch.tensor(ops.spline_covariance(self.cells))
        self.register_buffer("covariance", covariance.float(), persistent=False)

    def candidates(self, points, jacobians, shape):
        """[b, k + 1, h, w, 2] flows, driving -> source."""
        source, driving = points
        if self.sparse == "bspline":
            control = ops.spline_fit(
                driving, source - driving, self.cells, self.covariance, self.smoothness
            )
            flows = ops.spline_field(control, shape)
        elif self.sparse == "tps":
            fit = ops.tps_fit(driving, source - driving, self.smoothness)
            flows = ops.tps_field(fit, driving, shape)
        else:
            if jacobians[0] is None:
                change, shift = ops.affine_fit(driving, source)
            else:  # p_s + J_s J_d^-1 (z - p_d)
                matrix = jacobians[0] @ torch.linalg.inv(jacobians[1])
                start = (matrix @ driving.mT).mT
                shift = (source - start).squeeze(-2)
                change = matrix - torch.eye(2, device=matrix.device)
            flows = ops.affine_field(change, shift, shape)
        return torch.cat([torch.zeros_like(flows[:, :1]), flows], 1)

    def forward(self, source, driving, reconstruct=True):
        b = len(source)
        points, jacobians = self.detect(torch.cat([source, driving]))
        points = points[:b], points[b:]
        pair = (None, None) if jacobians is None else (jacobians[:b], jacobians[b:])
        shape = tuple(math.ceil(n / self.scale) for n in source.shape[2:])
        with torch.autocast(source.device.type, enabled=False):
            candidates = self.candidates(points, pair, shape)
        flow, occlusion, weights = self.dense(source, driving, points, candidates)
        image = self.generator(source, flow, occlusion) if reconstruct else None
        return Output(points, pair, flow, occlusion, weights, image)


def copy_params(twin, params):
    """Flax parameters {'detect': ..., 'dense': ..., 'generator': ...} into the twin."""
    state = {}

    def walk(tree, path):
        for name, value in tree.items():
            if name == "group":  # Norm is a GroupNorm here, there it holds one
                walk(value, path)
            elif isinstance(value, dict):
                walk(value, (*path, re.sub(r"^(downs|residuals|ups)_", r"\1.", name)))
            else:
                kind = {"kernel": "weight", "scale": "weight"}.get(name, name)
                axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[np.ndim(value)]
                array = np.asarray(value).transpose(axes)
                state[".".join((*path, kind))] = torch.tensor(array)

    walk(params, ())
    twin.load_state_dict(state)  # strict: every parameter, of that shape
