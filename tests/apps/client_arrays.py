"""Runs inside the client: operators on whole arrays (reductions, scans, indices, order, layout) on
npu:0 against the CPU, as client_operators."""

import torch
import torch_npu
from client_operators import ALL, CLOSE, EXACT, FLOATS, INTS, REALS, SUMS, main

F32 = [torch.float32]
WITH_DOUBLE = [*FLOATS, torch.float64]
FEW = [torch.float32, torch.float16, torch.int64, torch.int32, torch.uint8]


def row(*results):
    """Several results in one row, so that one comparison sees all."""
    return torch.cat([r.reshape(-1).float() for r in results])


def indices(a, size, shape):
    """Numbers of [0, size) that follow from nothing but the shape; some come twice."""
    count = 1
    for n in shape:
        count *= n
    numbers = (torch.arange(count) * 7 + 3) % max(size, 1)
    return numbers.reshape(shape).to(a.device)


def rows_of(a):
    return indices(a, a.shape[0], (min(a.shape[0], 9),))


def scatter(name, dim, *more, **options):
    def call(a, b):
        shape = (min(b.shape[0], 5), b.shape[1])
        return getattr(torch, name)(a, dim, indices(a, a.shape[dim], shape), b, *more, **options)

    return call


def reduces(how, include_self=True):
    return scatter("scatter_reduce", 0, how, include_self=include_self)


def top_k_top_p(a):
    """Each row keeps its k greatest, and of those the ones that together have probability p."""
    p = (torch.arange(a.shape[0], device=a.device) % 5 * 0.2 + 0.1).to(a.dtype)
    k = (torch.arange(a.shape[0], device=a.device) % a.shape[1] + 1).int()
    if a.is_npu:
        return torch_npu.npu_top_k_top_p(a, p, k)
    ordered, places = a.sort(dim=-1, stable=True)
    least = ordered.gather(1, (a.shape[1] - k.long())[:, None])
    ordered = ordered.masked_fill(ordered < least, -torch.inf)
    below = ordered.double().softmax(-1).cumsum(-1) <= 1 - p[:, None].double()
    below[:, -1] = False
    return torch.empty_like(a).scatter_(1, places, ordered.masked_fill(below, -torch.inf))


def scatter_list(a, b):
    """Row i of b into row i + 1 of the i-th tensor of a list; the last is masked out."""
    places = torch.arange(3, device=a.device).int() + 1
    wanted = torch.tensor([1, 1, 0], device=a.device).byte()
    parts = [a[None].clone() for _ in range(3)]
    updates = b[:3][:, None, None].contiguous()
    if a.is_npu:
        torch_npu.npu_scatter_list_(parts, places, updates, wanted, "update", -2)
    else:
        for i in range(2):
            parts[i][0, i + 1] = b[i]
    return torch.cat(parts)


def gathered_rows(a):
    if a.is_npu:
        return torch_npu.npu_gather_sparse_index(a, rows_of(a).reshape(1, -1))
    return a[rows_of(a).reshape(1, -1)]


