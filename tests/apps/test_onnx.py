"""ONNX models through atc and aclmdl, beside ONNX's own results and ONNX Runtime's."""

import collections
import fnmatch
import json
import os
import random
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from running import succeeded

CLIENT = Path(__file__).with_name("onnx") / "client.py"
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
KNOWN = CLIENT.with_name("known.tsv")
NODE_TESTS_SHARE = 0.97  # of those that are expressible


def atc(toolkit, *words):
    return toolkit.execute(toolkit.home / "bin" / "atc", *words)


def convert(toolkit, model, folder, *words):
    done = atc(
        toolkit,
        f"--model={model}",
        "--framework=5",
        f"--output={folder / 'out'}",
        "--soc_version=Ascend910B1",
        *words,
    )
    return done, folder / "out.om"


def small_model(folder):
    draw = np.random.default_rng(0)

    def weights(name, *shape):
        return numpy_helper.from_array(draw.normal(size=shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "k", "o", "m", "v"], ["n"], name="bn"),
        helper.make_node("Relu", ["n"], ["r"], name="relu"),
        helper.make_node("MaxPool", ["r"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Shape", ["p"], ["s"], name="shape"),
        helper.make_node("Slice", ["s", "zero", "one"], ["batch"], name="slice"),
        helper.make_node("Concat", ["batch", "rest"], ["to"], name="concat", axis=0),
        helper.make_node("Reshape", ["p", "to"], ["f"], name="reshape"),
        helper.make_node("Gemm", ["f", "g", "h"], ["y"], name="gemm", transB=1),
        helper.make_node("Softmax", ["y"], ["z"], name="softmax"),
    ]
    numbers = [numpy_helper.from_array(np.array([v]), n) for n, v in (("zero", 0), ("one", 1))]
    numbers.append(numpy_helper.from_array(np.array([-1]), "rest"))
    variance = numpy_helper.from_array(np.ones(4, np.float32), "v")
    parameters = [weights("w", 4, 3, 3, 3), weights("b", 4), weights("k", 4), weights("o", 4)]
    parameters += [weights("m", 4), variance, weights("g", 5, 64), weights("h", 5), *numbers]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])
    result = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "small", [image], [result], parameters)
    path = folder / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


RUN = """
import sys
import numpy as np
sys.path.insert(0, {client!r})
from client import Device
feeds = np.load({feeds!r})
results = Device({toolkit!r}).run({model!r}, [feeds[name] for name in feeds])
np.savez({results!r}, *results)
"""


def run(toolkit, model, folder, feeds):
    np.savez(folder / "feeds.npz", **feeds)
    code = RUN.format(
        client=str(CLIENT.parent),
        feeds=str(folder / "feeds.npz"),
        toolkit=str(toolkit.home),
        model=str(model),
        results=str(folder / "results.npz"),
    )
    succeeded(toolkit.python(code))
    with np.load(folder / "results.npz") as results:
        return [results[name] for name in results]


