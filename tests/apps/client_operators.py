"""Runs inside the client: each operator on npu:0 against the same call on the CPU.

Prints one JSON line per case: {"operator", "dtype", "layout", "error"}; error is null when both
agree.
The device must do the work itself: TORCH_NPU_FALLBACK_CPU_DISABLE turns a fallback into an error.
"""

import json
import sys

import torch
import torch_npu  # noqa: F401

FLOATS = [torch.float32, torch.float16, torch.bfloat16]
INTS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]
REALS = FLOATS + INTS
ALL = REALS + [torch.bool]

# Units in the last place of the result's type; sums and products of many terms get more.
EXACT, CLOSE, SUMS = 0, 2, 16


def add_alpha(a, b):
    return torch.add(a, b, alpha=2)


def inplace_add(a, b):
    return a.clone().add_(b)


def clear(a):
    return a.clone().zero_()


# name, function, number of tensors, dtypes, tolerance
ELEMENTWISE = [
    ("add", torch.add, 2, ALL, CLOSE),
    ("add_alpha", add_alpha, 2, REALS, CLOSE),
    ("add_", inplace_add, 2, REALS, CLOSE),
    ("add_scalar", lambda a: a + 3, 1, REALS, CLOSE),
    ("sub", torch.sub, 2, REALS, CLOSE),
    ("rsub_scalar", lambda a: 2 - a, 1, REALS, CLOSE),
    ("mul", torch.mul, 2, ALL, CLOSE),
    ("mul_scalar", lambda a: a * 3, 1, REALS, CLOSE),
    ("div", torch.div, 2, FLOATS + [torch.int32, torch.int64], CLOSE),
    ("div_scalar", lambda a: a / 3, 1, FLOATS, CLOSE),
    ("abs", torch.abs, 1, FLOATS + INTS[:4], EXACT),
    ("neg", torch.neg, 1, FLOATS + INTS[:4], EXACT),
    ("relu", torch.relu, 1, FLOATS + INTS[:2], EXACT),
    ("ceil", torch.ceil, 1, FLOATS, EXACT),
    ("floor", torch.floor, 1, FLOATS, EXACT),
    ("sqrt", torch.sqrt, 1, FLOATS, CLOSE),
    ("exp", torch.exp, 1, FLOATS, CLOSE),
    ("log", torch.log, 1, FLOATS, CLOSE),
    ("tanh", torch.tanh, 1, FLOATS, CLOSE),
    ("sigmoid", torch.sigmoid, 1, FLOATS, 4),
    ("isfinite", torch.isfinite, 1, FLOATS, EXACT),
    ("logical_not", torch.logical_not, 1, ALL, EXACT),
    ("bitwise_and", torch.bitwise_and, 2, INTS + [torch.bool], EXACT),
    ("eq", torch.eq, 2, ALL, EXACT),
    ("ne", torch.ne, 2, ALL, EXACT),
    ("lt", torch.lt, 2, ALL, EXACT),
    ("gt", torch.gt, 2, ALL, EXACT),
    ("eq_scalar", lambda a: a == 1, 1, REALS, EXACT),
    ("ge_scalar", lambda a: a >= 1, 1, REALS, EXACT),
    ("le_scalar", lambda a: a <= 1, 1, REALS, EXACT),
    ("lt_scalar", lambda a: a < 1, 1, REALS, EXACT),
    ("isclose", torch.isclose, 2, FLOATS, EXACT),
    ("addcdiv", torch.addcdiv, 3, FLOATS, 4),
    ("addcmul", torch.addcmul, 3, FLOATS, 4),
    ("lerp", lambda a, b: torch.lerp(a, b, 0.3), 2, FLOATS, 4),
    ("fill_", lambda a: torch.full_like(a, 3), 1, REALS, EXACT),
    ("zero_", clear, 1, ALL, EXACT),
    ("copy_float", lambda a: a.float(), 1, ALL, EXACT),
    ("copy_int", lambda a: a.to(torch.int32), 1, [torch.int64, torch.int8, torch.bool], EXACT),
    ("copy_half", lambda a: a.half(), 1, [torch.float32, torch.bfloat16, torch.int32], EXACT),
    ("contiguous", lambda a: a.t().contiguous(), 1, ALL, EXACT),
    ("sum", torch.sum, 1, ALL, SUMS),
    ("sum_dim", lambda a: a.sum(0), 1, ALL, SUMS),
    ("sum_keep", lambda a: a.sum(1, keepdim=True), 1, ALL, SUMS),
    ("mean", torch.mean, 1, FLOATS, SUMS),
    ("mean_dim", lambda a: a.mean(1), 1, FLOATS, SUMS),
    ("max", torch.max, 1, REALS, EXACT),
    ("min", torch.min, 1, REALS, EXACT),
    ("argmax", lambda a: a.argmax(1), 1, [torch.float32, torch.int32], EXACT),
    ("all", torch.all, 1, [torch.bool, torch.float32], EXACT),
    ("any", torch.any, 1, [torch.bool, torch.float32], EXACT),
    ("all_dim", lambda a: torch.all(a, 1), 1, [torch.bool], EXACT),
    ("cat", lambda a, b: torch.cat([a, b, a], 1), 2, ALL, EXACT),
    ("masked_select", lambda a, b: torch.masked_select(a, b > 0), 2, REALS, EXACT),
    ("index_bool", lambda a: a[a > 0], 1, REALS, EXACT),
    ("index_rows", lambda a: a[torch.tensor([1, 0, -1], device=a.device)], 1, ALL, EXACT),
    ("nonzero", torch.nonzero, 1, ALL, EXACT),
    ("unique", torch.unique, 1, REALS, EXACT),
    ("equal", lambda a, b: torch.tensor(torch.equal(a, b)), 2, ALL, EXACT),
    ("mm", lambda a, b: a @ b.t(), 2, FLOATS, SUMS),
    ("bmm", lambda a, b: torch.bmm(a[None], b.t()[None]), 2, FLOATS, SUMS),
    ("addmm", lambda a, b: torch.addmm(a[:, :1], a, b.t()), 2, FLOATS, SUMS),
    ("log_softmax", lambda a: torch.log_softmax(a, 1), 1, FLOATS, SUMS),
    ("softmax", lambda a: torch.softmax(a, 1), 1, FLOATS, SUMS),
]


