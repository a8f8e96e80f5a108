"""Operators through the unmodified torch_npu wheel against PyTorch on the CPU, same threads.

One process computes each case on both sides in turn; another runs it on the `null` device, whose
kernels do nothing: that is torch_npu's own share of a call, which is taken off ours. Prints
torch / ours (above 1 we are faster) by case, then the geometric mean and the worst of each family.
Targets: elementwise 1.5; the other families 1.1 and no case below 0.7; optimizer steps 1.0.

usage: anycann run python3 bench/torch_operators.py [--threads N] [--rounds N] [FAMILY ...]
"""

import argparse
import functools
import json
import math
import os
import statistics
import subprocess
import sys
import time


def cases(torch):
    """family, name, function that makes the inputs, function to time."""
    nn = torch.nn.functional

    def floats(*shape, dtype=torch.float32):
        return torch.rand(shape, generator=torch.Generator().manual_seed(1)).to(dtype) + 0.01

    def drawn(high, *shape):
        return torch.randint(high, shape, generator=torch.Generator().manual_seed(2))

    for count, label in ((50 << 10, "50Ki"), (1 << 20, "1Mi")):
        one = lambda n=count: (floats(n),)  # noqa: E731
        two = lambda n=count: (floats(n), floats(n))  # noqa: E731
        for name in (
            "exp log log1p expm1 sin cos tan asin acos atan sinh cosh tanh sigmoid erf erfc erfinv "
            "sqrt rsqrt reciprocal abs neg floor round sign lgamma digamma"
        ).split():
            yield "elementwise", f"{name} {label}", one, getattr(torch, name)
        for name in ("gelu", "silu", "relu", "hardswish", "softplus", "mish", "elu", "leaky_relu"):
            yield "elementwise", f"{name} {label}", one, getattr(nn, name)
        for name in "add sub mul div pow maximum atan2 eq lt fmod".split():
            yield "elementwise", f"{name} {label}", two, getattr(torch, name)
        yield "elementwise", f"where {label}", two, lambda a, b: torch.where(a > b, a, b)
        yield "elementwise", f"clamp {label}", one, lambda a: a.clamp(0.2, 0.8)
        yield "elementwise", f"to bf16 {label}", one, lambda a: a.to(torch.bfloat16)

    def convolution(n, c, h, o, k, stride=1, groups=1):
        def make():
            return floats(n, c, h, h), floats(o, c // groups, k, k)

        def forward(x, w):
            return nn.conv2d(x, w, stride=stride, padding=k // 2, groups=groups)

        def backward(x, w):
            x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
            y = forward(x, w)
            return torch.autograd.grad(y, (x, w), y.detach())

        label = f"{n}x{c}x{h}x{h} {o} {k}x{k}" + (f"/{stride}" if stride > 1 else "")
        label += f" g{groups}" if groups > 1 else ""
        yield "conv", label, make, forward
        yield "conv", label + " step", make, backward

    for shape in (
        (1, 3, 224, 64, 7, 2),
        (1, 64, 56, 64, 3),
        (1, 256, 56, 64, 1),
        (1, 128, 28, 128, 3),
        (8, 64, 56, 64, 3),
        (8, 256, 14, 256, 3),
        (8, 1024, 14, 256, 1),
        (8, 512, 7, 512, 3),
        (8, 256, 56, 128, 1),
        (8, 96, 56, 96, 3, 1, 96),
    ):
        yield from convolution(*shape)

    for m, k, n in ((128, 768, 768), (512, 512, 512), (1, 1024, 1024), (32, 2048, 1000)):
        make = lambda m=m, k=k, n=n: (floats(m, k), floats(n, k), floats(n))  # noqa: E731
        yield "matmul", f"linear {m}x{k}x{n}", make, nn.linear
    make = lambda: (floats(12, 128, 64), floats(12, 64, 128))  # noqa: E731
    yield "matmul", "bmm 12x128x64x128", make, torch.bmm
    make = lambda: (floats(64, 32, 32), floats(64, 32, 32))  # noqa: E731
    yield "matmul", "bmm 64x32x32x32", make, torch.bmm
    for dtype in (torch.bfloat16, torch.float16):
        make = lambda d=dtype: (floats(256, 256, dtype=d), floats(256, 256, dtype=d))  # noqa: E731
        yield "matmul", f"mm 256 {dtype}", make, torch.mm

    image = lambda: (floats(8, 64, 56, 56),)  # noqa: E731
    yield "pooling", "max 3x3/2", image, lambda x: nn.max_pool2d(x, 3, 2, 1)
    yield "pooling", "avg 2x2", image, lambda x: nn.avg_pool2d(x, 2)
    yield "pooling", "adaptive avg 1", image, lambda x: nn.adaptive_avg_pool2d(x, 1)
    yield "pooling", "adaptive avg 7", image, lambda x: nn.adaptive_avg_pool2d(x, 7)
    yield "pooling", "upsample nearest", image, lambda x: nn.interpolate(x, scale_factor=2)
    yield (
        "pooling",
        "upsample bilinear",
        image,
        lambda x: nn.interpolate(x, scale_factor=2, mode="bilinear"),
    )

    def statistics_of(c):
        return floats(c), floats(c), floats(c), floats(c)

    make = lambda: (floats(8, 64, 56, 56), *statistics_of(64))  # noqa: E731
    yield "norm", "batch norm training", make, lambda x, *s: nn.batch_norm(x, *s, training=True)
    yield "norm", "batch norm inference", make, lambda x, *s: nn.batch_norm(x, *s)
    make = lambda: (floats(512, 768), floats(768), floats(768))  # noqa: E731
    yield "norm", "layer norm 512x768", make, lambda x, w, b: nn.layer_norm(x, (768,), w, b)
    make = lambda: (floats(8, 64, 28, 28), floats(64), floats(64))  # noqa: E731
    yield "norm", "group norm", make, lambda x, w, b: nn.group_norm(x, 8, w, b)
    rows = lambda: (floats(512, 1000),)  # noqa: E731
    yield "softmax", "softmax 512x1000", rows, lambda x: x.softmax(-1)
    yield "softmax", "log softmax 512x1000", rows, lambda x: x.log_softmax(-1)
    yield "softmax", "softmax of columns", rows, lambda x: x.softmax(0)
    square = lambda: (floats(1024, 1024),)  # noqa: E731
    for name in ("sum", "mean", "amax", "argmax", "prod", "var"):
        for dim in (0, 1):
            call = functools.partial(getattr(torch, name), dim=dim)
            yield "reduction", f"{name} of dim {dim}", square, call
    yield "reduction", "cumsum", square, lambda x: x.cumsum(1)
    yield "reduction", "sum of all", square, torch.sum
    yield "reduction", "vector norm", square, torch.linalg.vector_norm
    make = lambda: (floats(30000, 256), drawn(30000, 4096))  # noqa: E731
    yield "index", "embedding", make, lambda w, i: nn.embedding(i, w)
    yield "index", "index_select", make, lambda w, i: w.index_select(0, i)
    yield "index", "index", make, lambda w, i: w[i]
    make = lambda: (floats(1024, 1024), drawn(1024, 1024, 256))  # noqa: E731
    yield "index", "gather", make, lambda x, i: x.gather(1, i)
    yield "index", "scatter_add", make, lambda x, i: x.scatter_add(1, i, x)
    yield "index", "masked_fill", square, lambda x: x.masked_fill(x > 0.5, 0.0)
    yield "index", "sort", rows, lambda x: x.sort(-1)[0]
    yield "index", "topk", rows, lambda x: x.topk(10)[0]
    yield "index", "transpose copy", square, lambda x: x.t().contiguous()
    yield "index", "cat", square, lambda x: torch.cat((x, x), 1)
    yield from optimizers(torch, floats)


def optimizers(torch, floats):
    shapes = [(256, 256), (256,), (512, 256), (512,), (64, 64, 3, 3), (64,)] * 8

    def make(kind, **options):
        def inputs():
            return [floats(*shape) for shape in shapes]

        def run(*parameters):
            state = steps.get(parameters[0])
            if state is None:
                leaves = [p.detach().clone().requires_grad_() for p in parameters]
                for leaf in leaves:
                    leaf.grad = leaf.detach() * 0.01
                state = steps[parameters[0]] = kind(leaves, lr=1e-3, **options)
            state.step()

        steps = {}
        return inputs, run

    for kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD):
        more = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        yield "optimizer", f"{kind.__name__} foreach", *make(kind, foreach=True, **more)


def seconds(call, inputs, wait, repeat):
    start = time.perf_counter()
    for _ in range(repeat):
        call(*inputs)
    wait()
    return (time.perf_counter() - start) / repeat


def chosen(torch, families):
    for family, name, make, call in cases(torch):
        if not families or family in families:
            yield family, name, make, call


def on_device(torch, make):
    return [tensor.npu() for tensor in make()]


def overheads(families, threads):
    """What a call costs when the kernels do nothing, by case, from a process of its own."""
    words = [sys.executable, __file__, "--null", "--threads", str(threads), *families]
    environment = os.environ | {"ANYCANN_BACKEND": "null"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    rows = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    return {(family, name): value for family, name, value in rows}


def null_main(torch, options):
    for family, name, make, call in chosen(torch, options.families):
        try:
            inputs = on_device(torch, make)
            rounds = [seconds(call, inputs, torch.npu.synchronize, 20) for _ in range(5)]
            print(json.dumps([family, name, statistics.median(rounds)]), flush=True)
        except Exception as error:
            print(name, error, file=sys.stderr)


def measure(torch, options, make, call):
    host, device = make(), on_device(torch, make)
    once = min(seconds(call, host, lambda: None, 1) for _ in range(3))
    repeat = max(1, min(200, int(0.02 / once)))
    pairs = []
    for _ in range(options.rounds + 1):
        theirs = seconds(call, host, lambda: None, repeat)
        pairs.append((theirs, seconds(call, device, torch.npu.synchronize, repeat)))
    return [statistics.median(column) for column in zip(*pairs[1:], strict=True)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("families", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--null", action="store_true")
    options = parser.parse_args()
    os.environ["ANYCANN_THREADS"] = str(options.threads)
    os.environ["TASK_QUEUE_ENABLE"] = "0"  # one thread, so that a difference means something
    os.environ["TORCH_NPU_FALLBACK_CPU_DISABLE"] = "1"
    import torch
    import torch_npu  # noqa: F401

    torch.set_num_threads(options.threads)
    torch.npu.conv.allow_hf32 = False
    if options.null:
        return null_main(torch, options)
    shares = overheads(options.families, options.threads)
    ratios = {}
    for family, name, make, call in chosen(torch, options.families):
        try:
            theirs, ours = measure(torch, options, make, call)
        except Exception as error:
            print(f"{family:12s} {name:32s} fails: {str(error).splitlines()[0][:90]}", flush=True)
            continue
        share = shares.get((family, name), 0.0)
        net = max(ours - share, ours * 0.02)
        ratios.setdefault(family, []).append((theirs / net, name))
        print(
            f"{family:12s} {name:32s} torch/ours {theirs / net:6.2f} torch {theirs * 1e6:9.1f} us, "
            f"ours {ours * 1e6:9.1f}, of that {share * 1e6:7.1f} the client's",
            flush=True,
        )
    for family, rows in ratios.items():
        mean = math.exp(statistics.fmean(math.log(ratio) for ratio, _ in rows))
        worst, name = min(rows)
        print(
            f"{family}: geometric mean {mean:.2f} over {len(rows)} cases, worst {worst:.2f} "
            f"({name}), {options.threads} thread(s)"
        )
    return None


if __name__ == "__main__":
    main()
