"""Runs inside the client: entries of PyTorch's own operator database on npu:0 against the CPU.

    client.py [--jobs N] [--samples N] [--dtypes f32,...] [--copies] [NAME ...]

Prints one JSON line per (entry, dtype): {"opinfo", "dtype", "status", "samples", "reason"}, and one
with dtype "grad" for the gradients in float32. Each entry runs in a process of its own, forked from
one that has the client loaded, so that a crash or a hang costs one line.

status: PASS, WRONG (values or types differ), ERROR (the device refuses what the CPU does), FALLBACK
(the client says that it would compute on the CPU), CRASH (the process ended, or hung). Samples that
the CPU itself refuses do not count. An entry's worst sample decides.
"""

import argparse
import functools
import json
import math
import os
import re
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

import torch
import torch_npu  # noqa: F401
from torch.testing._internal import common_methods_invocations
from torch.testing._internal.common_device_type import toleranceOverride
from torch.utils._pytree import tree_flatten, tree_map

PAIRS = Path(__file__).with_name("pairs.tsv")
RANK = {"PASS": 0, "FALLBACK": 1, "ERROR": 2, "WRONG": 3, "CRASH": 4}
SECONDS_PER_TYPE = 60

# Their values are drawn or left as found: only shape, type and repeatability can be compared.
UNINITIALISED = ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided")
# Entries that draw numbers; whether a sample really does is tried: dropout of 0 must be exact.
RANDOM = set(
    "bernoulli multinomial normal rand_like randint randint_like randn randn_like uniform "
    "exponential geometric cauchy log_normal randperm nn.functional.dropout "
    "nn.functional.dropout2d "
    "nn.functional.dropout3d nn.functional.alpha_dropout nn.functional.feature_alpha_dropout "
    "nn.functional.rrelu nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d "
    "nn.functional.scaled_dot_product_attention nn.functional.multi_head_attention_forward "
    "pca_lowrank svd_lowrank torch.ops.aten._efficient_attention_forward".split()
)
# Bases, signs and phases of decompositions are free; the product is what must agree.
REBUILDS = {
    "svd": lambda out: out[0] * out[1].unsqueeze(-2) @ out[2].mH,
    "linalg.svd": lambda out: out[0] * out[1].unsqueeze(-2) @ out[2] if len(out) == 3 else out,
    "linalg.qr": lambda out: out[0] @ out[1] if out[0].numel() else out[1].abs(),
    "qr": lambda out: out[0] @ out[1],
}


def read_pairs(kinds):
    rows = [line.split("\t") for line in PAIRS.read_text().splitlines() if line[0] != "#"]
    return {name: dtypes.split() for name, kind, dtypes in rows[1:] if kind in kinds}


def full_name(op):
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def draw_freely(function, *arguments, **keywords):
    """In place of the database's own wrapper, which sets a seed before each call."""
    return function(*arguments, **keywords)


@functools.cache
def database():
    common_methods_invocations.wrapper_set_seed = draw_freely
    return {full_name(op): op for op in common_methods_invocations.op_db}


def tolerance(op, dtype):
    """PyTorch's tolerance for the type, widened where the entry itself asks for more."""
    scale = {torch.float16: (1e-3, 1e-3), torch.bfloat16: (1.6e-2, 1e-2)}
    atol, rtol = scale.get(dtype, (1e-5, 1.3e-5 if dtype.is_floating_point else 1e-5))
    for decorator in op.decorators:
        for tool in getattr(decorator, "decorators", [decorator]):
            if isinstance(tool, toleranceOverride) and dtype in tool.d:
                atol, rtol = max(atol, tool.d[dtype].atol), max(rtol, tool.d[dtype].rtol)
    return atol, rtol


def to_device(tree):
    def move(leaf):
        if not isinstance(leaf, torch.Tensor):
            return torch.device("npu:0") if isinstance(leaf, torch.device) else leaf
        moved = torch.empty_strided(leaf.shape, leaf.stride(), dtype=leaf.dtype, device="npu:0")
        with torch.no_grad():
            moved.copy_(leaf.detach())
        return moved.requires_grad_(leaf.requires_grad)

    return tree_map(move, tree)


