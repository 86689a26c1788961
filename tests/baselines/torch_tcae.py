"""TCAE again, in PyTorch, channels first: network, both cycles and all losses."""

import re

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Encoder(nn.Module):
    def __init__(self, trunk, head):
        super().__init__()
        self.kinds = ("pose", "expression")
        self.trunk, self.head = len(trunk), len(head)
        inside = 3
        for i, width in enumerate(trunk):
            self.block(f"trunk_{i}", inside, inside := width)
        for kind in self.kinds:
            x = inside
            for i, width in enumerate(head):
                self.block(f"{kind}_{i}", x, x := width, norm=i < len(head) - 1)

    def block(self, name, a, b, norm=True):
        self.add_module(f"{name}_conv", nn.Conv2d(a, b, 4, 2, 1))
        if norm:
            self.add_module(f"{name}_norm", nn.BatchNorm2d(b))

    def run(self, name, x):
        x = getattr(self, f"{name}_conv")(x)
        norm = getattr(self, f"{name}_norm", None)
        return x if norm is None else F.leaky_relu(norm(x), 0.2)

    def forward(self, x):
        for i in range(self.trunk):
            x = self.run(f"trunk_{i}", x)
        found = []
        for kind in self.kinds:
            y = x
            for i in range(self.head):
                y = self.run(f"{kind}_{i}", y)
            found.append(y)
        return found


class Decoder(nn.Module):
    def __init__(self, inside, widths):
        super().__init__()
        self.layers = len(widths)
        for i, width in enumerate(widths):
            self.add_module(f"conv_{i}", nn.Conv2d(inside, width, 3, 1, 1))
            self.add_module(f"norm_{i}", nn.BatchNorm2d(inside := width))
        self.last = nn.Conv2d(inside, 3, 3, 1, 1)

    def forward(self, source, driving):
        def double(x):
            return F.interpolate(x, scale_factor=2, mode="bilinear")

        x = F.relu(torch.cat([source, driving], 1))
        for i in range(self.layers):
            x = getattr(self, f"conv_{i}")(double(x))
            x = F.relu(getattr(self, f"norm_{i}")(x))
        x = torch.tanh(self.last(double(x)))
        return x[:, :2], x[:, 2:]


def displaced(flow):
    """[b, 2, h, w] -> positions [b, h, w, 2] within the frame, and the identity."""
    h, w = flow.shape[2:]
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij"
    )
    identity = torch.stack([x, y], -1)
    return (flow.permute(0, 2, 3, 1) + identity).clamp(-1, 1), identity


def warp(image, flow):
    return F.grid_sample(image, displaced(flow)[0], align_corners=True)


class Twin(nn.Module):
    def __init__(self, trunk, head, up):
        super().__init__()
        self.encoder = Encoder(trunk, head)
        self.pose_decoder = Decoder(2 * head[-1], up)
        self.expression_decoder = Decoder(2 * head[-1], up)

    def forward(self, source, driving):
        """(flows and merged image, per-sample terms)."""

        def l2(a, b):
            return ((a - b) ** 2).flatten(1).mean(1)

        def l1(a, b):
            return (a - b).abs().flatten(1).mean(1)

        pose_d, exp_d = self.encoder(driving)
        pose_s, exp_s = self.encoder(source)
        flow_p, mask_p = self.pose_decoder(pose_s, pose_d)
        image_p = warp(source, flow_p)
        pose_p, exp_p = self.encoder(image_p)
        back_p = warp(image_p.detach(), self.pose_decoder(pose_p, pose_s)[0])
        flow_e, mask_e = self.expression_decoder(exp_s, exp_d)
        image_e = warp(source, flow_e)
        pose_e, exp_e = self.encoder(image_e)
        back_e = warp(image_e.detach(), self.expression_decoder(exp_e, exp_s)[0])
        p, e = mask_p.exp(), mask_e.exp()
        flow = (flow_p * p + flow_e * e) / (p + e)
        image = warp(source, flow)
        pose_m, exp_m = self.encoder(image)
        place, identity = displaced(flow_e)
        return (flow_p, flow_e, flow, image), {
            "reconstruction": l1(image, driving),
            "feature_pose_pose": l2(pose_p, pose_d),
            "feature_pose_expression": l2(exp_p, exp_s),
            "feature_expression_pose": l2(pose_e, pose_s),
            "feature_expression_expression": l2(exp_e, exp_d),
            "feature_merged_pose": l2(pose_m, pose_d),
            "feature_merged_expression": l2(exp_m, exp_d),
            "cycle_pose": l1(back_p, source),
            "cycle_expression": l1(back_e, source),
            "magnitude": (place - identity).abs().flatten(1).mean(1),
        }


KINDS = {"kernel": "weight", "scale": "weight", "mean": "running_mean"}


def state(variables):
    """Flax variables -> a state dict of the twin, NumPy arrays."""
    found = {}

    def walk(tree, path):
        for name, value in tree.items():
            if isinstance(value, dict):
                walk(value, (*path, name))
            else:
                kind = KINDS.get(name, name)
                kind = re.sub("^var$", "running_var", kind)
                axes = {4: (3, 2, 0, 1), 1: (0,)}[np.ndim(value)]
                found[".".join((*path, kind))] = np.asarray(value).transpose(axes)

    walk(variables["params"], ())
    walk(variables.get("batch_stats", {}), ())
    return found


def load(twin, variables):
    arrays = {k: torch.tensor(v) for k, v in state(variables).items()}
    found = twin.load_state_dict(arrays, strict=False)
    assert not found.unexpected_keys
    assert all("num_batches" in key for key in found.missing_keys)
