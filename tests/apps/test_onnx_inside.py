"""What ONNX models hold inside: functions, control flow, sequences; beside ONNX Runtime where it
runs them, and what is refused."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser
from test_onnx import convert, run

HEAD = '<ir_version: 8, opset_import: ["" : 18{}]>\n'
SEED = np.random.default_rng(3)
X = SEED.normal(size=(2, 3)).astype(np.float32)

# name: the graph, functions after it, further domains
MODELS = {
    "a condition of run time chooses": (
        """g (float[2,3] x) => (float[2,3] y) {
            zero = Constant <value_float: float = 0.0> ()
            sum = ReduceSum <keepdims: int = 0> (x)
            is_more = Greater (sum, zero)
            y = If (is_more) <
                then_branch: graph = yes () => (float[2,3] a) { a = Mul (x, sum) },
                else_branch: graph = no () => (float[2,3] b) { b = Sub (x, sum) }>
        }""",
        "",
    ),
    "a loop of known length collects": (
        """g (float[2,3] x) => (float[2,3] last, float[4,2,3] all)
        <int64 trips = {4}, bool yes = {1}> {
            last, all = Loop (trips, yes, x) <body: graph = body
                (int64 i, bool go, float[2,3] v) => (bool goes, float[2,3] w, float[2,3] kept) {
                    goes = Identity (go)
                    n = CastLike (i, v)
                    w = Add (v, n)
                    kept = Mul (w, w)
                }>
        }""",
        "",
    ),
    "a loop ends by a condition of run time": (
        """g (float[2,3] x) => (float[2,3] y) <int64 trips = {6}, bool yes = {1}> {
            y = Loop (trips, yes, x) <body: graph = body
                (int64 i, bool go, float[2,3] v) => (bool goes, float[2,3] w) {
                    limit = Constant <value_float: float = 20.0> ()
                    w = Add (v, v)
                    size = ReduceL1 <keepdims: int = 0> (w)
                    goes = Less (size, limit)
                }>
        }""",
        "",
    ),
    "a scan backwards along columns": (
        """g (float[2,3] x) => (float[2] sum, float[2,3] sums) {
            zero = Constant <value_floats: floats = [0.0, 0.0]> ()
            sum, sums = Scan (zero, x) <num_scan_inputs: int = 1, scan_input_axes: ints = [1],
                scan_input_directions: ints = [1], scan_output_axes: ints = [1],
                scan_output_directions: ints = [1], body: graph = body
                (float[2] s, float[2] v) => (float[2] t, float[2] u) {
                    t = Add (s, v)
                    u = Identity (t)
                }>
        }""",
        "",
    ),
    "sequences that are gone when the model runs": (
        """g (float[2,3] x) => (float[3,2] y, int64 n) {
            one = Constant <value_int: int = 1> ()
            rows = SplitToSequence <axis: int = 1, keepdims: int = 0> (x)
            middle = SequenceAt (rows, one)
            fewer = SequenceErase (rows, one)
            more = SequenceInsert (fewer, middle)
            n = SequenceLength (more)
            y = ConcatFromSequence <axis: int = 0, new_axis: int = 1> (more)
        }""",
        "",
    ),
    "functions that call functions, with attributes": (
        """g (float[2,3] x) => (float[2,3] y) {
            t = own.scaled <by: float = 3.0> (x)
            y = own.twice (t)
        }""",
        """<domain: "own", opset_import: ["" : 18]>
        scaled <by> (x) => (y) {
            factor = Constant <value_float: float = @by> ()
            y = Mul (x, factor)
        }
        <domain: "own", opset_import: ["" : 18, "own" : 1]>
        twice (x) => (y) {
            t = own.scaled <by: float = 2.0> (x)
            x2 = Identity (x)
            y = Max (t, x2)
        }""",
    ),
}


def write(folder, text, functions=""):
    domains = ', "own" : 1' if functions else ""
    model = parser.parse_model(HEAD.format(domains) + text + "\n" + functions)
    path = folder / "inside.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("name", MODELS)
def test_agrees_with_onnxruntime(toolkit, tmp_path, name):
    path = write(tmp_path, *MODELS[name])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    done, model = convert(toolkit, path, tmp_path)
    assert done.returncode == 0, done.stdout
    for sign in (1, -1):  # conditions go both ways
        results = run(toolkit, model, tmp_path, {"x": sign * X})
        for got, want in zip(results, session.run(None, {"x": sign * X}), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


REFUSED = {
    "a function that calls itself": (
        "g (float[2,3] x) => (float[2,3] y) { y = own.again (x) }",
        """<domain: "own", opset_import: ["" : 18, "own" : 1]>
        again (x) => (y) { y = own.again (x) }""",
        "nested deeper",
    ),
    "a position beyond a sequence": (
        """g (float[2,3] x) => (float[2,3] y) {
            five = Constant <value_int: int = 5> ()
            all = SequenceConstruct (x, x)
            y = SequenceAt (all, five)
        }""",
        "",
        "position 5 is not in a sequence of 2",
    ),
    "a sequence where a tensor belongs": (
        """g (float[2,3] x) => (float[2,3] y) {
            all = SequenceConstruct (x, x)
            y = Neg (all)
        }""",
        "",
        "is a sequence",
    ),
    "a sequence as an output": (
        """g (float[2,3] x) => (seq(float[2,3]) y) { y = SequenceConstruct (x, x) }""",
        "",
        "which no buffer of a client holds",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_converted_is_told(toolkit, tmp_path, name):
    text, functions, says = REFUSED[name]
    done, model = convert(toolkit, write(tmp_path, text, functions), tmp_path)
    assert done.returncode == 255
    assert says in done.stdout
    assert not model.exists()
