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


def small(generator, shape):
    return torch.randn(shape, generator=generator) * 0.5


def positive(generator, shape):
    return torch.rand(shape, generator=generator) * 0.9 + 0.05


def swiglu(x):
    if x.is_npu:
        return torch_npu.npu_swiglu(x)
    a, b = x.chunk(2, -1)
    return F.silu(a) * b


def rms_norm(x, w):
    if x.is_npu:
        return torch_npu.npu_rms_norm(x, w, 1e-6)[0]
    return F.rms_norm(x, w.shape, w, 1e-6)


def add_rms_norm(a, b, w):
    if a.is_npu:
        y, _, total = torch_npu.npu_add_rms_norm(a, b, w, 1e-6)
        return y, total
    return F.rms_norm(a + b, w.shape, w, 1e-6), a + b


def add_layer_norm(a, b, w, bias):
    if a.is_npu:
        y, _, _, total = torch_npu.npu_add_layer_norm(a, b, w, bias, 1e-5, True)
        return y, total
    return F.layer_norm(a + b, w.shape, w, bias), a + b


def deep_norm(x, gx, w, bias):
    if x.is_npu:
        return torch_npu.npu_deep_norm(x, gx, bias, w, 0.3, 1e-6)[2]
    return F.layer_norm(0.3 * x + gx, w.shape, w, bias, 1e-6)


def cross_entropy(x, weight, reduction="mean", smoothing=0.0, ignore=-100):
    classes = torch.arange(x.shape[0], device=x.device) * 7 % x.shape[1]
    if x.is_npu:
        return torch_npu.npu_cross_entropy_loss(
            x, classes, weight.detach(), reduction, ignore, smoothing
        )[0]
    loss = F.cross_entropy(
        x,
        classes,
        weight.detach(),
        reduction=reduction,
        ignore_index=ignore,
        label_smoothing=smoothing,
    )
    return loss if reduction == "none" else loss.reshape(1)


