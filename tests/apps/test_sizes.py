"""Models whose sizes are chosen when they run: gears, and open shapes; beside ONNX Runtime."""

import json
import shlex

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from running import succeeded
from test_onnx import CLIENT, convert

SIZES = CLIENT.with_name("sizes_client.py")


def save(path, graph):
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def convolution(path, dims):
    """Its output's shape follows from the input's, by way of Shape and Reshape."""
    draw = np.random.default_rng(0)
    weights = draw.normal(size=(4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], name="pool"),
        helper.make_node("Shape", ["p"], ["s"], name="shape"),
        helper.make_node("Slice", ["s", "zero", "one"], ["n"], name="slice"),
        helper.make_node("Concat", ["n", "rest"], ["to"], name="concat", axis=0),
        helper.make_node("Reshape", ["p", "to"], ["y"], name="reshape"),
    ]
    numbers = [("zero", 0), ("one", 1), ("rest", -1)]
    graph = helper.make_graph(
        nodes,
        "sizes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "r")],
        [numpy_helper.from_array(weights, "w")]
        + [numpy_helper.from_array(np.array([v]), n) for n, v in numbers],
    )
    return save(path, graph)


def run(toolkit, model, source, folder, runs):
    """|runs|: pairs of a gear (or None) and the inputs by name. What the interface says."""
    feeds = {}
    for number, (gear, inputs) in enumerate(runs):
        feeds |= {f"{number}/{name}": array for name, array in inputs.items()}
        if gear is not None:
            feeds[f"{number}/gear"] = np.array(gear, np.int64)
    np.savez(folder / "feeds.npz", **feeds)
    words = [toolkit.home, model, folder / "feeds.npz", folder / "results.npz"]
    facts = json.loads(succeeded(toolkit.anycann("run", "python3", SIZES, *words)))
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    with np.load(folder / "results.npz") as results:
        for number, (_, inputs) in enumerate(runs):
            for i, want in enumerate(session.run(None, inputs)):
                got = results[f"{number}/{i}"]
                assert got.shape == want.shape
                np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    return facts


def image(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def test_batch_sizes(toolkit, tmp_path):
    source = convolution(tmp_path / "m.onnx", ["n", 3, 8, 6])
    words = ["--input_shape=x:-1,3,8,6", "--dynamic_batch_size=1,4,2"]
    done, model = convert(toolkit, source, tmp_path, *words)
    assert done.returncode == 0, done.stdout
    runs = [([n], {"x": image(n, 3, 8, 6)}) for n in (2, 4, 1)]
    facts = run(toolkit, model, source, tmp_path, [*runs, (None, runs[1][1])])
    assert facts["batches"] == [1, 4, 2] and facts["images"] == facts["gears"] == []
    assert facts["inputs"] == [[-1, 3, 8, 6], [1]] and facts["outputs"][0] == [-1, 4]
    assert facts["input_bytes"] == [4 * 4 * 3 * 8 * 6, 4] and facts["output_bytes"][0] == 4 * 4 * 4
    assert facts["current"] == [[2, 4], [4, 4], [1, 4], [1, 4]]
    assert (
        facts["wrong_gear"] == 100000 and "is no gear of the model; it has 1; 4; 2" in facts["says"]
    )
    fixed, single = convert(toolkit, source, tmp_path, "--input_shape=x:4,3,8,6")
    assert fixed.returncode == 0


def matrix(path):
    weights = np.random.default_rng(0).normal(size=(512, 256)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="m")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 512])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 256])],
        [numpy_helper.from_array(weights, "w")],
    )
    return save(path, graph)


def test_weights_are_shared_between_gears(toolkit, tmp_path):
    source = matrix(tmp_path / "m.onnx")
    words = ["--input_shape=x:-1,512", "--dynamic_batch_size=1,2,3,4,5,6,7,8"]
    done, model = convert(toolkit, source, tmp_path, *words)
    assert done.returncode == 0, done.stdout
    assert model.stat().st_size < source.stat().st_size + 40000
    run(
        toolkit, model, source, tmp_path, [([3], {"x": image(3, 512)}), ([8], {"x": image(8, 512)})]
    )


def test_image_sizes(toolkit, tmp_path):
    source = convolution(tmp_path / "m.onnx", [2, 3, "h", "w"])
    words = ["--input_shape=x:2,3,-1,-1", "--dynamic_image_size=8,6;12,10"]
    done, model = convert(toolkit, source, tmp_path, *words)
    assert done.returncode == 0, done.stdout
    runs = [(hw, {"x": image(2, 3, *hw)}) for hw in ([12, 10], [8, 6])]
    facts = run(toolkit, model, source, tmp_path, runs)
    assert facts["images"] == [[8, 6], [12, 10]]
    assert facts["inputs"] == [[2, 3, -1, -1], [2]] and facts["outputs"] == [[2, 4], [2, 4, -1, -1]]


def two_inputs(path):
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["y"], name="m")],
        "g",
        [
            helper.make_tensor_value_info("a", TensorProto.FLOAT, ["n", "k"]),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, ["k", 5]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
    )
    return save(path, graph)


def test_dims_over_several_inputs(toolkit, tmp_path):
    source = two_inputs(tmp_path / "m.onnx")
    words = ["--input_shape=a:-1,-1;b:-1,5", "--dynamic_dims=1,4,4;3,7,7", "--input_format=ND"]
    done, model = convert(toolkit, source, tmp_path, *words)
    assert done.returncode == 0, done.stdout
    runs = [([n, k, k, 5], {"a": image(n, k), "b": image(k, 5)}) for n, k in ((3, 7), (1, 4))]
    facts = run(toolkit, model, source, tmp_path, runs)
    assert facts["gears"] == [[1, 4, 4, 5], [3, 7, 7, 5]]
    assert facts["inputs"] == [[-1, -1], [-1, 5], [3]]


