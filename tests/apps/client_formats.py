"""Runs inside the client: tensors go to private formats and back, bit for bit. A JSON line each."""

import json

import torch
import torch_npu

NC1HWC0, FRACTAL_Z, FRACTAL_NZ, NDC1HWC0, FRACTAL_Z_3D = 3, 4, 29, 32, 33
IMAGE, MATRIX, VOLUME = (2, 20, 5, 7), (3, 35, 17), (2, 20, 3, 5, 4)
CASES = [
    (NC1HWC0, IMAGE, 0),
    (FRACTAL_Z, IMAGE, 0),
    (FRACTAL_NZ, IMAGE, 2),
    (FRACTAL_NZ, MATRIX, 2),
    (FRACTAL_NZ, (32, 48), 2),
    (NDC1HWC0, VOLUME, 30),
    (FRACTAL_Z_3D, VOLUME, 30),
]


def weights():
    """Products whose right matrix keeps its private format; in double on the CPU."""
    torch.manual_seed(3)
    for dtype in (torch.float16, torch.bfloat16):
        a, w, bias = torch.randn(33, 40), torch.randn(50, 40), torch.randn(50)
        a, w, bias = a.to(dtype), w.to(dtype), bias.to(dtype)
        there = torch_npu.npu_format_cast(w.npu(), FRACTAL_NZ)
        swapped = torch_npu.npu_format_cast(w.t().contiguous().npu(), FRACTAL_NZ)
        want = a.double() @ w.double().t()
        results = {
            "mm": (torch.mm(a.npu(), swapped), want),
            "mm of a transposed view": (torch.mm(a.npu(), there.t()), want),
            "linear": (torch.nn.functional.linear(a.npu(), there), want),
            "addmm": (
                torch.addmm(bias.npu(), a.npu(), swapped, beta=0.5, alpha=2),
                bias.double() * 0.5 + want * 2,
            ),
        }
        for name, (got, exact) in results.items():
            off = (got.cpu().double() - exact).abs().max() / exact.abs().max()
            case = {
                "case": f"{name} {dtype}",
                "format": int(torch_npu.get_npu_format(there)) == FRACTAL_NZ,
                "same": bool(off <= torch.finfo(dtype).eps),
            }
            print(json.dumps(case), flush=True)


def main():
    torch.npu.config.allow_internal_format = True
    weights()
    for private, shape, plain in CASES:
        for dtype in (torch.float32, torch.float16):
            x = torch.randn(shape).to(dtype)
            base = torch_npu.npu_format_cast(x.npu(), plain)
            there = torch_npu.npu_format_cast(base, private)
            back = torch_npu.npu_format_cast(there, plain)
            case = {
                "case": f"{private} {shape} {dtype}",
                "format": int(torch_npu.get_npu_format(there)) == private,
                "same": torch.equal(back.cpu(), x),
            }
            print(json.dumps(case), flush=True)


main()
