"""Models whose course or sizes follow from data, beside ONNX Runtime: they run in stages."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser
from running import succeeded
from test_onnx import CLIENT, atc, convert, run

HEAD = '<ir_version: 8, opset_import: ["" : 18]>\n'
DRAW = np.random.default_rng(5)
X = DRAW.normal(size=(2, 3)).astype(np.float32)
LONG = DRAW.normal(size=(300, 4)).astype(np.float32)
BOXES = np.sort(DRAW.uniform(size=(1, 2, 40, 2)), axis=1).transpose(0, 2, 1, 3).reshape(1, 40, 4)
SCORES = DRAW.uniform(size=(1, 3, 40)).astype(np.float32)

# name: the graph, and what is fed, one run after the other
MODELS = {
    "branches of other shapes": (
        """g (float[2,3] x) => (float[m,n] y) {
            zero = Constant <value_float: float = 0.0> ()
            sum = ReduceSum <keepdims: int = 0> (x)
            is_more = Greater (sum, zero)
            y = If (is_more) <
                then_branch: graph = yes () => (float[2,3] a) { a = Mul (x, sum) },
                else_branch: graph = no () => (float[3,2] b) { b = Transpose (x) }>
        }""",
        [{"x": X}, {"x": -X}, {"x": X}],
    ),
    "only the branch that was chosen runs": (
        """g (float[2,3] x, int64 at) => (float[3] y) {
            two = Constant <value_int: int = 2> ()
            is_there = Less (at, two)
            y = If (is_there) <
                then_branch: graph = yes () => (float[3] a) { a = Gather <axis: int = 0> (x, at) },
                else_branch: graph = no () => (float[3] b) {
                    axes = Constant <value_ints: ints = [0]> ()
                    b = ReduceMax <keepdims: int = 0> (x, axes)
                }>
        }""",
        [{"x": X, "at": np.array(1)}, {"x": X, "at": np.array(7)}],
    ),
    "a loop that ends by its condition alone": (
        """g (float[2,3] x) => (float[2,3] y) <bool yes = {1}> {
            y = Loop ("", yes, x) <body: graph = body
                (int64 i, bool go, float[2,3] v) => (bool goes, float[2,3] w) {
                    limit = Constant <value_float: float = 20.0> ()
                    w = Add (v, v)
                    size = ReduceL1 <keepdims: int = 0> (w)
                    goes = Less (size, limit)
                }>
        }""",
        [{"x": X}, {"x": 100 * X}],
    ),
    "as often as an input says, and the value grows": (
        """g (float[2,3] x, int64 trips) => (float[m,3] last, float[n,2] sums) <bool yes = {1}> {
            last, sums = Loop (trips, yes, x) <body: graph = body
                (int64 i, bool go, float[k,3] v) => (bool goes, float[l,3] w, float[2] kept) {
                    goes = Identity (go)
                    n = CastLike (i, x)
                    more = Add (x, n)
                    w = Concat <axis: int = 0> (v, more)
                    axes = Constant <value_ints: ints = [1]> ()
                    kept = ReduceSum <keepdims: int = 0> (more, axes)
                }>
        }""",
        [{"x": X, "trips": np.array(n)} for n in (3, 1, 6, 3)],
    ),
    "a loop and a choice inside of it": (
        """g (float[2,3] x, int64 trips) => (float[2,3] y) <bool yes = {1}> {
            y = Loop (trips, yes, x) <body: graph = body
                (int64 i, bool go, float[2,3] v) => (bool goes, float[2,3] w) {
                    goes = Identity (go)
                    two = Constant <value_int: int = 2> ()
                    zero = Constant <value_int: int = 0> ()
                    rest = Mod (i, two)
                    is_even = Equal (rest, zero)
                    w = If (is_even) <
                        then_branch: graph = even () => (float[2,3] a) { a = Add (v, x) },
                        else_branch: graph = odd () => (float[2,3] b) { b = Neg (v) }>
                }>
        }""",
        [{"x": X, "trips": np.array(n)} for n in (5, 400)],
    ),
    "a long scan with two sequences, one backwards": (
        """g (float[300,4] x) => (float[4] sum, float[4,300] sums) {
            zero = Constant <value_floats: floats = [0.0, 0.0, 0.0, 0.0]> ()
            sum, sums = Scan (zero, x, x) <num_scan_inputs: int = 2,
                scan_input_directions: ints = [0, 1], scan_output_axes: ints = [1],
                body: graph = body
                (float[4] s, float[4] v, float[4] w) => (float[4] t, float[4] u) {
                    p = Mul (v, w)
                    t = Add (s, p)
                    u = Identity (t)
                }>
        }""",
        [{"x": LONG}],
    ),
    "what is not zero, and what follows from how much that is": (
        """g (float[2,3] x) => (int64[2,n] at, float[n] found, int64[3] shape) {
            zero = Constant <value_float: float = 0.0> ()
            is_more = Greater (x, zero)
            at = NonZero (is_more)
            rows = Transpose <perm: ints = [1, 0]> (at)
            found = GatherND (x, rows)
            size = Shape (found)
            five = Constant <value_ints: ints = [5, 7]> ()
            shape = Concat <axis: int = 0> (five, size)
        }""",
        [{"x": X}, {"x": -X}, {"x": np.zeros_like(X)}, {"x": np.ones_like(X)}],
    ),
    "boxes that stay": (
        """g (float[1,40,4] boxes, float[1,3,40] scores) => (float[n,4] y, int64 count) {
            most = Constant <value_int: int = 10> ()
            overlap = Constant <value_float: float = 0.5> ()
            least = Constant <value_float: float = 0.3> ()
            kept = NonMaxSuppression (boxes, scores, most, overlap, least)
            two = Constant <value_int: int = 2> ()
            which = Gather <axis: int = 1> (kept, two)
            all = Squeeze (boxes)
            y = Gather <axis: int = 0> (all, which)
            count = Size (which)
        }""",
        [
            {"boxes": BOXES.astype(np.float32), "scores": s}
            for s in (SCORES, SCORES / 2, 0 * SCORES)
        ],
    ),
    "sizes that are fed": (
        """g (float[2,3] x, int64[k] to, int64 n) => (float[a,b] y, int64[c] z, float[d,3] w) {
            y = Reshape (x, to)
            zero = Constant <value_int: int = 0> ()
            two = Constant <value_int: int = 2> ()
            z = Range (zero, n, two)
            one = Constant <value_ints: ints = [1]> ()
            times = Reshape (n, one)
            counts = Concat <axis: int = 0> (times, one)
            w = Tile (x, counts)
        }""",
        [
            {"x": X, "to": np.array(to), "n": np.array(n)}
            for to, n in (([3, 2], 5), ([-1, 6], 2), ([3, 2], 5))
        ],
    ),
    "distinct values and chosen rows": (
        """g (int64[6] x, bool[2] which, float[2,3] data) => (int64[n] y, float[m,3] z) {
            y = Unique (x)
            z = Compress <axis: int = 0> (data, which)
        }""",
        [
            {"x": np.array([3, 1, 3, 2, 1, 3]), "which": np.array([True, False]), "data": X},
            {"x": np.arange(6), "which": np.array([True, True]), "data": X},
        ],
    ),
    "a sequence as long as a loop runs": (
        """g (float[2,3] x, int64 trips) => (float[m,3] y) <bool yes = {1}> {
            empty = SequenceConstruct (x)
            all = Loop (trips, yes, empty) <body: graph = body
                (int64 i, bool go, seq(float[2,3]) v) => (bool goes, seq(float[2,3]) w) {
                    goes = Identity (go)
                    n = CastLike (i, x)
                    more = Add (x, n)
                    w = SequenceInsert (v, more)
                }>
            y = ConcatFromSequence <axis: int = 0> (all)
        }""",
        [{"x": X, "trips": np.array(n)} for n in (2, 0, 4)],
    ),
}

RUN_ALL = """
import sys
import numpy as np
sys.path.insert(0, {client!r})
from client import Device
device = Device({toolkit!r})
model = device.load({model!r})
with np.load({feeds!r}) as feeds:
    runs = sorted({{name.split("/")[0] for name in feeds}}, key=int)
    results = {{}}
    for number in runs:
        fed, made = model.datasets([feeds[f"{{number}}/{{name}}"] for name in {names!r}])
        model.execute(fed, made)
        for i, array in enumerate(model.fetch(made)):
            results[f"{{number}}/{{i}}"] = array