def deformable(x, w, moved, bias, stride=1, groups=1):
    """3x3, padding 1; offsets are all x, all y, then the mask, each by group and tap."""
    if x.is_npu:
        sizes = [3, 3], [1, 1, stride, stride], [1, 1, 1, 1], [1, 1, 1, 1]
        return torch_npu.npu_deformable_conv2d(x, w, moved, bias, *sizes, 1, groups, True)[0]
    n, channels, height, width = x.shape
    parts = moved.reshape(n, 3, groups, 9, *moved.shape[2:])
    tap = torch.arange(9)
    home_y = torch.arange(moved.shape[2]) * stride - 1 + (tap // 3)[:, None]
    home_x = torch.arange(moved.shape[3]) * stride - 1 + (tap % 3)[:, None]
    at_y = parts[:, 1] + home_y[:, :, None]
    at_x = parts[:, 0] + home_x[:, None, :]
    grid = torch.stack([at_x * 2 / (width - 1) - 1, at_y * 2 / (height - 1) - 1], -1)
    columns = []
    for g in range(groups):
        part = x[:, g * channels // groups : (g + 1) * channels // groups]
        taken = [
            F.grid_sample(part, grid[:, g, k], padding_mode="zeros", align_corners=True)
            * parts[:, 2, g, k][:, None]
            for k in range(9)
        ]
        columns.append(torch.stack(taken, 2))
    under = torch.cat(columns, 1)
    return torch.einsum("nckhw,ock->nohw", under, w.flatten(2)) + bias[:, None, None]


def masked_softmax(x):
    mask = torch.arange(x[0, 0].numel(), device=x.device).reshape(1, 1, *x.shape[2:]) % 3 == 0
    mask = mask.expand(x.shape[0], 1, -1, -1).contiguous()
    if x.is_npu:
        return torch_npu.npu_scaled_masked_softmax(x, mask, 0.5, False)
    return F.softmax((x * 0.5).masked_fill(mask, -10000), -1)


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
    Case("relu6", F.relu6, shape)
    Case("hardtanh", lambda x: F.hardtanh(x, -0.5, 2.0), shape)
    Case("glu", lambda x: F.glu(x, 0), shape)
    Case("glu_last", F.glu, (3, 8))
    Case("prelu", F.prelu, (4, 5, 6), (5,), units=SUMS)
    Case("prelu_one", F.prelu, (4, 5, 6), (1,), units=SUMS)
    Case("swiglu", swiglu, (3, 8))
    # The wheel's shape rules want multiples of 32 in [32, 4096].
    Case("masked_softmax", masked_softmax, (2, 3, 8, 32), units=SUMS)


def batch_norms():
    for name, shape in {
        "batch_norm": (4, 5, 6, 7),
        "batch_norm_1d": (6, 5),
        "batch_norm_3d": (2, 3, 4, 5, 6),
        "batch_norm_wide": (3, 70, 20, 17),
    }.items():
        weights = [(shape[1],), (shape[1],)]

        def training(x, w, b):
            return F.batch_norm(x, None, None, w, b, True)

        def running(x, w, b):
            mean, variance = torch.zeros_like(w).detach(), torch.ones_like(w).detach()
            y = F.batch_norm(x, mean, variance, w, b, True, 0.3)
            return y, mean, variance

        def evaluation(x, w, b):
            mean, variance = w.detach() * 0.1, w.detach().abs() + 0.5
            return F.batch_norm(x, mean, variance, w, b, False)

        Case(name, training, shape, *weights, units=SUMS)
        Case(f"{name}_running", running, shape, *weights, units=SUMS)
        Case(f"{name}_eval", evaluation, shape, *weights, units=SUMS)
    Case("batch_norm_plain", lambda x: F.batch_norm(x, None, None, None, None, True), (4, 5, 6))
    for name, shape in {"group_norm": (4, 6, 5, 7), "group_norm_1d": (3, 6, 40)}.items():
        Case(name, lambda x, w, b: F.group_norm(x, 3, w, b), shape, (6,), (6,), units=SUMS)
    Case("group_norm_plain", lambda x: F.group_norm(x, 2), (2, 4, 5, 3), units=SUMS)
    Case("rms_norm", rms_norm, (4, 5, 24), (24,), units=SUMS)
    Case("add_rms_norm", add_rms_norm, (4, 24), (4, 24), (24,), units=SUMS, grad=False)
    Case(
        "layer_norm",
        lambda x, w, b: F.layer_norm(x, (24,), w, b),
        (4, 5, 24),
        (24,),
        (24,),
        units=SUMS,
    )
    Case("add_layer_norm", add_layer_norm, (4, 24), (4, 24), (24,), (24,), units=SUMS)
    Case("deep_norm", deep_norm, (4, 24), (4, 24), (24,), (24,), units=SUMS)
    Case("instance_norm", lambda x: F.instance_norm(x), (4, 5, 6, 7), units=SUMS)
    # A mean that is large beside the deviation must not cost digits.
    Case(
        "batch_norm_offset",
        lambda x: F.batch_norm(x + 100, None, None, None, None, True),
        (8, 3, 40),
        units=1000,
        dtypes=[torch.float32],
    )


def convolutions():
    def tbc(*a):  # PyTorch on the CPU takes views of the gradient that strides forbid
        return torch.conv_tbc(*(a if a[0].is_npu else [t.contiguous() for t in a]), 1)

    Case("conv_tbc", tbc, (7, 2, 3), (3, 3, 5), (5,), units=MANY)
    for stride, groups, out in ((1, 1, (6, 8)), (2, 2, (3, 4))):

        def function(*a, stride=stride, groups=groups):
            return deformable(*a, stride, groups)

        shapes = (2, 4, 6, 8), (5, 4, 3, 3), (2, 27 * groups, *out), (5,)
        # The wheel computes the gradient of other types in float32, and returns it so.
        Case(f"deformable_{stride}", function, *shapes, units=MANY, dtypes=[torch.float32])
    Case("transform_bias_rescale", transform_bias_rescale, (2, 7, 48), (48,), grad=False)
    Case("addbmm", torch.addbmm, (5, 4), (3, 5, 7), (3, 7, 4), units=MANY)


def transform_bias_rescale(x, bias):
    if x.is_npu:
        return torch.ops.aten._transform_bias_rescale_qkv(x, bias, 4)
    q, k, v = (x + bias).unflatten(-1, (3, 4, -1)).permute(2, 0, 3, 1, 4)
    return q / q.shape[-1] ** 0.5, k, v


def vocabulary_parallel(dtype, returns_logits):
    """Two parts of a vocabulary, as two processes have them, against the cross entropy of all."""
    generator = torch.Generator().manual_seed(5)
    rows, width, part = 20, 16, 128
    x = (torch.randn(rows, width, generator=generator) * 0.5).to(dtype)
    w = (torch.randn(2 * part, width, generator=generator) * 0.5).to(dtype)
    target = torch.randint(0, 2 * part, (rows,), generator=generator)
    incoming = torch.randn(rows, generator=generator)
    exact = [x.double().requires_grad_(), w.double().requires_grad_()]
    want = F.cross_entropy(exact[0] @ exact[1].t(), target, reduction="none")
    want.backward(incoming.double())

    weights = [w[:part].npu(), w[part:].npu()]
    own = []
    for i in range(2):
        span = i * part, (i + 1) * part - 1
        own.append(
            torch_npu.npu_fused_linear_online_max_sum(
                x.npu(), weights[i], target.npu(), *span, return_logits=returns_logits
            )
        )
    most = torch.maximum(own[0][0], own[1][0])
    total = sum(o[1] * torch.exp(o[0] - most) for o in own)
    has = [(target // part == i).npu() for i in range(2)]
    score = sum(torch.where(has[i], o[2] + o[0] - most, 0.0) for i, o in enumerate(own))
    x_grad, w_grads = 0, []
    for i, o in enumerate(own):
        logits = o[5] if returns_logits else None
        loss, softmax = torch_npu.npu_fused_cross_entropy_loss_with_max_sum(
            most, total, score, vocab_parallel_logits=logits
        )
        known = (
            {"softmax": softmax}
            if returns_logits
            else {"logits_max": most, "sum_exp_logits": total}
        )
        dx, dw = torch_npu.npu_fused_linear_cross_entropy_loss_with_max_sum_backward(
            incoming.npu(), x.npu(), weights[i], o[3], o[4], **known
        )
        x_grad = x_grad + dx.double().cpu()
        w_grads.append(dw.double().cpu())
    error = disagreement("loss", want.detach(), loss, torch.float32, SUMS)
    for name, a, b in (("dx", exact[0].grad, x_grad), ("dw", exact[1].grad, torch.cat(w_grads))):
        off = ((a - b).abs().max() / a.abs().max() / torch.finfo(dtype).eps).item()
        error = error or (None if off <= FEW else f"{name} is off by {off:.3g} eps")
    return {
        "operator": "vocabulary_parallel",
        "dtype": str(dtype)[6:],
        "layout": "logits" if returns_logits else "no logits",
        "error": error,
    }


def dropout_is_sound():
    """Kept elements are scaled, as many as the probability says, and the gradient has the mask."""
    torch.manual_seed(5)
    x = torch.ones(1000, 301, device="npu", requires_grad=True)
    y = F.dropout(x, 0.25)
    y.sum().backward()
    kept = (y != 0).float().mean().item()
    again = F.dropout(x, 0.25)
    values = sorted(y.detach().unique().tolist())
    sound = (
        abs(kept - 0.75) < 0.005
        and len(values) == 2
        and abs(values[1] - 1 / 0.75) < 1e-6
        and torch.equal(x.grad, y.detach())
        and not torch.equal(again, y)
        and torch.equal(F.dropout(x, 0.25, training=False), x)
    )
    return {
        "operator": "dropout",
        "dtype": "float32",
        "layout": "plain",
        "error": None if sound else f"keeps {kept} with values {values}",
    }


def losses():
    pair = ((4, 6), (4, 6))
    for name in "mse_loss l1_loss smooth_l1_loss soft_margin_loss".split():
        for how in ("none", "mean", "sum"):

            def function(x, t, name=name, how=how):
                return getattr(F, name)(x, t.detach().sign(), reduction=how)

            Case(f"{name}_{how}", function, *pair, units=SUMS)
    for how in ("none", "mean", "sum"):
        for smoothing, ignore in ((0.0, -100), (0.2, 3)):

            def function(x, w, how=how, smoothing=smoothing, ignore=ignore):
                return cross_entropy(x, w.abs(), how, smoothing, ignore)

            Case(f"cross_entropy_{how}_{smoothing}", function, (6, 9), (9,), units=SUMS)
    Case("kl_div", lambda x, t: F.kl_div(x, t, reduction="sum"), *pair, units=SUMS, draw=positive)
    Case(
        "kl_div_log",
        lambda x, t: F.kl_div(x, t, reduction="none", log_target=True),
        *pair,
        units=SUMS,
    )


def recurrent():
    def layer(kind, *sizes, **options):
        """A layer's function of its input, first states and weights."""

        def function(x, *rest):
            module = getattr(torch.nn, kind)(*sizes, **options).to(x.device, x.dtype)
            names = [name for name, _ in module.named_parameters()]
            states, weights = rest[: len(rest) - len(names)], rest[len(rest) - len(names) :]
            first = tuple(states) if kind == "LSTM" else states[0]
            values = dict(zip(names, weights, strict=True))
            return torch.func.functional_call(module, values, (x, first))

        return function

    def case(name, kind, x, sizes, dtypes=FLOATS, **options):
        module = getattr(torch.nn, kind)(*sizes, **options)
        weights = [tuple(p.shape) for p in module.parameters()]
        batch = x[0] if options.get("batch_first") else x[1]
        count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
        states = [(count, batch, sizes[1])] * (2 if kind == "LSTM" else 1)
        function = layer(kind, *sizes, **options)
        Case(name, function, x, *states, *weights, units=MANY, draw=small, dtypes=dtypes)

    for kind in ("LSTM", "GRU"):
        case(kind, kind, (7, 3, 5), (5, 6))
        case(f"{kind}_batch_first", kind, (3, 7, 5), (5, 6), batch_first=True)
        case(f"{kind}_layers", kind, (7, 3, 5), (5, 6), num_layers=3)
        case(f"{kind}_bidirectional", kind, (7, 3, 5), (5, 6), bidirectional=True, num_layers=2)
        case(f"{kind}_no_bias", kind, (7, 3, 5), (5, 6), bias=False)

    def cell(kind):
        def function(x, *rest):
            states, weights = rest[:-4], rest[-4:]
            module = getattr(torch.nn, f"{kind}Cell")(5, 6).to(x.device, x.dtype)
            names = [name for name, _ in module.named_parameters()]
            first = tuple(states) if kind == "LSTM" else states[0]
            values = dict(zip(names, weights, strict=True))
            return torch.func.functional_call(module, values, (x, first))

        return function

    for kind, gates, states in (("LSTM", 4, 2), ("GRU", 3, 1)):
        shapes = [(4, 6)] * states + [(6 * gates, 5), (6 * gates, 6), (6 * gates,), (6 * gates,)]
        Case(
            f"{kind}Cell",
            cell(kind),
            (4, 5),
            *shapes,
            units=MANY,
            draw=small,
            dtypes=[torch.float32, torch.float16],
        )


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
    for group in (activations, batch_norms, convolutions, losses, recurrent):
        group()
    print(json.dumps(dropout_is_sound()), flush=True)
    for dtype in FLOATS[1:]:
        for returns_logits in (True, False):
            print(json.dumps(vocabulary_parallel(dtype, returns_logits)), flush=True)
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
