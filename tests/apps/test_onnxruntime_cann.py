"""The unmodified onnxruntime-cann wheel beside ONNX Runtime's CPU provider: models as whole graphs,
built by the graph engine and loaded through aclmdl, and operator by operator (aclop)."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from running import REPOSITORY, succeeded

PYTHON = REPOSITORY / ".venv-ort" / "bin" / "python"
CLIENT = Path(__file__).with_name("client_onnxruntime.py")
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
GRAPH, OPERATORS = {"enable_cann_graph": "1"}, {"enable_cann_graph": "0"}
DRAW = np.random.default_rng(0)


def normal(*shape):
    return DRAW.normal(size=shape).astype(np.float32)


def save(folder, nodes, parameters, shape, opset=13, name="x"):
    """A model of one input and one output, the last node's."""
    tensors = [numpy_helper.from_array(v, k) for k, v in parameters.items()]
    image = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    result = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "net", [image], [result], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def small_network(folder, opset=13):
    """A block of a residual network and a classifier: convolutions, some with groups, pads and
    strides, batch normalisation, pooling and a product."""
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c1", "scale", "bias", "mean", "var"], ["n"]),
        node("Relu", ["n"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Conv", ["p", "w2"], ["c2"], group=8, pads=[1, 1, 1, 1]),
        node("Add", ["c2", "p"], ["a"]),
        node("AveragePool", ["a"], ["q"], kernel_shape=[2, 2], strides=[2, 2]),
        node("GlobalAveragePool", ["q"], ["g"]),
        node("Flatten", ["g"], ["f"]),
        node("MatMul", ["f", "w3"], ["m"]),
        node("Add", ["m", "b3"], ["y"]),
    ]
    parameters = {
        "w1": normal(8, 3, 3, 3),
        "b1": normal(8),
        "scale": normal(8),
        "bias": normal(8),
        "mean": normal(8),
        "var": normal(8) ** 2 + 1,
        "w2": normal(8, 1, 3, 3),
        "w3": normal(8, 10),
        "b3": normal(10),
    }
    return save(folder, nodes, parameters, ["n", 3, 32, 32], opset)


def run(toolkit, folder, path, options, runs):
    """Outputs of each run, or the process that failed."""
    if not PYTHON.exists():
        pytest.skip("onnxruntime-cann is not installed (make venv-ort)")
    words = []
    for i, feeds in enumerate(runs):
        np.savez(folder / f"in{i}.npz", **feeds)
        words += [f"in{i}.npz", f"out{i}.npz"]
    command = [toolkit.command, "run", "env", "-C", folder, PYTHON, CLIENT, path]
    done = toolkit.execute(*command, json.dumps(options), *words)
    if done.returncode:
        return done
    results = [np.load(folder / word) for word in words[1::2]]
    return [[file[name] for name in file.files] for file in results]


def compare(toolkit, folder, path, options, runs):
    got = run(toolkit, folder, path, options, runs)
    assert isinstance(got, list), got.stdout + got.stderr
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for feeds, outputs in zip(runs, got, strict=True):
        for one, want in zip(outputs, session.run(None, feeds), strict=True):
            assert one.shape == want.shape
            np.testing.assert_allclose(one, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet", "densenet121", "inception_v1"])
def test_light_models_as_graphs(toolkit, tmp_path, name):
    path = LIGHT / f"light_{name}.onnx"
    (data,) = onnxruntime.InferenceSession(path).get_inputs()
    options = GRAPH | {"dump_om_model": "0"}
    compare(toolkit, tmp_path, path, options, [{data.name: normal(*data.shape)}])
    assert not list(tmp_path.glob("*.om"))


def test_new_input_shapes_make_new_models(toolkit, tmp_path):
    path = small_network(tmp_path)
    runs = [{"x": normal(n, 3, 32, 32)} for n in (1, 4, 1)]
    compare(toolkit, tmp_path, path, GRAPH, runs)
    dumped = list(tmp_path.glob("CANNExecutionProvider_*.om"))
    assert len(dumped) == 2
    times = {p.name: p.stat().st_mtime_ns for p in dumped}
    compare(toolkit, tmp_path, path, GRAPH, runs)  # takes the files now
    assert times == {p.name: p.stat().st_mtime_ns for p in dumped}


def test_precision_and_dumped_graphs(toolkit, tmp_path):
    path = small_network(tmp_path)
    runs = [{"x": normal(2, 3, 32, 32)}]
    options = GRAPH | {"dump_graphs": "1", "precision_mode": "must_keep_origin_dtype"}
    compare(toolkit, tmp_path, path, options, runs)
    assert [p for p in tmp_path.glob("*.onnx") if p != path]
    for om in tmp_path.glob("*.om"):
        om.unlink()
    done = run(toolkit, tmp_path, path, GRAPH | {"precision_mode": "twice_as_exact"}, runs)
    assert not isinstance(done, list)
    assert done.returncode == 1
    assert "aclgrphBuildInitialize" in done.stderr


@pytest.mark.parametrize("subgraphs", ["0", "1"])
def test_parts_of_a_network_run_where_they_can(toolkit, tmp_path, subgraphs):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Trilu", ["c"], ["t"]),  # the provider leaves it to the CPU
        helper.make_node("Sigmoid", ["t"], ["y"]),
    ]
    path = save(tmp_path, nodes, {"w": normal(4, 3, 3, 3)}, [1, 3, 9, 9], opset=14)
    feeds = [{"x": normal(1, 3, 9, 9)}]
    options = GRAPH | {"enable_cann_subgraph": subgraphs}
    compare(toolkit, tmp_path, path, options, feeds)
    assert list(tmp_path.glob("*.om"))


def test_a_damaged_dumped_model_is_told(toolkit, tmp_path):
    path = small_network(tmp_path)
    runs = [{"x": normal(1, 3, 32, 32)}]
    compare(toolkit, tmp_path, path, GRAPH, runs)
    (om,) = tmp_path.glob("*.om")
    om.write_bytes(om.read_bytes()[:1000])
    done = run(toolkit, tmp_path, path, GRAPH, runs)
    assert not isinstance(done, list)
    assert done.returncode == 1
    assert "aclmdlLoadFromFile" in done.stderr


def packaged(package, *path):
    return Path(importlib.util.find_spec(package).submodule_search_locations[0]).joinpath(*path)


@pytest.mark.parametrize("mode", [GRAPH, OPERATORS], ids=["graph", "operators"])
@pytest.mark.parametrize(
    ("path", "feeds"),
    [
        ("ch_PP-OCRv4_rec_infer.onnx", {"x": normal(1, 3, 48, 160)}),
        ("ch_PP-OCRv4_det_infer.onnx", {"x": normal(1, 3, 160, 320)}),
        ("ch_ppocr_mobile_v2.0_cls_infer.onnx", {"x": normal(1, 3, 48, 192)}),
        ("model.onnx", {"bytes": DRAW.integers(0, 256, (1, 2048)).astype(np.int32)}),
    ],
    ids=["recognition", "detection", "classification", "magika"],
)
def test_packaged_models(toolkit, tmp_path, path, feeds, mode):
    if path == "model.onnx" and mode is OPERATORS:
        pytest.skip(
            "the provider itself goes wrong where both inputs are broadcast: it gives the first "
            "one's memory back before it takes the second one's"
        )
    if path == "model.onnx":
        path = packaged("magika", "models", "standard_v3_3", path)
    else:
        path = packaged("rapidocr_onnxruntime", "models", path)
    compare(toolkit, tmp_path, path, mode, [feeds])
    assert len(list(tmp_path.glob("*.om"))) == (mode is GRAPH)


def counted(toolkit):
    """Operators of the newest report."""
    text = succeeded(toolkit.anycann("report", "last"))
    return {word for line in text.splitlines() for word in line.split()}


def test_networks_operator_by_operator(toolkit, tmp_path):
    path = small_network(tmp_path)
    runs = [{"x": normal(n, 3, 32, 32)} for n in (1, 4, 1)]
    compare(toolkit, tmp_path, path, OPERATORS, runs)
    assert not list(tmp_path.glob("*.om"))
    # the provider has no MaxPool; ONNX Runtime fuses the normalisation into the convolution, and
    # the product with its bias into a Gemm, which the provider has in f16 only
    assert {"Conv2D", "Relu", "AvgPoolV2", "Add", "Flatten"} <= counted(toolkit)


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_light_models_operator_by_operator(toolkit, tmp_path, name):
    path = LIGHT / f"light_{name}.onnx"
    (data,) = onnxruntime.InferenceSession(path).get_inputs()
    compare(toolkit, tmp_path, path, OPERATORS, [{data.name: normal(*data.shape)}])


UNARY = ["Abs", "Ceil", "Cos", "Erf", "Exp", "Floor", "Identity", "Log", "Neg", "Reciprocal"]
UNARY += ["Relu", "Round", "Sin", "Sqrt", "Flatten", "Dropout", "GlobalMaxPool", "Transpose"]


@pytest.mark.parametrize("opset", [8, 11, 13, 15])
def test_each_operator_of_the_provider(toolkit, tmp_path, opset):
    """One model of all of them, each on its own input: a failure names the output."""
    nodes, results = [], []
    for kind in UNARY if opset >= 11 else [k for k in UNARY if k not in ("Erf", "Round")]:
        nodes.append(helper.make_node(kind, ["x"], [kind]))
    for kind in ("Add", "Sub", "Mul", "Div"):
        nodes.append(helper.make_node(kind, ["x", "row"], [kind]))
    nodes.append(helper.make_node("Cast", ["x"], ["Cast"], to=TensorProto.INT32))
    nodes.append(helper.make_node("Reshape", ["x", "shape"], ["Reshape"]))
    nodes.append(helper.make_node("MatMul", ["x", "matrix"], ["MatMul"]))
    for node in nodes:
        results.append(helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None))
        if node.output[0] == "Cast":
            results[-1] = helper.make_tensor_value_info("Cast", TensorProto.INT32, None)
    parameters = {"row": normal(5) + 3, "matrix": normal(5, 6), "shape": np.array([4, -1])}
    tensors = [numpy_helper.from_array(v, k) for k, v in parameters.items()]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 4, 5])
    graph = helper.make_graph(nodes, "all", [image], results, tensors)
    opsets = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "all.onnx")
    feeds = {"x": np.abs(normal(2, 3, 4, 5)) + 0.5}
    compare(toolkit, tmp_path, tmp_path / "all.onnx", OPERATORS, [feeds])
    run_here = {"Abs", "Ceil", "Floor", "Neg", "Reciprocal", "Relu", "Sin", "Sqrt", "Log", "Cos"}
    run_here |= {"Add", "Sub", "Mul", "Div", "Flatten", "MaxPoolV3", "Cast"}
    missing = run_here - counted(toolkit)
    assert not missing


def test_integers_are_divided_as_onnx_does(toolkit, tmp_path):
    """By the provider's Div, which is an operator of its own beside RealDiv."""
    values = [helper.make_tensor_value_info(n, TensorProto.INT32, [6]) for n in "aby"]
    graph = helper.make_graph(
        [helper.make_node("Div", ["a", "b"], ["y"])], "net", values[:2], values[2:]
    )
    opsets = [helper.make_opsetid("", 14)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "div.onnx")
    a, b = [7, -7, 7, -7, 2147483647, 100000007], [2, 2, -2, -2, 1, 3]
    feeds = {"a": np.array(a, np.int32), "b": np.array(b, np.int32)}
    compare(toolkit, tmp_path, tmp_path / "div.onnx", OPERATORS, [feeds])
    assert "Div" in counted(toolkit)