def same_as_onnxruntime(toolkit, path, model, folder):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    draw = np.random.default_rng(1)
    feeds = {
        i.name: draw.normal(size=[d if isinstance(d, int) else 2 for d in i.shape]).astype(
            np.float32
        )
        for i in session.get_inputs()
    }
    for got, want in zip(run(toolkit, model, folder, feeds), session.run(None, feeds), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_a_small_network_and_what_atc_prints(toolkit, tmp_path):
    path = small_model(tmp_path)
    done, model = convert(toolkit, path, tmp_path, "--input_shape=x:2,3,8,8")
    assert done.returncode == 0 and done.stdout.splitlines() == [
        "ATC start working now, please wait for a moment.",
        "...",
        "ATC run success, welcome to the next use.",
    ]
    same_as_onnxruntime(toolkit, path, model, tmp_path)
    shown = succeeded(atc(toolkit, "--mode=6", f"--om={model}"))
    assert "resource info: memory_size[" in shown and "Display Model Info end" in shown
    assert "soc_version[Ascend910B1], framework_type[5]" in shown and "--input_shape=x:2" in shown


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet", "densenet121", "resnet50"])
def test_light_models_agree_with_onnxruntime(toolkit, tmp_path, name):
    path = LIGHT / f"light_{name}.onnx"
    done, model = convert(toolkit, path, tmp_path)
    assert done.returncode == 0, done.stdout
    same_as_onnxruntime(toolkit, path, model, tmp_path)


def test_onnx_node_tests(toolkit):
    done = toolkit.anycann("run", "python3", "-W", "ignore", CLIENT, toolkit.home, timeout=900)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    counts = collections.Counter(row["status"] for row in rows)
    if "RESULTS" in os.environ:
        path = Path(os.environ["RESULTS"]) / "onnx.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [line for line in KNOWN.read_text().splitlines() if not line.startswith("#")]
    known = [line.split("\t")[:2] for line in lines[1:]]
    failing = [row for row in rows if row["status"] not in ("PASS", "INEXPRESSIBLE")]
    unlisted = [
        "{test}: {status} {reason}".format(**row)
        for row in failing
        if not any(is_meant(row, *entry) for entry in known)
    ]
    healed = [entry for entry in known if not any(is_meant(row, *entry) for row in failing)]
    assert done.returncode == 0 and len(rows) > 1800, done.stderr[-2000:]
    assert not unlisted, "other than known.tsv says:\n" + "\n".join(unlisted)
    assert not healed, f"known.tsv lists what no longer fails: {healed}"
    assert counts["PASS"] >= NODE_TESTS_SHARE * (len(rows) - counts["INEXPRESSIBLE"]), counts


def is_meant(row, name, status):
    return row["status"] == status and fnmatch.fnmatch(row["test"], name)


FULL = ["--model=M", "--framework=5", "--output=O", "--soc_version=Ascend910B1"]
FULL += ["--input_shape=x:2,3,8,8"]
MISTAKES = [
    (["--framework=5"], "E10007"),
    (["--model=M", "--framework=3"], "E10007"),
    (["--model=M", "--framework=2"], "E10007"),
    (["--model=M", "--framework=5", "--output=O"], "E10054"),
    (["--model=M", "--framework=5", "--output=O/", "--soc_version=Ascend910B1"], "E10022"),
    (["--model=M", "--framework=5", "--output=O", "--soc_version=Intel"], "E10001"),
    (["--nonsense=1"], "E10041"),
    (["--log=loud"], "E10010"),
    (["--disable_reuse_memory=2"], "E10006"),
    (["--precision_mode=fast"], "E10007"),
    (["--singleop=x.json"], "E10054"),
    ([*FULL, "--precision_mode=force_fp32", "--precision_mode_v2=origin"], "E10056"),
    ([*FULL, "--input_format=NHWC"], "E10001"),
    ([*FULL, "--out_nodes=nowhere:0"], "E10016"),
    ([*FULL, "--input_fp16_nodes=nothing"], "E10016"),
    ([*FULL, "--output_type=FP17"], "E10001"),
    (["--model=/nowhere.onnx", *FULL[1:]], "E13001"),
]


@pytest.mark.parametrize("words,expected", MISTAKES)
def test_mistakes_in_options_are_told(toolkit, tmp_path, words, expected):
    model = small_model(tmp_path)
    words = [w.replace("=M", f"={model}").replace("=O", f"={tmp_path}/o") for w in words]
    done = atc(toolkit, *words)
    assert done.returncode == 255
    assert "ATC run failed, Please check the detail log" in done.stdout
    assert f"({expected}): " in done.stdout
    assert not list(tmp_path.glob("*.om*"))


def test_models_as_json(toolkit, tmp_path):
    path = small_model(tmp_path)
    done, model = convert(toolkit, path, tmp_path, "--input_shape=x:2,3,8,8")
    succeeded(atc(toolkit, "--mode=1", f"--om={model}", f"--json={tmp_path / 'om.json'}"))
    shown = json.loads((tmp_path / "om.json").read_text())
    ops = {op["name"]: op for op in shown["graph"][0]["op"]}
    assert ops["x"]["type"] == "Data" and ops["Node_Output"]["src_name"] == ["softmax"]
    assert ops["gemm"]["output_desc"][0]["shape"] == {"dim": [2, 5]}
    assert ops["gemm"]["output_desc"][0]["dtype"] == "DT_FLOAT"
    assert {"key": "framework_type", "value": {"i": 5}} in shown["attr"]
    words = ["--framework=5", f"--om={path}", f"--json={tmp_path / 'onnx.json'}"]
    succeeded(atc(toolkit, "--mode=1", *words))
    shown = json.loads((tmp_path / "onnx.json").read_text())
    assert [node["op_type"] for node in shown["graph"]["node"]][:2] == [
        "Conv",
        "BatchNormalization",
    ]
    assert shown["graph"]["input"][0]["type"]["tensor_type"]["elem_type"] == 1
    assert "raw_data" not in (tmp_path / "onnx.json").read_text()
    report = tmp_path / "check.json"
    succeeded(atc(toolkit, "--mode=3", f"--model={path}", f"--check_report={report}"))
    shown = json.loads(report.read_text())
    assert shown["result"] == "success" and shown["total"] == shown["pass"] == 10
    done = atc(toolkit, "--mode=1", f"--om={path}", f"--json={tmp_path / 'none.json'}")
    assert done.returncode == 255 and not (tmp_path / "none.json").exists()


def test_chosen_outputs_and_their_types(toolkit, tmp_path):
    path = small_model(tmp_path)
    words = ["--out_nodes=gemm:0;r", "--output_type=gemm:0:FP16;relu:0:FP32"]
    words += ["--input_fp16_nodes=x", "--input_shape=x:2,3,8,8"]
    done, model = convert(toolkit, path, tmp_path, *words)
    assert done.returncode == 0, done.stdout
    image = np.random.default_rng(2).normal(size=(2, 3, 8, 8)).astype(np.float16)
    gemm, relu = run(toolkit, model, tmp_path, {"x": image})
    graph = onnx.load(path)
    graph.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "r")
    )
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    want = session.run(["y", "r"], {"x": image.astype(np.float32)})
    assert gemm.dtype == np.float16 and relu.dtype == np.float32
    np.testing.assert_allclose(gemm, want[0], rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(relu, want[1], rtol=1e-4, atol=1e-5)
    done, model = convert(toolkit, path, tmp_path, "--output_type=FP16", "--input_shape=x:1,3,8,8")
    (softmax,) = run(toolkit, model, tmp_path, {"x": image[:1].astype(np.float32)})
    assert softmax.dtype == np.float16 and softmax.shape == (1, 5)


def test_open_shapes_and_missing_operators_are_told(toolkit, tmp_path):
    done, model = convert(toolkit, small_model(tmp_path), tmp_path)
    assert done.returncode == 255 and '--input_shape="x:n,c,h,w"' in done.stdout
    nodes = [
        helper.make_node("Nonsense", ["x"], ["y"], name="first"),
        helper.make_node("Rubbish", ["y"], ["z"], name="second"),
    ]
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "xz"]
    graph = helper.make_graph(nodes, "g", value[:1], value[1:])
    onnx.save(helper.make_model(graph), tmp_path / "bad.onnx")
    done, model = convert(toolkit, tmp_path / "bad.onnx", tmp_path)
    assert 'Nonsense (1, first node "first"), Rubbish' in done.stdout
    assert not model.exists()
    listed = toolkit.anycann("ops", "--model", tmp_path / "bad.onnx", "--json")
    assert listed.returncode == 1
    assert [row["supported"] for row in json.loads(listed.stdout)] == ["missing", "missing"]


