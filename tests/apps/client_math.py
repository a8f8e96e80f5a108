"""Runs inside the client: mathematical operators on npu:0 against the CPU, as client_operators."""

import torch
from client_operators import ALL, CLOSE, EXACT, FLOATS, INTS, REALS, SUMS, main

WITH_DOUBLE = [*FLOATS, torch.float64]
SIGNED = [torch.int64, torch.int32, torch.int16, torch.int8]


def inplace(name, *more):
    return lambda a, *others: getattr(a.clone(), name)(*others, *more)


def unary(*names):
    return [(name, getattr(torch, name), 1, WITH_DOUBLE, 4) for name in names]


def normal(a):
    """torch's own remainders by subnormal numbers are NaN on some CPUs."""
    return torch.where(a.abs() < 1e-30, torch.zeros_like(a), a)


def shift_counts(a):
    return a.abs() % 7


def foreach(name, *more):
    """A list operator; its results in one row."""
    return lambda *lists: torch.cat(
        [t.reshape(-1) for t in getattr(torch, f"_foreach_{name}")(list(lists), *more)]
    )


OF_COMPLEX = "exp2 log2 log10 sigmoid sgn isfinite"


def of_complex(name):
    """Of small finite numbers, where nothing overflows and no NaN chooses its part; as pairs."""

    def compute(a, b):
        a, b = (torch.where(t.isfinite(), t / 8, torch.ones_like(t)) for t in (a, b))
        y = getattr(torch, name)(torch.complex(a, b))
        return torch.view_as_real(y) if y.is_complex() else y

    return compute


LISTS = "acos asin atan cosh erfc expm1 log10 log1p log2 sinh tan sign floor ceil round trunc frac"


def unscale(a, b, scale):
    grads, found = [a.clone(), b.clone()], torch.zeros(1, device=a.device)
    inverse = torch.full((1,), 0.25, device=a.device)
    torch._amp_foreach_non_finite_check_and_unscale_(grads, found, inverse)
    return torch.cat([*[g.reshape(-1).float() for g in grads], found])


