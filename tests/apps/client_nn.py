"""Runs inside the client: layers, losses and recurrences on npu:0, forward and backward, against
the same call on the CPU in double precision.

Prints one JSON line per case: {"operator", "dtype", "layout", "error"}; error is null when both
agree. Results are compared in units in the last place of the type, of the largest element.
"""

import json
import sys

import torch
import torch.nn.functional as F
import torch_npu

FLOATS = [torch.float32, torch.float16, torch.bfloat16]
FEW, SUMS, MANY = 4, 16, 64  # units: elementwise, sums, sums of products of sums
CASES = []


class Case:
    """A function of float tensors, of the shapes given; other arguments are the function's own."""

    def __init__(self, name, function, *shapes, units=FEW, dtypes=FLOATS, draw=None, grad=True):
        self.name, self.function, self.shapes = name, function, shapes
        self.units, self.dtypes, self.grad = units, dtypes, grad
        self.draw = draw or (lambda generator, shape: torch.randn(shape, generator=generator) * 2)
        CASES.append(self)


def positive(generator, shape):
    return torch.rand(shape, generator=generator) * 0.9 + 0.05


def gelu_tanh(x):
    if x.is_npu:
        return torch_npu.npu_gelu(x, approximate="tanh")
    return F.gelu(x, approximate="tanh")


def activations():
    shape = (6, 5, 7)
    for name in (
        "elu celu selu gelu silu mish hardswish hardsigmoid hardshrink softshrink"
        " softplus logsigmoid leaky_relu relu tanhshrink softsign tanh sigmoid"
    ).split():
        Case(name, getattr(F, name, None) or getattr(torch, name), shape)
    # The wheel calls aclnnGelu for F.gelu, which has no argument for the approximation.
    Case("gelu_tanh", gelu_tanh, shape)
    Case("elu_alpha", lambda x: F.elu(x, 0.5), shape)
    Case("elu_inplace", lambda x: F.elu(x * 1, 0.5, inplace=True), shape)
    Case("celu_alpha", lambda x: F.celu(x, 0.5), shape)
    Case("threshold", lambda x: F.threshold(x, 0.5, 3.0), shape)
    Case("softplus_beta", lambda x: F.softplus(x, 2.0, 3.0), shape)


def values(case, dtype, layout):
    generator = torch.Generator().manual_seed(7)
    made = []
    for shape in case.shapes:
        t = case.draw(generator, shape).to(dtype)
        if layout == "strided" and t.dim() > 1:
            t = t.transpose(0, 1).contiguous().transpose(0, 1)
        if layout == "channels_last" and t.dim() == 4:
            t = t.contiguous(memory_format=torch.channels_last)
        made.append(t)
    return made


def flatten(result):
    if isinstance(result, torch.Tensor):
        return [result]
    return [t for part in result for t in flatten(part)]


def evaluate(case, inputs):
    """Results and gradients, for incoming gradients that are the same everywhere."""
    leaves = [t.detach().requires_grad_(case.grad) for t in inputs]
    results = [t for t in flatten(case.function(*leaves)) if t.is_floating_point()]
    if not case.grad:
        return results, []
    differentiable = [t for t in results if t.requires_grad]
    generator = torch.Generator().manual_seed(11)
    incoming = [
        torch.randn(t.shape, generator=generator).to(t.device, t.dtype) for t in differentiable
    ]
    grads = torch.autograd.grad(differentiable, leaves, incoming, allow_unused=True)
    return results, [g for g in grads if g is not None]


def disagreement(name, exact, got, dtype, units):
    got = got.detach().cpu()
    if exact.shape != got.shape:
        return f"{name} is {tuple(got.shape)}, expected {tuple(exact.shape)}"
    if got.dtype not in (dtype, torch.float32):
        return f"{name} is {got.dtype}, expected {dtype}"
    if not exact.numel():
        return None
    scale = exact.abs().max().clamp(min=1.0)
    worst = ((exact - got.double()).abs().max() / scale / torch.finfo(dtype).eps).item()
    return None if worst <= units else f"{name} is off by {worst:.3g} eps"


def run(case, dtype, layout):
    inputs = values(case, dtype, layout)
    try:
        want = evaluate(case, [t.double() for t in inputs])
        on_device = []
        for t in inputs:
            base = torch.empty_strided(t.shape, t.stride(), dtype=t.dtype, device="npu")
            on_device.append(base.copy_(t))
        got = evaluate(case, on_device)
        error = None
        for kind, exact, actual in zip(("result", "gradient"), want, got, strict=True):
            if len(exact) != len(actual):
                error = error or f"{len(actual)} {kind}s, expected {len(exact)}"
            for i, (a, b) in enumerate(zip(exact, actual, strict=False)):
                error = error or disagreement(f"{kind} {i}", a.detach(), b, dtype, case.units)
    except Exception as problem:  # the test reports it
        error = f"{type(problem).__name__}: {str(problem).strip().splitlines()[0]}"
    return {"operator": case.name, "dtype": str(dtype)[6:], "layout": layout, "error": error}


def main():
    assert torch_npu.npu.is_available()
    for group in (activations,):
        group()
    for case in CASES:
        if sys.argv[1:] and case.name not in sys.argv[1:]:
            continue
        for dtype in case.dtypes:
            layouts = ["plain", "strided"]
            if any(len(shape) == 4 for shape in case.shapes):
                layouts.append("channels_last")
            for layout in layouts:
                print(json.dumps(run(case, dtype, layout)), flush=True)


main()