def detached(tree):
    return tree_map(
        lambda x: (
            x.detach().clone().requires_grad_(x.requires_grad) if isinstance(x, torch.Tensor) else x
        ),
        tree,
    )


def tensors(tree):
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, torch.Tensor)]


def describe(tensor):
    return f"{tuple(tensor.shape)} {tensor.dtype}"


# Where equal elements stand is free: which dimension their indices are of, as the n-th argument.
PLACES = {"sort": 0, "argsort": 0, "topk": 1, "kthvalue": 1, "mode": 0}
WIDER = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}


def named_elements(op, sample, out):
    """The elements that indices name, in place of the indices."""
    position = PLACES[op.name]
    dim = sample.kwargs.get("dim", sample.args[position] if len(sample.args) > position else -1)
    *values, indices = [out] if isinstance(out, torch.Tensor) else out
    x = sample.input.detach()
    if indices.dim() < x.dim():
        indices = indices.unsqueeze(dim)
    return [*values, torch.take_along_dim(x, indices.cpu(), dim) if x.dim() else indices]


def exact_result(op, compute, sample, dtype):
    """The host's result, computed in a wider type and rounded once: low precision on a CPU may be
    less exact than the device."""
    wide = detached_sample(sample).transform(
        lambda x: (
            x.detach().to(WIDER[x.dtype]).requires_grad_(x.requires_grad)
            if isinstance(x, torch.Tensor) and x.dtype in WIDER
            else x
        )
    )
    return tree_map(
        lambda x: x.to(dtype) if isinstance(x, torch.Tensor) and x.dtype == WIDER[dtype] else x,
        compute(op, wide),
    )


def differs(op, compute, sample, dtype, device, host, limits):
    """None when |device| agrees with the host, or with what the host should have computed."""
    reason = compare(device, host, False, limits, False)
    if reason and op.name in PLACES:
        device, host = (named_elements(op, sample, out) for out in (device, host))
        reason = compare(device, host, False, limits, False)
    if reason and dtype in WIDER and "close" in reason:
        try:
            exact = exact_result(op, compute, sample, dtype)
            reason = compare(device, exact, False, limits, False) and reason
        except Exception:
            return reason
    return reason


def compare(device, host, exact, limits, shape_only):
    """None, or in words what differs."""
    device, host = tree_flatten(device)[0], tree_flatten(host)[0]
    if len(device) != len(host):
        return f"{len(device)} results instead of {len(host)}"
    for index, (got, want) in enumerate(zip(device, host, strict=True)):
        if not isinstance(want, torch.Tensor):
            if not isinstance(got, torch.Tensor) and (got == want or shape_only):
                continue
            if isinstance(want, float) and math.isclose(got, want, rel_tol=1e-4, abs_tol=1e-5):
                continue
            return f"result {index} is {got}, expected {want}"
        if got.shape != want.shape or got.dtype != want.dtype:
            return f"result {index} is {describe(got)}, expected {describe(want)}"
        if shape_only:
            continue
        atol, rtol = (
            (0, 0) if exact or not (got.is_floating_point() or got.is_complex()) else limits
        )
        try:
            torch.testing.assert_close(got.cpu(), want, atol=atol, rtol=rtol, equal_nan=True)
        except AssertionError as error:
            return f"result {index}: " + " ".join(str(error).split())[:200]
    return None


def kind_of(error):
    text = str(error)
    return "FALLBACK" if "CPU fallback is disabled" in text else "ERROR"


def brief(error):
    ours = re.search(r"\(E[A-Z]\d{4}\): +(.*)", str(error))
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return ours[1][:300] if ours else f"{type(error).__name__}: {first[:250]}"


def call(op, sample):
    return op(sample.input, *sample.args, **sample.kwargs)