# name, function, number of tensors, dtypes, tolerance
TABLE = [
    *unary("tan", "sinh", "cosh", "asin", "acos", "atan", "asinh", "acosh", "atanh"),
    *unary("erfc", "erfinv", "exp2", "expm1", "log1p", "log2", "log10", "sinc"),
    *[(f"{n}_", inplace(f"{n}_"), 1, FLOATS, 4) for n in ("asin", "cosh", "erfinv", "exp2")],
    ("log_of_int", torch.log2, 1, [torch.int32, torch.int64, torch.uint8, torch.bool], 4),
    ("round", torch.round, 1, WITH_DOUBLE, EXACT),
    ("round_2", lambda a: torch.round(a, decimals=2), 1, [torch.float32, torch.float64], CLOSE),
    ("round_-1", lambda a: torch.round(a, decimals=-1), 1, [torch.float32], CLOSE),
    ("frac", torch.frac, 1, FLOATS, EXACT),
    ("isposinf", torch.isposinf, 1, REALS, EXACT),
    ("isneginf", torch.isneginf, 1, REALS, EXACT),
    ("signbit", torch.signbit, 1, REALS, EXACT),
    ("nan_to_num", torch.nan_to_num, 1, FLOATS, EXACT),
    ("nan_to_num_given", lambda a: torch.nan_to_num(a, 1.0, 2.0, -3.0), 1, FLOATS, EXACT),
    ("logit", lambda a: torch.logit(a / 40 + 0.5, 1e-3), 1, [torch.float32], SUMS),
    ("clamp", lambda a: a.clamp(1, 20), 1, REALS, EXACT),
    ("clamp_min", lambda a: a.clamp(min=1), 1, REALS, EXACT),
    ("clamp_max", lambda a: a.clamp(max=1), 1, REALS, EXACT),
    ("clamp_float", lambda a: a.clamp(min=0.5), 1, INTS, EXACT),
    ("clamp_tensor", torch.clamp, 3, REALS, EXACT),
    ("clamp_min_tensor", torch.clamp_min, 2, REALS, EXACT),
    ("clamp_max_", inplace("clamp_max_", 1), 1, REALS, EXACT),
    ("atan2", torch.atan2, 2, FLOATS, CLOSE),
    ("fmod", lambda a, b: torch.fmod(a, normal(b)), 2, FLOATS, EXACT),
    ("fmod_int", lambda a, b: torch.fmod(a, b.clamp(min=1)), 2, INTS, EXACT),
    ("fmod_scalar", lambda a: torch.fmod(a, 3), 1, REALS, EXACT),
    ("remainder", lambda a, b: torch.remainder(a, normal(b)), 2, FLOATS, CLOSE),
    ("remainder_int", lambda a, b: torch.remainder(a, b.clamp(min=1)), 2, INTS, EXACT),
    ("remainder_scalar", lambda a: torch.remainder(a, -3), 1, [*FLOATS, *SIGNED], CLOSE),
    ("remainder_of", lambda a: torch.remainder(7, a.clamp(min=1)), 1, REALS, CLOSE),
    ("floor_divide", torch.floor_divide, 2, FLOATS, CLOSE),
    ("floor_divide_int", lambda a, b: a // b.clamp(min=1), 2, INTS, EXACT),
    ("floor_divide_scalar", lambda a: a // 3, 1, REALS, EXACT),
    ("div_trunc", lambda a: torch.div(a, 3, rounding_mode="trunc"), 1, REALS, EXACT),
    ("div_floor", lambda a: torch.div(a, 3, rounding_mode="floor"), 1, REALS, EXACT),
    ("gcd", torch.gcd, 2, INTS, EXACT),
    ("lshift", lambda a, b: a << shift_counts(b), 2, INTS, EXACT),
    ("lshift_scalar", lambda a: a << 3, 1, INTS, EXACT),
    ("rshift", lambda a, b: a >> shift_counts(b), 2, INTS, EXACT),
    ("logaddexp", torch.logaddexp, 2, FLOATS, SUMS),
    ("logaddexp2", torch.logaddexp2, 2, [torch.float32], SUMS),
    ("logical_xor", torch.logical_xor, 2, ALL, EXACT),
    ("xlogy", torch.xlogy, 2, FLOATS, CLOSE),
    ("xlogy_scalar", lambda a: torch.xlogy(a, 2.5), 1, FLOATS, CLOSE),
    ("pow_int", lambda a: torch.pow(a, 3), 1, INTS, EXACT),
    ("where", lambda a, b: torch.where(a > 0, a, b), 2, ALL, EXACT),
    ("where_mixed", lambda a: torch.where(a > 0, a, 2.5), 1, FLOATS, EXACT),
    ("abs_complex", lambda a: torch.complex(a, a * 2).abs(), 1, [torch.float32], CLOSE),
    ("angle", torch.angle, 1, [torch.float32], CLOSE),
    ("angle_complex", lambda a: torch.complex(a, a * 2).angle(), 1, [torch.float32], CLOSE),
    ("polar", lambda a, b: torch.view_as_real(torch.polar(a, b)), 2, [torch.float32], CLOSE),
    ("complex", lambda a, b: torch.view_as_real(torch.complex(a, b)), 2, [torch.float32], EXACT),
    ("exp_complex", lambda a, b: torch.view_as_real(torch.complex(a, b).exp()), 2,
     [torch.float32], 4),
    *[(f"{name}_complex", of_complex(name), 2, [torch.float32], 8) for name in OF_COMPLEX.split()],
    ("conj_copy", lambda a, b: torch.view_as_real(torch.complex(a, b).t().conj().clone()), 2,
     [torch.float32], EXACT),
    ("one_conj_copy", lambda a, b: torch.view_as_real(torch.complex(a, b)[0, 0].conj().clone()), 2,
     [torch.float32], EXACT),
    ("addr", lambda a: torch.addr(a, a[:, 0], a[0], beta=0.5, alpha=2), 1, [torch.float32], SUMS),
    *[(f"foreach_{name}", foreach(name), 2, FLOATS, CLOSE) for name in LISTS.split()],
    ("unscale", unscale, 3, [torch.float32, torch.float16], EXACT),
]  # fmt: skip

if __name__ == "__main__":
    main(TABLE)
