"""Runs inside the client: convolutions, pooling, resizing and sampling on npu:0 against the CPU,
forward and gradients, in f32, f16 and bf16.

Prints one JSON line per case: {"case", "dtype", "error"}; error is null when both agree. Half types
are compared with the CPU's f32 result of the same numbers, since the CPU's own sums are rounded.
"""

import json
import sys

import torch
import torch.nn.functional as F
import torch_npu  # noqa: F401

IMAGE, LINE, VOLUME = (2, 6, 13, 17), (2, 6, 21), (2, 4, 7, 9, 8)
DTYPES = [torch.float32, torch.float16, torch.bfloat16]


def convolution(function, x, w, bias=None, **options):
    shapes = [x, w] + ([bias] if bias else [])
    return lambda *t: function(*t, **options), shapes


CASES = {
    "conv2d": convolution(F.conv2d, IMAGE, (5, 6, 3, 3), (5,), padding=1, stride=2),
    "conv2d dilated": convolution(F.conv2d, IMAGE, (5, 6, 3, 3), dilation=2),
    "conv2d grouped": convolution(F.conv2d, IMAGE, (6, 2, 3, 3), (6,), groups=3),
    "conv2d depthwise": convolution(F.conv2d, IMAGE, (6, 1, 3, 3), padding=1, groups=6),
    "conv2d same": convolution(F.conv2d, IMAGE, (5, 6, 4, 4), padding="same"),
    "conv2d 1x1": convolution(F.conv2d, IMAGE, (40, 6, 1, 1)),
    "conv1d": convolution(F.conv1d, LINE, (4, 6, 3), (4,), padding=1, stride=2),
    "conv3d": convolution(F.conv3d, VOLUME, (4, 4, 3, 3, 3), padding=1),
    "conv_transpose2d": convolution(
        F.conv_transpose2d, IMAGE, (6, 5, 3, 3), (5,), padding=1, stride=2, output_padding=1
    ),
    "conv_transpose1d": convolution(F.conv_transpose1d, LINE, (6, 5, 3), stride=2),
    "conv_transpose3d": convolution(F.conv_transpose3d, VOLUME, (4, 5, 3, 3, 3), padding=1),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), [IMAGE]),
    "max_pool2d ceil": (lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True), [IMAGE]),
    "max_pool3d": (lambda x: F.max_pool3d(x, 3, 2, 1), [VOLUME]),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), [IMAGE]),
    "avg_pool2d exclusive": (
        lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        [IMAGE],
    ),
    "avg_pool2d divisor": (lambda x: F.avg_pool2d(x, 2, divisor_override=3), [IMAGE]),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 3, 2, 1), [LINE]),
    "avg_pool3d": (lambda x: F.avg_pool3d(x, 3, 2, 1), [VOLUME]),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (3, 5)), [IMAGE]),
    "adaptive_avg_pool2d 1": (lambda x: F.adaptive_avg_pool2d(x, 1), [IMAGE]),
    "adaptive_avg_pool3d": (lambda x: F.adaptive_avg_pool3d(x, (3, 2, 4)), [VOLUME]),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, (3, 5)), [IMAGE]),
    "adaptive_max_pool3d": (lambda x: F.adaptive_max_pool3d(x, (3, 2, 4)), [VOLUME]),
    "unfold": (lambda x: F.unfold(x, (3, 2), 1, 1, 2), [IMAGE]),
    "fold": (lambda x: F.fold(x, (5, 7), (3, 2), padding=1), [(2, 18, 40)]),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), [(2, 8, 4, 5)]),
    "affine_grid": (lambda t: F.affine_grid(t, (2, 3, 5, 6), align_corners=False), [(2, 2, 3)]),
}


def add_resizing():
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        for how in ({"size": (20, 9)}, {"scale_factor": 1.7}, {"scale_factor": (0.6, 2)}):
            CASES[f"{mode} {how}"] = (
                lambda x, mode=mode, how=how: F.interpolate(x, mode=mode, **how),
                [IMAGE],
            )
    for mode in ("bilinear", "bicubic"):
        for how in ({"align_corners": True}, {"antialias": True}):
            CASES[f"{mode} {how}"] = (
                lambda x, mode=mode, how=how: F.interpolate(x, (6, 30), mode=mode, **how),
                [IMAGE],
            )
    for mode, shape, size in (
        ("nearest", LINE, 30),
        ("linear", LINE, 30),
        ("nearest", VOLUME, (7, 3, 10)),
        ("trilinear", VOLUME, (7, 3, 10)),
    ):
        CASES[f"{mode} {len(shape) - 2}d"] = (
            lambda x, mode=mode, size=size: F.interpolate(x, size, mode=mode),
            [shape],
        )
    for mode in ("reflect", "replicate", "circular"):
        for shape, pad in ((LINE, (3, 2)), (IMAGE, (3, 2, 1, 4)), (VOLUME, (3, 2, 1, 4, 2, 0))):
            CASES[f"pad {mode} {len(shape) - 2}d"] = (
                lambda x, mode=mode, pad=pad: F.pad(x, pad, mode=mode),
                [shape],
            )


def add_sampling():
    for shape, grid in (((2, 3, 9, 11), (2, 5, 6, 2)), ((2, 3, 5, 6, 7), (2, 3, 4, 5, 3))):
        for mode in ("bilinear", "nearest") + (("bicubic",) if len(shape) == 4 else ()):
            for padding in ("zeros", "border", "reflection"):
                CASES[f"grid_sample {len(shape) - 2}d {mode} {padding}"] = (
                    lambda x, g, mode=mode, padding=padding: F.grid_sample(
                        x, g, mode, padding, align_corners=False
                    ),
                    [shape, grid],
                )


def worst(expected, actual, dtype):
    """The largest difference, in parts of what is allowed."""
    if expected.shape != actual.shape:
        return f"{tuple(actual.shape)}, expected {tuple(expected.shape)}"
    scale = max(1.0, expected.abs().max().item()) if expected.numel() else 1.0
    allowed = {torch.float32: 2e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}[dtype] * scale
    off = (expected - actual.float().cpu()).abs().max().item() if expected.numel() else 0.0
    return None if off <= allowed else f"off by {off:.3g}, allowed {allowed:.3g}"


def run(function, shapes, dtype):
    generator = torch.Generator().manual_seed(1)
    values = [torch.randn(s, generator=generator).mul_(0.5).to(dtype) for s in shapes]
    here = [v.float().requires_grad_() for v in values]
    there = [v.npu().requires_grad_() for v in values]
    expected, actual = function(*here), function(*there)
    error = worst(expected.detach(), actual.detach(), dtype)
    if error:
        return error
    seed = torch.randn(expected.shape, generator=generator).mul_(0.5).to(dtype)
    wanted = torch.autograd.grad(expected, here, seed.float())
    got = torch.autograd.grad(actual, there, seed.npu())
    for number, (a, b) in enumerate(zip(wanted, got, strict=True)):
        error = worst(a, b, dtype)
        if error:
            return f"gradient {number}: {error}"
    return None


def main():
    add_resizing()
    add_sampling()
    for name, (function, shapes) in CASES.items():
        if sys.argv[1:] and sys.argv[1] not in name:
            continue
        for dtype in DTYPES:
            # Positions are rounded before they are used: half grids name other elements.
            if dtype != torch.float32 and ("grid" in name or "nearest" in name):
                continue
            try:
                error = run(function, shapes, dtype)
            except Exception as problem:  # the test reports it
                error = f"{type(problem).__name__}: {str(problem).splitlines()[0]}"
            print(json.dumps({"case": name, "dtype": str(dtype)[6:], "error": error}), flush=True)


main()