np.savez({results!r}, **results)
"""


def write(folder, text):
    path = folder / "late.onnx"
    onnx.save(parser.parse_model(HEAD + text), path)
    return path


def run_all(toolkit, model, folder, runs):
    """One loaded model, all runs in order; the results of each."""
    feeds = {f"{n}/{name}": array for n, fed in enumerate(runs) for name, array in fed.items()}
    np.savez(folder / "feeds.npz", **feeds)
    code = RUN_ALL.format(
        client=str(CLIENT.parent),
        toolkit=str(toolkit.home),
        model=str(model),
        feeds=str(folder / "feeds.npz"),
        results=str(folder / "results.npz"),
        names=list(runs[0]),
    )
    succeeded(toolkit.python(code))
    with np.load(folder / "results.npz") as results:
        return [
            [results[name] for name in results if name.startswith(f"{n}/")]
            for n in range(len(runs))
        ]


@pytest.mark.parametrize("name", MODELS)
def test_agrees_with_onnxruntime(toolkit, tmp_path, name):
    text, runs = MODELS[name]
    path = write(tmp_path, text)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    done, model = convert(toolkit, path, tmp_path, *open_sizes(runs))
    assert done.returncode == 0, done.stdout
    for fed, results in zip(runs, run_all(toolkit, model, tmp_path, runs), strict=True):
        for got, want in zip(results, session.run(None, fed), strict=True):
            assert got.shape == np.shape(want)
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def open_sizes(runs):
    """What atc wants to know of inputs whose sizes the model leaves open."""
    if "to" not in runs[0]:
        return []
    return ["--input_shape=to:2"]


def test_outputs_say_what_is_not_known_before(toolkit, tmp_path):
    path = write(tmp_path, MODELS["boxes that stay"][0])
    done, model = convert(toolkit, path, tmp_path)
    assert done.returncode == 0, done.stdout
    shown = succeeded(atc(toolkit, "--mode=6", f"--om={model}"))
    assert "Display Model Info end" in shown
    listed = json.loads(
        succeeded(toolkit.anycann("run", "python3", "-c", DIMS, CLIENT.parent, toolkit.home, model))
    )
    assert listed == [[[-1, 4], 0], [[], 8]]


DIMS = """
import ctypes, json, sys
sys.path.insert(0, sys.argv[1])
from client import Device, Dims
device = Device(sys.argv[2])
model, acl = device.load(sys.argv[3]), device.acl
acl.aclmdlGetOutputSizeByIndex.restype = ctypes.c_size_t
said = []
for i in range(acl.aclmdlGetNumOutputs(model.desc)):
    dims, index = Dims(), ctypes.c_size_t(i)
    device.must(acl.aclmdlGetOutputDims(model.desc, index, ctypes.byref(dims)))
    said.append([dims.dims[: dims.count], acl.aclmdlGetOutputSizeByIndex(model.desc, index)])