@pytest.mark.parametrize(
    ("kind", "inputs", "outputs", "attributes", "says"),
    [
        ("Relu", ["x"], [], {}, "has no output"),
        ("Relu", [], ["y"], {}, "input 0 is missing"),
        ("Div", ["x"], ["y"], {}, "input 1 is missing"),
        ("Where", ["x", "", "x"], ["y"], {}, "input 1 is missing"),
        ("Split", ["x"], [], {}, "has no output"),
        ("AveragePool", ["x"], ["y"], {"kernel_shape": [2], "strides": [0]}, "strides has 0"),
        ("ConstantOfShape", ["huge"], ["y"], {}, "sizes of a tensor"),
    ],
)
def test_nodes_that_mean_nothing_are_refused(
    toolkit, tmp_path, kind, inputs, outputs, attributes, says
):
    node = helper.make_node(kind, inputs, outputs, **attributes)
    huge = numpy_helper.from_array(np.array([1 << 40, 1 << 40]), "huge")
    tensors = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 2, 8]) for n in "xy"]
    graph = helper.make_graph([node], "g", tensors[:1], tensors[1:], [huge])
    path = tmp_path / "bad.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    done, _ = convert(toolkit, path, tmp_path)
    assert done.returncode == 255
    assert says in done.stdout


