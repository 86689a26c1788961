"""The training objective of configs/base.py in PyTorch, on the twin."""

import torch
import torch_ops as ops


def charbonnier(image, target, *, epsilon, scales):
    """Mean over a pyramid of sqrt(d^2 + epsilon^2) - epsilon."""
    levels = zip(ops.pyramid(image, scales), ops.pyramid(target, scales), strict=True)
    terms = [((a - b) ** 2 + epsilon**2).sqrt().mean() - epsilon for a, b in levels]
    return sum(terms) / scales


def equivariance(twin, driving, points, matrix, control):
    """Keypoints of the warped frame, mapped back, against those of the frame.

    matrix [b, 2, 3] and control [b, gy + 3, gx + 3, 2] make the warp.
    """
    change, shift = matrix[..., :2], matrix[..., 2]
    with torch.autocast(driving.device.type, enabled=False):
        flow = ops.affine_field(
            change - torch.eye(2, device=change.device), shift, driving.shape[2:]
        ) + ops.spline_field(control, driving.shape[2:])
        image = ops.warp(driving, flow)
    found = twin.detect(image)[0].flatten(1, 2)
    with torch.autocast(driving.device.type, enabled=False):
        gy, gx = (n - 3 for n in control.shape[1:3])
        rows, columns = ops.cubic(found[..., 1], gy), ops.cubic(found[..., 0], gx)
        bent = torch.einsum("bna,bacd,bnc->bnd", rows, control, columns)
        mapped = found @ change.mT + shift[:, None] + bent
    return (points.flatten(1, 2) - mapped).abs().mean()


def loss(twin, source, driving, matrix, control, *, objective):
    """(scalar, terms) of the reconstruction, warped and equivariance terms."""
    out = twin(source, driving)
    settings = {"epsilon": objective.epsilon, "scales": objective.scales}
    warped = twin.generator.move(source, out.flow)
    terms = {
        "reconstruction": charbonnier(out.reconstruction, driving, **settings),
        "warped": charbonnier(warped, driving, **settings),
        "equivariance": equivariance(twin, driving, out.points[1], matrix, control),
    }
    total = sum(getattr(objective, name) * term for name, term in terms.items())
    return total, terms
