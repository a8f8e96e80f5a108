"""Forms of ONNX operators that ONNX's node tests leave out, beside ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from test_onnx import convert, run

draw = np.random.default_rng(5)


def floats(*shape):
    return draw.normal(size=shape).astype(np.float32)


def integers(dtype, *shape):
    bounds = np.iinfo(dtype)
    return draw.integers(bounds.min, bounds.max, shape, dtype, endpoint=True)


def recurrent(gates, directions, batch=3, steps=5, size=4, hidden=6, **more):
    """Inputs of a recurrent node, by their names in the standard."""
    return {
        "X": floats(steps, batch, size),
        "W": floats(directions, gates * hidden, size),
        "R": floats(directions, gates * hidden, hidden),
        "B": floats(directions, 2 * gates * hidden),
    } | more


def lengths(*numbers):
    return {"sequence_lens": np.array(numbers, np.int32)}


def states(directions, *names):
    return {name: floats(directions, 3, 6) for name in names}


RECURRENT = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
BOTH = {"direction": "bidirectional", "hidden_size": 6}
CASES = {
    "lstm, both directions, lengths, states": (
        "LSTM",
        RECURRENT,
        recurrent(4, 2) | lengths(5, 1, 3) | states(2, "initial_h", "initial_c"),
        BOTH,
    ),
    "lstm backward": (
        "LSTM",
        RECURRENT,
        recurrent(4, 1),
        {"direction": "reverse", "hidden_size": 6},
    ),
    "lstm, peepholes, lengths": (
        "LSTM",
        RECURRENT,
        recurrent(4, 2) | lengths(2, 5, 4) | {"P": floats(2, 18)},
        BOTH,
    ),
    "lstm, clip": ("LSTM", RECURRENT, recurrent(4, 1), {"clip": 0.3, "hidden_size": 6}),
    "lstm, other activations": (
        "LSTM",
        RECURRENT,
        recurrent(4, 1),
        {
            "activations": ["HardSigmoid", "Relu", "Softsign"],
            "activation_alpha": [0.3],
            "activation_beta": [0.4],
            "hidden_size": 6,
        },
    ),
    "lstm, input forgets": (
        "LSTM",
        RECURRENT,
        recurrent(4, 1),
        {"input_forget": 1, "hidden_size": 6},
    ),
    "gru, both directions, lengths": (
        "GRU",
        RECURRENT,
        recurrent(3, 2) | lengths(5, 2, 1) | states(2, "initial_h"),
        BOTH,
    ),
    "gru, linear before reset": (
        "GRU",
        RECURRENT,
        recurrent(3, 2) | lengths(4, 5, 2),
        BOTH | {"linear_before_reset": 1},
    ),
    "gru, linear before reset, clip": (
        "GRU",
        RECURRENT,
        recurrent(3, 1),
        {"linear_before_reset": 1, "clip": 0.5, "hidden_size": 6},
    ),
    "rnn, both directions, relu": (
        "RNN",
        RECURRENT,
        recurrent(1, 2) | lengths(5, 5, 2),
        BOTH | {"activations": ["Relu", "Tanh"]},
    ),
    "transposed convolution of volumes": (
        "ConvTranspose",
        ("X", "W", "B"),
        {"X": floats(2, 4, 3, 4, 5), "W": floats(4, 3, 2, 3, 2), "B": floats(6)},
        {"group": 2, "strides": [2, 1, 3], "pads": [0, 1, 0, 1, 1, 0], "dilations": [1, 2, 1]},
    ),
    "integer convolution of many taps": (
        "ConvInteger",
        ("x", "w", "x_zero_point", "w_zero_point"),
        {
            "x": integers(np.uint8, 1, 300, 4, 4),
            "w": integers(np.uint8, 2, 300, 3, 3),
            "x_zero_point": np.array(3, np.uint8),
            "w_zero_point": np.array(250, np.uint8),
        },
        {"pads": [1, 1, 1, 1]},
    ),
    "quantised convolution, a scale a channel, bias": (
        "QLinearConv",
        (
            "x",
            "x_scale",
            "x_zero_point",
            "w",
            "w_scale",
            "w_zero_point",
            "y_scale",
            "y_zero_point",
            "B",
        ),
        {
            "x": integers(np.uint8, 1, 4, 6, 6),
            "x_scale": np.array(0.02, np.float32),
            "x_zero_point": np.array(120, np.uint8),
            # 7 bits: with 8, ONNX Runtime's sums saturate on CPUs without VNNI.
            "w": integers(np.int8, 3, 4, 3, 3) // 2,
            "w_scale": np.array([0.01, 0.02, 0.005], np.float32),
            "w_zero_point": np.zeros(3, np.int8),
            "y_scale": np.array(0.7, np.float32),
            "y_zero_point": np.array(100, np.uint8),
            "B": integers(np.int16, 3).astype(np.int32),
        },
        {"group": 1, "strides": [2, 2]},
    ),
    "largest of windows, places by columns": (
        "MaxPool",
        ("X",),
        {"X": floats(2, 3, 7, 8)},
        {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1], "storage_order": 1},
    ),
    "resizing of four dimensions": (
        "Resize",
        ("X", "roi", "scales"),
        {
            "X": floats(2, 3, 4, 5),
            "roi": np.zeros(0, np.float32),
            "scales": np.array([1.5, 2, 0.6, 1.4], np.float32),
        },
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"},
    ),
}
CASES["largest in parts of boxes"] = (
    "MaxRoiPool",
    ("X", "rois"),
    {
        "X": floats(2, 3, 9, 8),
        "rois": np.array([[0, 1, 2, 6, 7], [1, -3, 0, 3, 20], [1, 5, 5, 5, 5]], np.float32),
    },
    {"pooled_shape": [2, 3], "spatial_scale": 0.8},
)
for mode in ("TF", "IDF", "TFIDF"):
    CASES[f"number sequences, {mode}"] = (
        "TfIdfVectorizer",
        ("X",),
        {"X": integers(np.int8, 3, 40).astype(np.int64) % 4},
        {
            "mode": mode,
            "min_gram_length": 1,
            "max_gram_length": 3,
            "max_skip_count": 1,
            "pool_int64s": [1, 3, 0, 1, 2, 2, 1, 2, 3],
            "ngram_counts": [0, 2, 6],
            "ngram_indexes": [4, 0, 3, 1, 6],
            "weights": [0.5, 2.0, 1.5, 3.0, 0.25],
        },
    )
OUTPUTS = {"LSTM": 3, "GRU": 2, "RNN": 2, "MaxPool": 2}
PARAMETERS = ("W", "R", "roi", "scales")  # constant, as in models


@pytest.mark.parametrize("name", CASES)
def test_form_agrees_with_onnxruntime(toolkit, tmp_path, name):
    kind, slots, inputs, attributes = CASES[name]
    outputs = [f"out{i}" for i in range(OUTPUTS.get(kind, 1))]
    used = slots[: 1 + max(i for i, slot in enumerate(slots) if slot in inputs)]
    node = helper.make_node(
        kind, [slot if slot in inputs else "" for slot in used], outputs, **attributes
    )
    fed = {k: v for k, v in inputs.items() if k not in PARAMETERS}
    graph = helper.make_graph(
        [node],
        "form",
        [
            helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
            for k, v in fed.items()
        ],
        [helper.make_empty_tensor_value_info(output) for output in outputs],
        [numpy_helper.from_array(v, k) for k, v in inputs.items() if k in PARAMETERS],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    path = tmp_path / "form.onnx"
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = session.run(None, fed)
    done, converted = convert(toolkit, path, tmp_path)
    assert done.returncode == 0, done.stdout
    results = run(toolkit, converted, tmp_path, fed)
    for got, want in zip(results, wanted, strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