def test_powers_of_integers_take_fractions(toolkit, tmp_path):
    node = helper.make_node("Pow", ["x", "half"], ["y"])
    half = numpy_helper.from_array(np.array(0.5, np.float32), "half")
    x, y = (helper.make_tensor_value_info(n, TensorProto.INT32, [3]) for n in "xy")
    graph = helper.make_graph([node], "g", [x], [y], [half])
    path = tmp_path / "pow.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    done, model = convert(toolkit, path, tmp_path)
    assert done.returncode == 0, done.stdout
    results = run(toolkit, model, tmp_path, {"x": np.array([4, 9, 17], np.int32)})
    assert results[0].tolist() == [2, 3, 4]


def results_of(toolkit, folder, nodes, feeds, outputs, opset=21):
    """What the nodes make of |feeds|; |outputs|: names and ONNX's types."""
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for name, a in feeds.items()
    ]
    made = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()]
    graph = helper.make_graph(nodes, "g", inputs, made)
    path = folder / "nodes.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), path)
    done, model = convert(toolkit, path, folder)
    assert done.returncode == 0, done.stdout
    return run(toolkit, model, folder, feeds)


def test_unsigned_numbers_beyond_the_signed_ones(toolkit, tmp_path):
    draw = np.random.default_rng(3)
    bits = draw.integers(0, 64, size=200, dtype=np.uint64)
    x = draw.integers(0, 2**64 - 1, size=200, dtype=np.uint64, endpoint=True)
    y = draw.integers(1, 2**64 - 1, size=200, dtype=np.uint64, endpoint=True) >> bits
    y = np.maximum(y, 1).astype(np.uint64)
    wanted = {
        "Div": x // y, "Mod": x % y, "Add": x + y, "Mul": x * y, "Max": np.maximum(x, y),
        "Min": np.minimum(x, y), "Less": x < y, "GreaterOrEqual": x >= y, "Shift": x >> bits,
        "TopK": np.sort(x)[::-1][:5],
    }  # fmt: skip
    nodes = [helper.make_node(op, ["x", "y"], [op]) for op in wanted if op not in ("Shift", "TopK")]
    nodes.append(helper.make_node("BitShift", ["x", "bits"], ["Shift"], direction="RIGHT"))
    nodes.append(helper.make_node("Constant", [], ["k"], value_ints=[5]))
    nodes.append(helper.make_node("TopK", ["x", "k"], ["TopK", "at"]))
    kinds = {name: helper.np_dtype_to_tensor_dtype(want.dtype) for name, want in wanted.items()}
    feeds = {"x": x, "y": y, "bits": bits}
    for name, got in zip(wanted, results_of(toolkit, tmp_path, nodes, feeds, kinds), strict=True):
        np.testing.assert_array_equal(got, wanted[name], err_msg=name)


