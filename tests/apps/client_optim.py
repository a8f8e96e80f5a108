"""Runs inside the client: optimizers and loss scaling on npu:0 against the same steps on the CPU.

Prints one JSON line per case: {"case", "error"}; error is null when parameters agree after some
steps.
"""

import json
import sys

import torch
import torch_npu

SHAPES = [(7, 5), (33,), (), (64, 70)]


def train(make, device, dtype=torch.float32, steps=5):
    generator = torch.Generator().manual_seed(3)
    start = [torch.randn(shape, generator=generator).to(dtype) for shape in SHAPES]
    parameters = [p.to(device).requires_grad_() for p in start]
    optimizer = make(parameters)
    for _ in range(steps):
        for p in parameters:
            grad = torch.randn(p.shape, generator=generator).to(dtype).to(device)
            if p.grad is None:
                p.grad = grad
            else:
                p.grad.copy_(grad)  # the wheel's fused optimizers keep gradients where they are
        optimizer.step()
    return [p.detach().cpu() for p in parameters]


def largest_difference(a, b):
    return max((x.double() - y.double()).abs().max().item() for x, y in zip(a, b, strict=True))


def torch_optimizer(name, **options):
    def case():
        def make(parameters):
            return getattr(torch.optim, name)(parameters, lr=0.05, **options)

        def plain(parameters):
            own = {k: v for k, v in options.items() if k not in ("fused", "foreach")}
            return getattr(torch.optim, name)(parameters, lr=0.05, **own)

        return largest_difference(train(make, "npu"), train(plain, "cpu"))

    return case


def npu_optimizer(name, reference, **options):
    def case():
        def make(parameters):
            return getattr(torch_npu.optim, name)(parameters, lr=0.05, **options)

        def plain(parameters):
            return getattr(torch.optim, reference)(parameters, lr=0.05, **options)

        return largest_difference(train(make, "npu"), train(plain, "cpu"))

    return case


def clipped():
    def gradients(device):
        generator = torch.Generator().manual_seed(5)
        parameters = [torch.zeros(shape, device=device, requires_grad=True) for shape in SHAPES]
        for p in parameters:
            p.grad = torch.randn(p.shape, generator=generator).to(device)
        norm = torch.nn.utils.clip_grad_norm_(parameters, 0.5)
        return [norm.cpu()] + [p.grad.cpu() for p in parameters]

    return largest_difference(gradients("npu"), gradients("cpu"))


def scaler():
    """Growth after two good steps, backing off and skipping after an overflow."""
    p = torch.ones(5, device="npu", requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.5)
    scaler = torch_npu.npu.amp.GradScaler(init_scale=8.0, growth_interval=2)
    scales, values = [], []
    for factor in (1.0, 1.0, float("inf"), float("nan"), 1.0, 1.0):
        optimizer.zero_grad()
        scaler.scale((p * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
        values.append(p.detach()[0].item())
    expected = [8.0, 16.0, 8.0, 4.0, 4.0, 8.0], [0.5, 0.0, 0.0, 0.0, -0.5, -1.0]
    assert (scales, values) == expected, (scales, values)
    return 0.0


CASES = {
    "sgd": torch_optimizer("SGD"),
    "sgd_momentum": torch_optimizer("SGD", momentum=0.9, weight_decay=0.1, nesterov=True),
    "sgd_fused": torch_optimizer("SGD", momentum=0.9, weight_decay=0.1, fused=True),
    "adam": torch_optimizer("Adam", weight_decay=0.1),
    "adam_foreach": torch_optimizer("Adam", foreach=True),
    "adam_amsgrad": torch_optimizer("Adam", amsgrad=True),
    "adamw": torch_optimizer("AdamW", weight_decay=0.1),
    "adamw_fused": torch_optimizer("AdamW", weight_decay=0.1, fused=True),
    "adamw_fused_amsgrad": torch_optimizer("AdamW", amsgrad=True, maximize=True, fused=True),
    "rmsprop": torch_optimizer("RMSprop", momentum=0.9),
    "adagrad": torch_optimizer("Adagrad"),
    "adadelta": torch_optimizer("Adadelta"),
    "adamax": torch_optimizer("Adamax"),
    "npu_sgd": npu_optimizer("NpuFusedSGD", "SGD", momentum=0.9),
    "npu_adam": npu_optimizer("NpuFusedAdam", "Adam"),
    "npu_adamw": npu_optimizer("NpuFusedAdamW", "AdamW", weight_decay=0.1),
    "npu_adadelta": npu_optimizer("NpuFusedAdadelta", "Adadelta"),
    "npu_rmsprop": npu_optimizer("NpuFusedRMSprop", "RMSprop", momentum=0.9),
    "clip_grad_norm": clipped,
    "grad_scaler": scaler,
}


def main():
    for name, case in CASES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        try:
            worst = case()
            error = None if worst < 2e-5 else f"off by {worst:.3g}"
        except Exception as problem:  # the test reports it
            error = f"{type(problem).__name__}: {str(problem).strip().splitlines()[0]}"
        print(json.dumps({"case": name, "error": error}), flush=True)


main()
