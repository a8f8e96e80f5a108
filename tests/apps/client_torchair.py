"""Runs inside the client: models and functions that torch.compile hands to the graph engine
(torchair, GE mode), against the same call on the CPU in double precision.

Prints one JSON line per case: {"name", "dynamic", "error"}; error is null when both agree. With
dynamic sizes the compiled function also runs on inputs of other sizes.
"""

import copy
import json
import sys

import torch
import torch.nn.functional as F
import torch_npu  # noqa: F401
import torchair
from torch import nn

CASES = {}


def case(name, *shapes, other=None, integers=None, dtype=torch.float32):
    """A function or module of tensors of |shapes|, and of |other| ones where sizes are open."""

    def add(function):
        CASES[name] = (function, shapes, other, integers, dtype)
        return function

    return add


class Block(nn.Module):
    """A transformer's layer, its attention by hand."""

    def __init__(self, size=32, heads=4):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.mlp = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))

    def forward(self, x):
        batch, length, size = x.shape
        shape = (batch, length, 3, self.heads, size // self.heads)
        q, k, v = self.qkv(self.first(x)).view(shape).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(-1, -2) / (size // self.heads) ** 0.5, -1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(batch, length, size))
        return x + self.mlp(self.second(x))


class Images(nn.Module):
    """Convolutions, batch normalisation as in inference, pools."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.norm.running_mean.uniform_(-1, 1)
        self.norm.running_var.uniform_(0.5, 2)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.pool, self.out = nn.MaxPool2d(2), nn.Linear(8, 5)

    def forward(self, x):
        y = F.relu(self.norm(self.conv(x)))
        y = self.pool(y + self.depthwise(y))
        return self.out(F.adaptive_avg_pool2d(y, 1).flatten(1))


case("mlp", (8, 16), other=[(5, 16)])(nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4)))
case("block", (2, 6, 32), other=[(3, 9, 32)])(Block())
case("images", (2, 3, 16, 16), other=[(4, 3, 16, 16)])(Images())
case("embedding", (3, 5), integers=20)(nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 4)))

case("unary", (4, 5), other=[(7, 3)])(lambda x: x.sin() + x.exp() * x.erf() - x.abs().sqrt())
case("rounding", (4, 5))(lambda x: x.floor() + x.round() + x.neg() + (x.abs() + 1).reciprocal())
case("gates", (4, 5))(lambda x: F.silu(x) + F.elu(x) + F.hardswish(x) + torch.sigmoid(x) * x.tanh())
case("bounds", (4, 5))(lambda x: x.clamp(-0.5, 0.5) + F.relu6(x) + F.leaky_relu(x, 0.1))
case("powers", (4, 5))(lambda x: x**2 + x.abs() ** 1.5 - x / 3)
case("sums", (4, 5), other=[(6, 5)])(lambda x: (x.sum(1), x.mean((0, 1)), x.sum(-1, keepdim=True)))
case("softmax", (4, 5))(lambda x: F.log_softmax(x, -1) + F.softmax(x, 0))
case("order", (4, 5))(lambda x: (torch.topk(x, 2)[0], x.argmax(-1), x.max(1)[0], x.cumsum(1)))
case("joined", (4, 5), (4, 3))(lambda x, y: (torch.cat([x, y], 1), torch.stack([x, x + 1])))
case("parts", (4, 4))(lambda x: x.split(2, 1)[0] + x.chunk(2, 1)[1] + x[:, 1:3] + x[..., :2])
case("places", (4, 4))(lambda x: x.unsqueeze(1).squeeze(1).flip(0).repeat(2, 1).t())
case("chosen", (4, 4))(lambda x: torch.where(x > 0, x, x * 0.1).masked_fill(x > 1, -9))
case("compared", (4, 4), (4, 4))(lambda x, y: ((x > y) | (x < 0), torch.minimum(x, y), x.ne(y)))
case("converted", (4, 4))(lambda x: x.half().float() + x.int().float() + (~(x > 0)).float())
case("triangles", (4, 4))(lambda x: torch.tril(x) + torch.triu(x, 1))
case("broadcast", (4, 4))(lambda x: x.expand(3, 4, 4) + torch.arange(4, device=x.device))
case("filled", (3, 3))(lambda x: torch.zeros_like(x) + torch.full((3, 3), 2.0, device=x.device))
case("padded", (4, 5))(lambda x: F.pad(x, (1, 2)))
case("products", (2, 4, 4), (2, 4, 3))(torch.bmm)
case("product and sum", (3,), (4, 5), (5, 3))(
    lambda a, b, c: torch.addmm(a, b, c, beta=0.5, alpha=2)
)
case("halves", (4, 4), (4, 4), dtype=torch.float16)(lambda x, y: x @ y + 1)
case("brain floats", (4, 4), (4, 4), dtype=torch.bfloat16)(lambda x, y: F.softmax(x @ y, -1))
case("convolution 1d", (2, 3, 8), (4, 3, 3))(F.conv1d)
case("average pool", (1, 2, 4, 4))(lambda x: F.avg_pool2d(x, 2))
case("transposed convolution", (1, 2, 4, 4), (2, 3, 3, 3))(
    lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1)
)
case("nearest", (1, 2, 4, 4))(lambda x: F.interpolate(x, scale_factor=2.0, mode="nearest"))
case("scattered", (4, 5))(
    lambda x: x.scatter(1, (x[:, :2] * 0).long() + torch.arange(2, device=x.device), 1.0)
)
case("gathered", (4, 5))(lambda x: x.gather(1, torch.arange(4, device=x.device).unsqueeze(1)))
case("losses", (4, 5), (4, 5))(lambda x, y: F.mse_loss(x, y))
case("rotated", (2, 3, 8), (3, 8), (3, 8))(
    lambda x, c, s: x * c + torch.cat([-x[..., 4:], x[..., :4]], -1) * s
)

TOLERANCE = {torch.float32: 2e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def leaves(result):
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in leaves(part)]
    return [result]


def draw(generator, shapes, integers, dtype):
    if integers:
        return [torch.randint(0, integers, shape, generator=generator) for shape in shapes]
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


def exact(tensor):
    return tensor.double() if tensor.is_floating_point() else tensor


def check(got, want, dtype):
    for mine, right in zip(leaves(got), leaves(want), strict=True):
        assert mine.shape == right.shape, f"{list(mine.shape)}, expected {list(right.shape)}"
        if not right.is_floating_point():
            assert torch.equal(mine.cpu(), right), "values differ"
            continue
        bound = TOLERANCE[dtype] * max(1.0, float(right.abs().max()))
        error = float((mine.cpu().double() - right).abs().max())
        assert error <= bound, f"{error} is more than {bound}"


def run(name, dynamic, backend):
    function, shapes, other, integers, dtype = CASES[name]
    generator = torch.Generator().manual_seed(1)
    torch._dynamo.reset()
    on_cpu = function
    on_device = function
    if isinstance(function, nn.Module):
        on_device = function.eval().float().npu()
    compiled = torch.compile(on_device, backend=backend, dynamic=dynamic, fullgraph=True)
    for given in [shapes, *([other] if dynamic and other else []), shapes]:
        inputs = draw(generator, given, integers, dtype)
        got = compiled(*[tensor.npu() for tensor in inputs])
        got = [leaf.cpu() for leaf in leaves(got)]
        if isinstance(function, nn.Module):
            on_cpu = function.cpu().double()
        want = on_cpu(*[exact(tensor) for tensor in inputs])
        if isinstance(function, nn.Module):
            function.float().npu()
        check(got, want, dtype)


def train(backend):
    """Losses of a few steps, forward and backward through the graph engine."""
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    exactly = copy.deepcopy(model).double()
    torch._dynamo.reset()
    compiled = torch.compile(model.npu(), backend=backend, dynamic=False)
    for _ in range(5):
        x, target = torch.randn(8, 16), torch.randint(0, 4, (8,))
        losses = []
        for net, inputs in ((compiled, (x.npu(), target.npu())), (exactly, (x.double(), target))):
            loss = F.cross_entropy(net(inputs[0]), inputs[1])
            loss.backward()
            with torch.no_grad():
                for parameter in net.parameters():
                    parameter -= 0.1 * parameter.grad
                    parameter.grad = None
            losses.append(loss.item())
        assert abs(losses[0] - losses[1]) < 1e-5 * losses[1], losses


def told(name, dynamic, work):
    error = None
    try:
        work()
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"
    print(json.dumps({"name": name, "dynamic": dynamic, "error": error}), flush=True)


def main():
    torch.manual_seed(0)
    backend = torchair.get_npu_backend(compiler_config=torchair.CompilerConfig())
    names = sys.argv[1:] or list(CASES)
    told("training", False, lambda: train(backend))
    for dynamic in (False, True):
        for name in names:
            with torch.no_grad():
                told(name, dynamic, lambda: run(name, dynamic, backend))  # noqa: B023


main()
