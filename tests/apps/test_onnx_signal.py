"""Fourier transforms of long signals beside NumPy's in double precision, and dropout that drops."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from test_onnx import results_of


def numbers(name, *values):
    node = helper.make_node("Constant", [], [name], value_ints=values)
    if len(values) == 1:
        scalar = numpy_helper.from_array(np.array(values[0]), name)
        node = helper.make_node("Constant", [], [name], value=scalar)
    return node


# powers of two, small factors, a factor of 17, primes
@pytest.mark.parametrize("length", [1200, 4096, 17 * 64, 6007, 100003])
def test_transforms_of_long_signals(toolkit, tmp_path, length):
    x = np.random.default_rng(length).normal(size=(2, length, 1)).astype(np.float32)
    nodes = [
        numbers("axis", 1),
        helper.make_node("DFT", ["x", "", "axis"], ["lines"]),
        helper.make_node("DFT", ["x", "", "axis"], ["half"], onesided=1),
        helper.make_node("DFT", ["lines", "", "axis"], ["back"], inverse=1),
    ]
    kinds = dict.fromkeys(["lines", "half", "back"], TensorProto.FLOAT)
    lines, half, back = results_of(toolkit, tmp_path, nodes, {"x": x}, kinds)
    want = np.fft.fft(x[..., 0].astype(np.float64), axis=1)
    scale = np.abs(want).max()
    np.testing.assert_allclose(lines[..., 0], want.real, atol=1e-6 * scale)
    np.testing.assert_allclose(lines[..., 1], want.imag, atol=1e-6 * scale)
    np.testing.assert_array_equal(half, lines[:, : length // 2 + 1])
    np.testing.assert_allclose(back[..., 0], x[..., 0], atol=1e-5)
    np.testing.assert_allclose(back[..., 1], 0, atol=1e-5)


def test_dropout_in_training_keeps_the_mean(toolkit, tmp_path):
    x = np.random.default_rng(1).normal(size=(200, 300)).astype(np.float32)
    nodes = [
        helper.make_node("Constant", [], ["ratio"], value_float=0.25),
        helper.make_node("Constant", [], ["trains"], value=numpy_helper.from_array(np.array(True))),
        helper.make_node("Dropout", ["x", "ratio", "trains"], ["y", "mask"], seed=7),
    ]
    kinds = {"y": TensorProto.FLOAT, "mask": TensorProto.BOOL}
    y, mask = results_of(toolkit, tmp_path, nodes, {"x": x}, kinds)
    assert abs(mask.mean() - 0.75) < 0.01
    np.testing.assert_allclose(y, np.where(mask, x / 0.75, 0), rtol=1e-6)