EQUATIONS = [
    ("ij,jk,kl->il", (3, 4), (4, 5), (5, 2)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("...ij,...jk", (2, 1, 3, 4), (5, 4, 2)),
    ("iij,ji->j", (4, 4, 3), (3, 4)),
    ("ab,cd,ad->", (2, 3), (4, 5), (2, 5)),
    ("i,j->ji", (3,), (4,)),
    ("bC,Ca", (2, 3), (3, 4)),
]


@pytest.mark.parametrize("equation,shapes", [(e, s) for e, *s in EQUATIONS])
def test_einsum_as_numpy_has_it(toolkit, tmp_path, equation, shapes):
    draw = np.random.default_rng(4)
    feeds = {f"x{i}": draw.normal(size=s).astype(np.float32) for i, s in enumerate(shapes)}
    nodes = [helper.make_node("Einsum", list(feeds), ["y"], equation=equation)]
    (got,) = results_of(toolkit, tmp_path, nodes, feeds, {"y": TensorProto.FLOAT})
    want = np.einsum(equation, *(a.astype(np.float64) for a in feeds.values()))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_damaged_files_are_refused(toolkit, tmp_path):
    """Bytes that are cut off, changed or repeated: an error, never a crash or a hang."""
    path = small_model(tmp_path)
    done, model = convert(toolkit, path, tmp_path, "--input_shape=x:2,3,8,8")
    assert done.returncode == 0
    draw = random.Random(3)
    for kind, original in (("onnx", path.read_bytes()), ("om", model.read_bytes())):
        for index in range(12):
            damaged = bytearray(original)
            if index % 3 == 0:
                del damaged[draw.randrange(len(damaged)) :]
            else:
                for _ in range(index):
                    damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            bad = tmp_path / f"bad.{kind}"
            bad.write_bytes(damaged)
            if kind == "onnx":
                done, _ = convert(toolkit, bad, tmp_path, "--input_shape=x:2,3,8,8")
            else:
                done = atc(toolkit, "--mode=6", f"--om={bad}")
            assert done.returncode in (0, 255), (kind, index, done.returncode, done.stderr)


def test_passes_can_be_switched_off_and_tell_what_they_did(toolkit, tmp_path):
    path, switches = small_model(tmp_path), tmp_path / "switches.cfg"
    switches.write_text('{"Switch": {"GraphFusion": {"ALL": "off"}}}')
    work = tmp_path / "work"
    work.mkdir()
    all_off = ["--input_shape=x:2,3,8,8", f"--fusion_switch_file={switches}"]
    for words, expected in ((all_off[:1], True), (all_off, False)):
        done = toolkit.execute(
            toolkit.home / "bin" / "atc",
            f"--model={path}",
            "--framework=5",
            f"--output={tmp_path / 'out'}",
            "--soc_version=Ascend910B1",
            *words,
            ASCEND_WORK_PATH=str(work),
        )
        assert done.returncode == 0, done.stdout
        same_as_onnxruntime(toolkit, path, tmp_path / "out.om", tmp_path)
        written = max((work / "FE").glob("*/fusion_result.json"), key=lambda f: f.stat().st_mtime)
        counts = json.loads(written.read_text())["session_and_graph_id_0_0"]["graph_fusion"]
        assert ("ConvWeightPackFusionPass" in counts) == expected
        if expected:
            assert counts["ConvBatchnormFusionPass"] == {"effect_times": "2", "match_times": "2"}
    switches.write_text("ConvBatchnormFusionPass:perhaps\n")
    done, _ = convert(toolkit, path, tmp_path, *all_off)
    assert done.returncode == 255 and "expected on or off" in done.stdout