def clipped(a):
    a = a[:, : a.shape[1] // 2 * 2]
    if a.is_npu:
        return torch_npu.npu_clipped_swiglu(a, dim=-1, alpha=0.7, limit=1.0, bias=1.2)
    u, v = a[:, ::2].clamp(max=1.0), a[:, 1::2].clamp(-1, 1)
    return u * torch.sigmoid(0.7 * u) * (v + 1.2)


def gelu_mul(a):
    a = a[:, : a.shape[1] // 2 * 2]
    if a.is_npu:
        return torch_npu.npu_gelu_mul(a, approximate="tanh")
    u, v = a.chunk(2, -1)
    return torch.nn.functional.gelu(u, approximate="tanh") * v


def unique(a, **options):
    values, inverse, counts = a.clamp(0, 3).unique(
        return_inverse=True, return_counts=True, **options
    )
    return row(values, inverse, counts)


def consecutive(a, **options):
    values, inverse, counts = torch.unique_consecutive(
        a.clamp(0, 1), return_inverse=True, return_counts=True, **options
    )
    return row(values, inverse, counts)


def repeats(a):
    return torch.repeat_interleave(a, indices(a, 3, (a.shape[0],)), dim=0)


def fill_diagonal(a):
    return a.clone().fill_diagonal_(3, wrap=True)


def put(a, b, accumulate):
    numbers = indices(a, a.numel(), (b.numel(),)).reshape(b.shape)
    return a.clone().put_(numbers, b, accumulate=accumulate)


def square(a):
    """A batch of well-conditioned matrices; each function below sees the same ones."""
    side = torch.arange(4.0, device=a.device)
    base = (side[:, None] * 7 + side * side * 3) % 5 - 2 + 6 * torch.eye(4, device=a.device)
    return base + torch.arange(3.0, device=a.device)[:, None, None] / 4


def definite(a):
    return square(a) @ square(a).mT + torch.eye(4, device=a.device)


def rebuilt(a, full):
    x = square(a)[:, :, :3] if full else square(a)[:, :3]
    u, s, vh = torch.linalg.svd(x, full_matrices=full)
    return row(s, (u[..., : s.shape[-1]] * s[:, None]) @ vh[:, : s.shape[-1]], u.mT @ u, vh @ vh.mT)


def slogdet(a):
    return (
        row(*torch.linalg.slogdet(square(a)))
        if a.device.type == "cpu"
        else row(*torch.slogdet(square(a)))
    )


# name, function, number of tensors, dtypes, tolerance
TABLE = [
    ("std", lambda a: a.std(1), 1, F32, SUMS),
    ("var", lambda a: a.var(), 1, WITH_DOUBLE, SUMS),
    ("var_dim", lambda a: a.var(0, correction=0, keepdim=True), 1, FLOATS, SUMS),
    ("var_mean", lambda a: row(*torch.var_mean(a, 1)), 1, F32, SUMS),
    ("std_mean", lambda a: row(*torch.std_mean(a, 0)), 1, F32, SUMS),
    ("logsumexp", lambda a: a.logsumexp(1), 1, FLOATS, SUMS),
    ("logsumexp_all", lambda a: a.logsumexp((0, 1)), 1, F32, SUMS),
    ("nansum", lambda a: a.nansum(0), 1, FLOATS, SUMS),
    ("nansum_of_nan", lambda a: a.masked_fill(a > 0, torch.nan).nansum(1), 1, FLOATS, SUMS),
    ("aminmax", lambda a: row(*a.aminmax()), 1, REALS, EXACT),
    ("aminmax_dim", lambda a: row(*a.aminmax(dim=1)), 1, REALS, EXACT),
    ("cumsum", lambda a: a.cumsum(0), 1, ALL, SUMS),
    ("cumsum_row", lambda a: a.cumsum(1), 1, ALL, SUMS),
    ("cumprod", lambda a: (a * 0 + 1.01).cumprod(0), 1, F32, SUMS),
    ("cumprod_int", lambda a: a.cumprod(1), 1, INTS, EXACT),
    ("cummax", lambda a: row(*a.cummax(0)), 1, REALS, EXACT),
    ("cummin", lambda a: row(*a.cummin(1)), 1, REALS, EXACT),
    ("trace", torch.trace, 1, REALS, SUMS),
    ("bincount", lambda a: torch.bincount(a.reshape(-1).abs() % 9), 1,
     [torch.int64, torch.int32], EXACT),
    ("bincount_weights", lambda a: torch.bincount(indices(a, 9, (a.numel(),)), a.reshape(-1)), 1,
     [torch.float32, torch.float64], SUMS),
    ("histc", lambda a: torch.histc(a, 10, -3, 3), 1, F32, EXACT),
    ("scatter", scatter("scatter", 0), 2, ALL, EXACT),
    ("scatter_1", scatter("scatter", 1), 2, ALL, EXACT),
    ("scatter_value", lambda a: a.scatter(0, indices(a, a.shape[0], (3, a.shape[1])), 2), 1,
     REALS, EXACT),
    ("scatter_add", scatter("scatter_add", 0), 2, ALL, SUMS),
    ("scatter_add_1", scatter("scatter_add", 1), 2, ALL, SUMS),
    ("scatter_amax", reduces("amax"), 2, REALS, EXACT),
    ("scatter_amin", reduces("amin", False), 2, REALS, EXACT),
    ("scatter_prod", reduces("prod", False), 2, FEW, CLOSE),
    ("scatter_mean", reduces("mean"), 2, [torch.float32, torch.int64], CLOSE),
    ("index_add", lambda a, b: a.index_add(0, rows_of(a), b[: len(rows_of(a))]), 2, ALL, CLOSE),
    ("index_add_alpha", lambda a, b: a.index_add(0, rows_of(a), b[: len(rows_of(a))], alpha=2), 2,
     REALS, CLOSE),
    ("index_copy", lambda a, b: a.index_copy(0, rows_of(a), b[: len(rows_of(a))]), 2, REALS, EXACT),
    ("index_fill", lambda a: a.index_fill(1, indices(a, a.shape[1], (2,)), 3), 1, REALS, EXACT),
    ("masked_scatter", lambda a, b: a.masked_scatter(a > 0, b), 2, REALS, EXACT),
    ("take", lambda a: torch.take(a, indices(a, a.numel(), (5, 3))), 1, ALL, EXACT),
    ("put", lambda a, b: put(a, b, False), 2, REALS, EXACT),
    ("put_add", lambda a, b: put(a, b, True), 2, REALS, CLOSE),
    ("one_hot", lambda a: torch.nn.functional.one_hot(a.abs() % 7, 7), 1, [torch.int64], EXACT),
    ("isin", lambda a: torch.isin(a, 3), 1, REALS, EXACT),
    ("searchsorted", lambda a, b: torch.searchsorted(a.sort(1)[0], b), 2, REALS, EXACT),
    ("searchsorted_right", lambda a: torch.searchsorted(a[0].sort()[0], 1, right=True), 1, REALS,
     EXACT),
    ("bucketize", lambda a: torch.bucketize(a, torch.arange(5, device=a.device, dtype=a.dtype)), 1,
     REALS, EXACT),
    ("kthvalue", lambda a: a.kthvalue(2, 1)[0], 1, REALS, EXACT),
    ("median", torch.median, 1, REALS, EXACT),
    ("median_dim", lambda a: a.median(0)[0], 1, REALS, EXACT),
    ("nanmedian", torch.nanmedian, 1, FLOATS, EXACT),
    ("nanmedian_dim", lambda a: a.nanmedian(1)[0], 1, FLOATS, EXACT),
    ("msort", torch.msort, 1, REALS, EXACT),
    ("argsort", lambda a: a.argsort(dim=1, descending=True, stable=True), 1, REALS, EXACT),
    ("unique_dim", lambda a: unique(a, dim=0), 1, INTS, EXACT),
    ("unique_dim_1", lambda a: unique(a, dim=1), 1, INTS, EXACT),
    ("unique_consecutive", consecutive, 1, INTS, EXACT),
    ("unique_consecutive_dim", lambda a: consecutive(a, dim=0), 1, INTS, EXACT),
    ("roll", lambda a: a.roll(5), 1, ALL, EXACT),
    ("roll_dims", lambda a: a.roll((1, -2), (0, 1)), 1, ALL, EXACT),
    ("repeat_interleave", lambda a: a.repeat_interleave(3), 1, ALL, EXACT),
    ("repeat_interleave_dim", lambda a: a.repeat_interleave(2, 1), 1, ALL, EXACT),
    ("repeat_interleave_each", repeats, 1, ALL, EXACT),
    ("fill_diagonal", fill_diagonal, 1, ALL, EXACT),
    ("channel_shuffle", lambda a: torch.nn.functional.channel_shuffle(a[:2, :, None], 2), 1, FEW,
     EXACT),
    ("unfold_grad", lambda a: torch.ops.aten.unfold_backward(
        a.unfold(1, 2, 1), a.shape, 1, 2, 1), 1, F32, SUMS),
    ("inverse", lambda a: torch.inverse(square(a)), 1, F32, 64),
    ("cholesky", lambda a: torch.linalg.cholesky(definite(a)), 1, F32, SUMS),
    ("cholesky_upper", lambda a: torch.linalg.cholesky(definite(a), upper=True), 1, F32, SUMS),
    ("qr", lambda a: row(*torch.linalg.qr(square(a)[:, :, :3])), 1, F32, SUMS),
    ("qr_complete", lambda a: row(*torch.linalg.qr(square(a)[:, :, :3], "complete")), 1, F32, SUMS),
    ("svd", lambda a: rebuilt(a, False), 1, F32, SUMS),
    ("svd_full", lambda a: rebuilt(a, True), 1, F32, SUMS),
    ("solve_triangular", lambda a: torch.linalg.solve_triangular(
        square(a), square(a)[:, :, :2], upper=True), 1, F32, SUMS),
    ("slogdet", slogdet, 1, F32, SUMS),
    ("cross", lambda a, b: torch.linalg.cross(a[:, :3], b[:, :3]), 2, FEW, SUMS),
    ("cdist", torch.cdist, 2, F32, 256),
    ("cdist_1", lambda a, b: torch.cdist(a, b, 1), 2, F32, SUMS),
    ("pdist", torch.pdist, 1, F32, 256),
    ("top_k_top_p", top_k_top_p, 1, F32, EXACT),
    ("scatter_list", scatter_list, 2, FEW, EXACT),
    ("gather_sparse_index", gathered_rows, 1, ALL, EXACT),
    ("clipped_swiglu", clipped, 1, FLOATS, SUMS),
    ("gelu_mul", gelu_mul, 1, FLOATS, SUMS),
    ("logspace", lambda a: torch.logspace(-1, 2, 9, device=a.device), 1, F32, CLOSE),
]  # fmt: skip

if __name__ == "__main__":
    main(TABLE)