def values(dtype, shape, seed):
    generator = torch.Generator().manual_seed(seed)
    if dtype == torch.bool:
        return torch.rand(shape, generator=generator) > 0.5
    if dtype.is_floating_point:
        return (torch.randn(shape, generator=generator) * 3).to(dtype)
    low = 0 if dtype == torch.uint8 else -100
    return torch.randint(low, 100, shape, generator=generator).to(dtype)


def tensors(layout, count, dtype):
    shape = {"empty": (0, 4), "large": (130, 257)}.get(layout, (6, 4))
    made = [values(dtype, shape, seed) for seed in range(count)]
    if layout == "transposed":
        return [values(dtype, (4, 6), seed).t() for seed in range(count)]
    if layout == "step":
        return [values(dtype, (12, 8), seed)[::2, ::2] for seed in range(count)]
    if layout == "special" and dtype.is_floating_point:
        special = [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e-40, 1.0, -1.5]
        for seed, tensor in enumerate(made):
            tensor.view(-1)[: len(special)] = torch.tensor(special).to(dtype).roll(seed)
    return made


def to_device(tensor):
    """Keeps strides, which .npu() alone does not promise."""
    base = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="npu")
    return base.copy_(tensor)


def disagreement(expected, actual, tolerance):
    actual = actual.cpu()
    if expected.shape != actual.shape or expected.dtype != actual.dtype:
        return f"{actual.shape} {actual.dtype}, expected {expected.shape} {expected.dtype}"
    if not expected.dtype.is_floating_point:
        wrong = (expected != actual).sum().item()
        return f"{wrong} elements differ" if wrong else None
    exact, got = expected.double(), actual.double()
    finite = torch.isfinite(exact)
    if not torch.equal(torch.isnan(exact), torch.isnan(got)):
        return "NaN in other places"
    if not torch.equal(exact[~finite & ~exact.isnan()], got[~finite & ~exact.isnan()]):
        return "infinities in other places"
    exact, got = exact[finite], got[finite]
    eps = torch.finfo(expected.dtype).eps
    scale = exact.abs()
    if tolerance == SUMS and exact.numel():
        scale = scale.max().clamp(min=1.0)
    smallest = 0 if tolerance == EXACT else torch.finfo(expected.dtype).tiny
    allowed = tolerance * eps * scale + smallest
    worst = ((exact - got).abs() - allowed).max().item() if exact.numel() else 0
    return f"off by {worst:.3g} beyond {tolerance} eps" if worst > 0 else None


def run(name, function, count, dtype, tolerance, layout):
    inputs = tensors(layout, count, dtype)
    try:
        expected = function(*inputs)
    except (RuntimeError, IndexError):
        return None  # the CPU refuses it as well: no case
    try:
        actual = function(*[to_device(t) for t in inputs])
        error = disagreement(expected, actual, tolerance)
    except Exception as problem:  # the test reports it
        error = f"{type(problem).__name__}: {str(problem).splitlines()[0]}"
    return {"operator": name, "dtype": str(dtype)[6:], "layout": layout, "error": error}


def main(table):
    wanted = sys.argv[1:]
    for name, function, count, dtypes, tolerance in table:
        if wanted and name not in wanted:
            continue
        for dtype in dtypes:
            for layout in ("plain", "transposed", "step", "special", "empty", "large"):
                case = run(name, function, count, dtype, tolerance, layout)
                if case:
                    print(json.dumps(case), flush=True)


if __name__ == "__main__":
    main(ELEMENTWISE)
