"""The equations of the motion network's pure parts in PyTorch, channels first.

Written from DESIGN and the papers, not from selfme_jax.ops: grids [-1, 1], (x, y),
corners at pixel centres (align_corners=True), the border repeated.
"""

import numpy as np
import torch
import torch.nn.functional as F


def axis(size, like):
    """[size] positions of pixels."""
    return torch.linspace(-1, 1, size, dtype=torch.float32, device=like.device)


def identity(shape, like):
    """[h, w, 2]."""
    y, x = torch.meshgrid(*(axis(n, like) for n in shape), indexing="ij")
    return torch.stack([x, y], -1)


def warp(image, flow):
    """[b, c, h, w] by [b, h', w', 2] -> [b, c, h', w']."""
    grid = identity(flow.shape[1:3], flow) + flow
    return F.grid_sample(image, grid, padding_mode="border", align_corners=True)


def resize(x, shape, antialias=False):
    """[b, c, h, w] -> [b, c, *shape]; a Gaussian of a third of the factor first."""
    if antialias:
        for dim, size in zip((2, 3), shape, strict=True):
            if size < x.shape[dim]:
                x = gaussian_blur(x, x.shape[dim] / size / 3, dim)
    return F.interpolate(x, shape, mode="bilinear", align_corners=True)


def gaussian_blur(x, sigma, dim):
    """Along one axis, cut at four sigma."""
    radius = int(4 * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1, device=x.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    rows = dim == 2
    kernel = kernel.view(1, 1, -1, 1) if rows else kernel.view(1, 1, 1, -1)
    b, c, h, w = x.shape
    pad = (0, 0, radius, radius) if rows else (radius, radius, 0, 0)
    x = F.pad(x.reshape(b * c, 1, h, w), pad, mode="replicate")
    return F.conv2d(x, kernel.to(x.dtype)).view(b, c, h, w)


def pyramid(x, levels):
    """The frame and its halvings."""
    frames = [x]
    for _ in range(levels - 1):
        h, w = frames[-1].shape[2:]
        frames.append(resize(frames[-1], (h // 2, w // 2), antialias=True))
    return frames


def gaussians(points, shape, variance):
    """[b, k, 2] -> [b, k, h, w] (first-order-motion, equation 6)."""
    offset = identity(shape, points) - points[:, :, None, None]
    return torch.exp(-0.5 * (offset**2).sum(-1) / variance)


def soft_argmax(logits, temperature):
    """[b, k, h, w] -> [b, k, 2]."""
    shape = logits.shape[2:]
    heat = (logits.flatten(2) / temperature).softmax(-1).view_as(logits)
    return (heat[..., None] * identity(shape, logits)).sum((2, 3))


def cubic(position, cells):
    """Cardinal cubic B-splines: [...] in [-1, 1] -> [..., cells + 3]."""
    knots = torch.arange(-1, cells + 2, device=position.device)
    d = ((position.clamp(-1, 1)[..., None] + 1) * cells / 2 - knots).abs()
    inner = 2 / 3 - d**2 + d**3 / 2
    outer = (2 - d).clamp(min=0) ** 3 / 6
    return torch.where(d < 1, inner, outer)


def spline_covariance(cells):
    """R^-1 of the fit [m, m] float64, R = I + bending energy; Gauss quadrature."""
    (mass_y, slope_y, bend_y), (mass_x, slope_x, bend_x) = map(_energies, cells)
    R = np.kron(bend_y, mass_x) + 2 * np.kron(slope_y, slope_x)
    R += np.kron(mass_y, bend_x)
    C = np.linalg.inv(R + np.eye(len(R)))
    return C * np.prod(cells) / np.trace(C @ np.kron(mass_y, mass_x))


def _energies(cells):
    t, weight = np.polynomial.legendre.leggauss(4)  # exact to degree 7
    t = (t + 1) / 2
    one = np.ones_like(t)
    value = (1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 1 + 3 * (t + t**2 - t**3), t**3
    slope = -3 * (1 - t) ** 2, 9 * t**2 - 12 * t, 3 + 6 * t - 9 * t**2, 3 * t**2
    bend = 6 * (1 - t), 18 * t - 12 * one, 6 * one - 18 * t, 6 * t
    for pieces in (value, slope, bend):
        f = np.stack(pieces) / 6
        total = np.zeros((cells + 3, cells + 3))
        for cell in range(cells):
            total[cell : cell + 4, cell : cell + 4] += (f * weight / 2) @ f.T
        yield total


def spline_fit(points, shift, cells, covariance, smoothness):
    """[b, k, n, 2] twice -> controls [b, k, gy + 3, gx + 3, 2], dual form."""
    columns, rows = cubic(points[..., 0], cells[1]), cubic(points[..., 1], cells[0])
    B = (rows[..., :, None] * columns[..., None, :]).flatten(-2)
    CB = covariance @ B.mT
    gram = B @ CB + smoothness * torch.eye(B.shape[-2], device=B.device)
    control = CB @ torch.linalg.solve(gram, shift)
    return control.unflatten(-2, (cells[0] + 3, cells[1] + 3))


def spline_field(control, shape):
    """[..., gy + 3, gx + 3, 2] -> [..., h, w, 2]."""
    gy, gx = (n - 3 for n in control.shape[-3:-1])
    rows = cubic(axis(shape[0], control), gy)
    columns = cubic(axis(shape[1], control), gx)
    return torch.einsum("ya,...abd,xb->...yxd", rows, control, columns)


def tps_fit(points, shift, smoothness):
    """[b, k, n, 2] twice -> coefficients [b, k, n + 3, 2]."""
    n = points.shape[-2]
    like = {"device": points.device}
    kernel = _radial(points, points) + smoothness * torch.eye(n, **like)
    plane = torch.cat([torch.ones_like(points[..., :1]), points], -1)
    corner = (-1e-6 * torch.eye(3, **like)).expand(*points.shape[:-2], 3, 3)
    system = torch.cat(
        [torch.cat([kernel, plane], -1), torch.cat([plane.mT, corner], -1)], -2
    )
    return torch.linalg.solve(system, F.pad(shift, (0, 0, 0, 3)))


def tps_field(coefficients, centres, shape):
    """[..., h, w, 2]."""
    z = identity(shape, centres).flatten(0, 1)
    n = centres.shape[-2]
    bent = _radial(z, centres) @ coefficients[..., :n, :]
    flow = bent + coefficients[..., n:-2, :] + z @ coefficients[..., -2:, :]
    return flow.unflatten(-2, shape)


def _radial(z, centres):
    squared = ((z[..., :, None, :] - centres[..., None, :, :]) ** 2).sum(-1)
    return squared * torch.log(squared.clamp(min=1e-30))


def affine_field(change, shift, shape):
    """(A - I) z + t: [..., 2, 2], [..., 2] -> [..., h, w, 2]."""
    z = identity(shape, change)
    return torch.einsum("...ij,yxj->...yxi", change, z) + shift[..., None, None, :]


def affine_fit(points, targets, ridge=1e-4):
    """Least squares of A - I about the centroids -> (A - I, t)."""
    moved = targets - points
    centre, mean = points.mean(-2, keepdim=True), moved.mean(-2, keepdim=True)
    X, Y = points - centre, moved - mean
    gram = X.mT @ X + ridge * torch.eye(2, device=X.device)
    change = torch.linalg.solve(gram, X.mT @ Y).mT
    return change, (mean - centre @ change.mT).squeeze(-2)
