"""Convolutions through torch_npu against torch on the CPU, in one process, same number of threads:
forward, and the gradients of input and filter. Prints torch / ours (above 1 we are faster) for each
shape and the geometric mean.

usage: anycann run python3 bench/torch_vision.py [THREADS] [NAME...]
"""

import math
import os
import sys
import time

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
os.environ["ANYCANN_THREADS"] = str(THREADS)
import torch  # noqa: E402
import torch_npu  # noqa: E402, F401

torch.set_num_threads(THREADS)
torch.npu.conv.allow_hf32 = False
SECONDS = 0.25

# name: batch, channels in, size, channels out, kernel, stride, padding, groups
CONVOLUTIONS = {
    "stem 7x7s2": (1, 3, 224, 64, 7, 2, 3, 1),
    "1x1 64-256 56": (1, 64, 56, 256, 1, 1, 0, 1),
    "1x1 256-64 56": (8, 256, 56, 64, 1, 1, 0, 1),
    "3x3 64 56": (1, 64, 56, 64, 3, 1, 1, 1),
    "3x3 64 56 b8": (8, 64, 56, 64, 3, 1, 1, 1),
    "3x3s2 128 56": (8, 128, 56, 128, 3, 2, 1, 1),
    "3x3 128 28": (1, 128, 28, 128, 3, 1, 1, 1),
    "1x1 512-128 28": (1, 512, 28, 128, 1, 1, 0, 1),
    "1x1s2 512-1024 28": (8, 512, 28, 1024, 1, 2, 0, 1),
    "3x3 256 14": (1, 256, 14, 256, 3, 1, 1, 1),
    "3x3 256 14 b8": (8, 256, 14, 256, 3, 1, 1, 1),
    "1x1 1024-256 14": (1, 1024, 14, 256, 1, 1, 0, 1),
    "3x3 512 7": (1, 512, 7, 512, 3, 1, 1, 1),
    "3x3 512 7 b8": (8, 512, 7, 512, 3, 1, 1, 1),
    "1x1 2048-512 7": (1, 2048, 7, 512, 1, 1, 0, 1),
    "1x1 512-2048 7 b8": (8, 512, 7, 2048, 1, 1, 0, 1),
    "dw3x3 192 28": (1, 192, 28, 192, 3, 1, 1, 192),
    "dw3x3 96 56 b8": (8, 96, 56, 96, 3, 1, 1, 96),
    "dw3x3s2 144 56": (8, 144, 56, 144, 3, 2, 1, 144),
    "dw5x5 240 28": (8, 240, 28, 240, 5, 1, 2, 240),
    "grouped 32x4": (8, 128, 56, 128, 3, 1, 1, 32),
}


def best(call, finish):
    """The least seconds of a call, over rounds of some milliseconds."""
    call()
    finish()
    start = time.perf_counter()
    call()
    finish()
    repeat = max(1, int(0.02 / (time.perf_counter() - start + 1e-9)))
    least, end = math.inf, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(repeat):
            call()
        finish()
        least = min(least, (time.perf_counter() - start) / repeat)
    return least


def both(function, *tensors):
    here = best(lambda: function(*tensors), lambda: None)
    there = [t.npu() for t in tensors]
    return here, best(lambda: function(*there), torch.npu.synchronize)


def convolutions():
    for name, (n, ci, size, co, k, stride, padding, groups) in CONVOLUTIONS.items():
        x, w = torch.randn(n, ci, size, size), torch.randn(co, ci // groups, k, k)
        s, p = [stride] * 2, [padding] * 2

        def forward(x, w, s=s, p=p, groups=groups):
            return torch.conv2d(x, w, None, s, p, 1, groups)

        def backward(dy, x, w, s=s, p=p, groups=groups, mask=(True, True, False)):
            return torch.ops.aten.convolution_backward(
                dy, x, w, None, s, p, [1, 1], False, [0, 0], groups, list(mask)
            )

        dy = torch.randn_like(forward(x, w))
        yield f"{name} forward", both(forward, x, w)
        for what, mask in (("dx", (True, False, False)), ("dw", (False, True, False))):
            yield (
                f"{name} {what}",
                both(lambda dy, x, w, m=mask: backward(dy, x, w, mask=m), dy, x, w),
            )


def main():
    wanted, ratios = sys.argv[2:], []
    for name, (here, there) in convolutions():
        if wanted and not any(word in name for word in wanted):
            continue
        ratios.append(here / there)
        times = f"torch {here * 1e6:9.0f} us, ours {there * 1e6:9.0f} us"
        print(f"{name:28s} {times}: {ratios[-1]:.2f}")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"{THREADS} thread(s): geometric mean {mean:.2f}, worst {min(ratios):.2f}")


main()