print(json.dumps(said))
"""


def test_room_that_is_too_small_is_told(toolkit, tmp_path):
    """A client may give memory; what does not fit into it is an error, not a write behind it."""
    path = write(tmp_path, MODELS["what is not zero, and what follows from how much that is"][0])
    done, model = convert(toolkit, path, tmp_path)
    assert done.returncode == 0, done.stdout
    code = f"""
import sys
import numpy as np
sys.path.insert(0, {str(CLIENT.parent)!r})
from client import Device, Refused
device = Device({str(toolkit.home)!r})
model = device.load({str(model)!r})
for room in (2, 6):
    fed = device.dataset([np.ones((2, 3), np.float32)])
    rooms = (((2, room), np.int64), (room, np.float32), (3, np.int64))
    made = device.dataset([np.zeros(*each) for each in rooms])
    try:
        model.execute(fed, made)
        print([a.shape for a in model.fetch(made)])
    except Refused as error:
        print("buffer 0" in str(error), "has 32 bytes; the model needs 96" in str(error))
"""
    shown = succeeded(toolkit.python(code)).splitlines()
    assert shown == ["True True", "[(2, 6), (6,), (3,)]"]


def test_a_stream_waits_for_what_follows_from_data(toolkit, tmp_path):
    path = write(tmp_path, MODELS["branches of other shapes"][0])
    done, model = convert(toolkit, path, tmp_path)
    assert done.returncode == 0, done.stdout
    code = f"""
import ctypes, sys
import numpy as np
sys.path.insert(0, {str(CLIENT.parent)!r})
from client import Device
device = Device({str(toolkit.home)!r})
model, stream = device.load({str(model)!r}), ctypes.c_void_p()
device.must(device.acl.aclrtCreateStream(ctypes.byref(stream)))
x = np.arange(6, dtype=np.float32).reshape(2, 3)
for sign in (1, -1):
    fed, made = model.datasets([sign * x])
    device.must(device.acl.aclmdlExecuteAsync(model.number, fed[0], made[0], stream))
    print(model.fetch(made)[0].tolist())
"""
    shown = [json.loads(line) for line in succeeded(toolkit.python(code)).splitlines()]
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert shown == [(x * 15).tolist(), (-x).T.tolist()]


def test_what_a_run_finds_wrong_is_told(toolkit, tmp_path):
    path = write(tmp_path, MODELS["sizes that are fed"][0])
    done, model = convert(toolkit, path, tmp_path, "--input_shape=to:2")
    assert done.returncode == 0, done.stdout
    with pytest.raises(AssertionError, match="elements do not fit"):
        run(toolkit, model, tmp_path, {"x": X, "to": np.array([4, 4]), "n": np.array(1)})


def test_pictures_come_before_what_follows_from_data(toolkit, tmp_path):
    """The .om holds the parameters of AIPP as well: inputs are pictures, the network sees f32."""
    text = """g (float[1,3,4,4] x) => (int64[4,n] at) {
        limit = Constant <value_float: float = 100.0> ()
        is_more = Greater (x, limit)
        at = NonZero (is_more)
    }"""
    config = tmp_path / "aipp.cfg"
    config.write_text(
        "aipp_op { aipp_mode: static input_format: RGB888_U8 src_image_size_w: 4 "
        "src_image_size_h: 4 csc_switch: false }"
    )
    words = [f"--insert_op_conf={config}", "--input_format=NCHW"]
    done, model = convert(toolkit, write(tmp_path, text), tmp_path, *words)
    assert done.returncode == 0, done.stdout
    picture = np.random.default_rng(8).integers(0, 256, (1, 4, 4, 3), np.uint8)
    (got,) = run(toolkit, model, tmp_path, {"x": picture})
    want = np.array(np.nonzero(picture.transpose(0, 3, 1, 2) > 100))
    np.testing.assert_array_equal(got, want)