@pytest.mark.parametrize("shape", ["x:-1,3,-1,-1", "x:1~8,3,4~64,4~64"])
def test_open_shapes(toolkit, tmp_path, shape):
    source = convolution(tmp_path / "m.onnx", ["n", 3, "h", "w"])
    done, model = convert(toolkit, source, tmp_path, f"--input_shape={shape}")
    assert done.returncode == 0, done.stdout
    sizes = [(2, 3, 8, 6), (1, 3, 12, 10), (2, 3, 8, 6), (5, 3, 4, 4)]
    runs = [(None, {"x": image(*size)}) for size in sizes]
    facts = run(toolkit, model, source, tmp_path, runs)
    assert facts["inputs"] == [[-1, 3, -1, -1]] and facts["outputs"] == [[-1, 4], [-1, 4, -1, -1]]
    assert facts["input_bytes"] == [0] and facts["output_bytes"] == [0, 0]


def test_weights_of_open_models_are_those_of_the_source(toolkit, tmp_path):
    source = matrix(tmp_path / "m.onnx")
    done, model = convert(toolkit, source, tmp_path, "--input_shape=x:-1,512")
    assert done.returncode == 0, done.stdout
    assert model.stat().st_size < source.stat().st_size + 40000
    runs = [(None, {"x": image(n, 512)}) for n in (3, 8)]
    run(toolkit, model, source, tmp_path, runs)


def test_progress_is_for_terminals_only(toolkit, tmp_path):
    source = matrix(tmp_path / "m.onnx")
    words = ["convert", source, "-s", "x:-1,512", "--batch", "1,2", "-o", tmp_path / "m.om"]
    quiet = toolkit.anycann(*words)
    assert quiet.returncode == 0 and quiet.stderr == ""
    command = " ".join(shlex.quote(str(word)) for word in [toolkit.command, *words])
    shown = succeeded(toolkit.execute("script", "-qec", command, tmp_path / "typescript"))
    assert "planning gear 2 of 2" in shown


def test_sizes_outside_the_range_are_refused(toolkit, tmp_path):
    source = convolution(tmp_path / "m.onnx", ["n", 3, 8, 8])
    done, model = convert(toolkit, source, tmp_path, "--input_shape=x:2~4,3,8,8")
    assert done.returncode == 0, done.stdout
    np.savez(tmp_path / "feeds.npz", **{"0/x": image(5, 3, 8, 8)})
    words = [toolkit.home, model, tmp_path / "feeds.npz", tmp_path / "results.npz"]
    done = toolkit.anycann("run", "python3", SIZES, *words)
    assert done.returncode == 1
    assert "dimension 0 is 5; the model was made for 2 to 4" in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--dynamic_batch_size=1,2"], "E10040"),
        (["--input_shape=x:-1,3,8,8", "--dynamic_batch_size=1"], "E10035"),
        (["--input_shape=x:-1,3,8,8", "--dynamic_batch_size=2,2"], "E10039"),
        (["--input_shape=x:-1,3,8,8", "--dynamic_batch_size=0,2"], "E10001"),
        (["--input_shape=x:1,3,-1,8", "--dynamic_batch_size=1,2"], "E10018"),
        (["--input_shape=x:1,3,-1,-1", "--dynamic_image_size=8,8;9"], "E10037"),
        (["--input_shape=x:1,3,-1,-1", "--dynamic_dims=1;2"], "E10045"),
        (["--input_shape=x:-1,3,8,8", "--dynamic_batch_size=1,2", "--dynamic_dims=1;2"], "E10009"),
        (["--input_shape=x:1,3,-1,-1", "--dynamic_dims=8,8;9,9", "--input_format=NCHW"], "E10001"),
        (["--input_shape=x:1,3,8,8,"], "E10002"),
        (["--input_shape=x:1,3,8~2,8"], "E10002"),
        (["--input_shape=1,3,8,8"], "E10002"),
    ],
)
def test_mistakes_in_sizes_are_told(toolkit, tmp_path, words, code):
    source = convolution(tmp_path / "m.onnx", ["n", 3, "h", "w"])
    done, model = convert(toolkit, source, tmp_path, *words)
    assert done.returncode == 255 and f"({code}): " in done.stdout
    assert not model.exists()


def test_open_sizes_with_weights_in_another_file(toolkit, tmp_path):
    """The .om holds them: the files beside the model are gone when it runs."""
    source, beside = tmp_path / "source", tmp_path / "beside"
    beside.mkdir()
    convolution(source, ["n", 3, "h", "w"])
    model = onnx.load(source)
    parts = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    onnx.save(model, beside / "model.onnx", **parts)
    assert (beside / "weights.bin").stat().st_size >= 4 * 27 * 4
    done, om = convert(toolkit, beside / "model.onnx", tmp_path, "--input_shape=x:-1,3,-1,-1")
    assert done.returncode == 0, done.stdout
    (beside / "weights.bin").unlink()
    draw = np.random.default_rng(6)
    runs = [(None, {"x": draw.normal(size=(n, 3, n, 5)).astype(np.float32)}) for n in (2, 4)]
    run(toolkit, om, source, tmp_path, runs)