def is_random(op, compute, sample, host):
    """Whether another seed gives other values; few elements may agree by chance: hence several."""
    if op.name not in RANDOM:
        return False
    for seed in range(1, 17):
        torch.manual_seed(seed)
        again = compute(op, detached_sample(sample))
        if compare(again, host, True, None, False):
            return True
    return False


def detached_sample(sample):
    return sample.transform(lambda x: detached(x) if isinstance(x, torch.Tensor) else x)


def device_sample(sample):
    moved = detached_sample(sample).transform(
        lambda x: to_device(x) if isinstance(x, (torch.Tensor, torch.device)) else x
    )
    if "device" in moved.kwargs:
        moved.kwargs["device"] = "npu:0"
    return moved


def samples_of(op, dtype, limit, with_gradient):
    """The entry's samples, then some of them with strides."""
    given = []
    for sample in op.sample_inputs("cpu", dtype, requires_grad=with_gradient):
        given.append(sample)
        if len(given) >= limit:
            break
    for sample in given:
        yield sample
    for sample in given[: min(limit, 4)]:
        try:
            strided = sample.noncontiguous()
        except Exception:
            continue
        yield strided


def run_forward(op, dtype, limit):
    counted, worst, why = 0, "PASS", ""
    shape_only = op.name in UNINITIALISED
    for sample in samples_of(op, dtype, limit, False):
        torch.manual_seed(0)
        try:
            host = call(op, detached_sample(sample))
        except Exception:
            continue
        counted += 1
        status, reason = "PASS", ""
        try:
            random = shape_only or is_random(op, call, sample, host)
            torch.manual_seed(0)
            device = call(op, device_sample(sample))
            rebuild = REBUILDS.get(op.name)
            if rebuild:
                device, host = rebuild(device), rebuild(host)
            limits = tolerance(op, dtype)
            if random:
                reason = compare(device, host, False, limits, True)
            else:
                reason = differs(op, call, sample, dtype, device, host, limits)
            status = "WRONG" if reason else "PASS"
            if random and not shape_only and not reason:
                torch.manual_seed(0)
                again = call(op, device_sample(sample))
                reason = compare(again, tree_map(to_host, device), True, None, False)
                status = "WRONG" if reason else "PASS"
                reason = f"same seed, other values: {reason}" if reason else ""
        except Exception as error:
            status, reason = kind_of(error), brief(error)
        if RANK[status] > RANK[worst]:
            worst, why = status, f"sample {counted}: {reason}"
    return counted, worst, why


def to_host(leaf):
    return leaf.cpu() if isinstance(leaf, torch.Tensor) else leaf


def gradients(op, sample):
    inputs = [t for t in tensors((sample.input, sample.args, sample.kwargs)) if t.requires_grad]
    out = call(op, sample)
    if sample.output_process_fn_grad is not None:
        out = sample.output_process_fn_grad(out)
    outs = [
        t for t in tensors(out) if t.requires_grad and (t.is_floating_point() or t.is_complex())
    ]
    if not inputs or not outs:
        return None
    generator = torch.Generator().manual_seed(7)
    seeds = []
    for t in outs:
        seed = torch.rand(t.shape, generator=generator, dtype=torch.float64).to(t.dtype)
        seeds.append(seed.to(t.device))
    return torch.autograd.grad(outs, inputs, seeds, allow_unused=True)


def run_gradients(op, limit):
    dtype = torch.float32
    counted, worst, why = 0, "PASS", ""
    atol, rtol = tolerance(op, dtype)
    for sample in samples_of(op, dtype, limit, True):
        try:
            torch.manual_seed(0)
            host = gradients(op, detached_sample(sample))
            random = host is not None and is_random(op, gradients, sample, host)
        except Exception:
            continue
        if host is None:
            continue
        counted += 1
        try:
            device = gradients(op, device_sample(sample))
            limits = max(atol, 1e-4), max(rtol, 1e-4)
            if random:
                reason = compare(device, host, False, limits, True)
            else:
                reason = differs(op, gradients, sample, dtype, device, host, limits)
            status = "WRONG" if reason else "PASS"
        except Exception as error:
            status, reason = kind_of(error), brief(error)
        if RANK[status] > RANK[worst]:
            worst, why = status, f"sample {counted}: {reason}"
    return counted, worst, why


def run_entry(name, dtypes, options, write):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    op = database()[name]
    for word in dtypes:
        write({"begin": word})
        limit = options.samples
        if word == "grad":
            counted, status, reason = run_gradients(op, limit)
        else:
            counted, status, reason = run_forward(op, getattr(torch, word), limit)
        write(
            {"opinfo": name, "dtype": word, "status": status, "samples": counted, "reason": reason}
        )


def child(name, dtypes, options, pipe):
    os.setsid()
    out = os.fdopen(pipe, "w", buffering=1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        run_entry(name, dtypes, options, lambda row: out.write(json.dumps(row) + "\n"))
        out.write(json.dumps({"end": True}) + "\n")
    except BaseException:
        out.write(json.dumps({"died": traceback.format_exc()[-300:]}) + "\n")
    out.close()
    os._exit(0)  # the client's own end is other tests' subject


class Worker:
    """A process that runs an entry's types; what it had not finished when it died is run again."""

    def __init__(self, name, dtypes, options):
        self.name, self.options, self.left = name, options, list(dtypes)
        self.start()

    def start(self):
        read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(read)
            child(self.name, self.left, self.options, write)
        os.close(write)
        self.pipe, self.text, self.since = read, b"", time.monotonic()
        self.doing, self.death = None, ""
        os.set_blocking(read, False)

    def poll(self):
        """Rows that are new; None in place of a list when all is done."""
        rows, ended = [], False
        try:
            while chunk := os.read(self.pipe, 65536):
                self.text += chunk
            ended = True
        except BlockingIOError:
            pass
        *lines, self.text = self.text.split(b"\n")
        for line in lines:
            row = json.loads(line)
            if "begin" in row:
                self.doing, self.since = row["begin"], time.monotonic()
            elif "status" in row:
                rows.append(row)
                self.left.remove(row["dtype"])
                self.doing = None
            elif "died" in row:
                self.death = row["died"]
        if not ended and time.monotonic() - self.since > SECONDS_PER_TYPE:
            os.killpg(self.pid, signal.SIGKILL)
            self.death, ended = f"no end after {SECONDS_PER_TYPE} s", True
        if not ended:
            return rows, False
        os.close(self.pipe)
        _, how = os.waitpid(self.pid, 0)
        if not self.left:
            return rows, True
        lost = self.doing or self.left[0]
        if os.WIFSIGNALED(how):
            self.death = self.death or f"signal {signal.Signals(os.WTERMSIG(how)).name}"
        rows.append(
            {
                "opinfo": self.name,
                "dtype": lost,
                "status": "CRASH",
                "samples": 0,
                "reason": self.death,
            }
        )
        self.left.remove(lost)
        if self.left:
            self.start()
            return rows, False
        return rows, True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--samples", type=int, default=1 << 30)
    parser.add_argument("--dtypes", default="")
    parser.add_argument("--copies", action="store_true")
    options = parser.parse_args()
    pairs = read_pairs({"copy"} if options.copies else {"op"})
    chosen = options.names or sorted(pairs)
    todo = []
    for name in chosen:
        wanted = options.dtypes.split(",") if options.dtypes else pairs[name]
        dtypes = [d for d in pairs[name] if d in wanted]
        if dtypes:
            todo.append((name, dtypes))
    todo.reverse()
    running = []
    while todo or running:
        while todo and len(running) < options.jobs:
            running.append(Worker(*todo.pop(), options))
        for worker in list(running):
            rows, done = worker.poll()
            for row in rows:
                print(json.dumps(row), flush=True)
            if done:
                running.remove(worker)
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
