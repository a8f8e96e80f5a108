"""Graphs that DUMP_GE_GRAPH writes while a model is converted; `atc --mode=5` reads them back."""

import json
import re

import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper, numpy_helper
from running import succeeded

STAGES = ("PreRunBegin", "RunCustomPassAfterBuiltinFusionPass", "PreRunAfterBuild")
WEIGHTS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def source(tmp_path):
    """A product, a bias that a pass folds in, and two outputs of one operator."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"], "product"),
        helper.make_node("Add", ["xw", "b"], ["sum"], "bias"),
        helper.make_node("TopK", ["sum", "k"], ["best", "where"], "order", axis=-1),
    ]
    constants = [
        numpy_helper.from_array(WEIGHTS, "w"),
        numpy_helper.from_array(np.float32([0.5, 0.25, -3]), "b"),
        numpy_helper.from_array(np.int64([2]), "k"),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "little",
        [value("x", TensorProto.FLOAT, [2, 4])],
        [value("best", TensorProto.FLOAT, [2, 2]), value("where", TensorProto.INT64, [2, 2])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "little.onnx")
    return tmp_path / "little.onnx"


def convert(toolkit, source, **variables):
    words = ["--framework=5", f"--model={source}", f"--output={source.parent / 'm'}"]
    atc = toolkit.home / "bin" / "atc"
    succeeded(toolkit.execute(atc, *words, "--soc_version=Ascend910B1", **variables))


def dumps(toolkit, source, **variables):
    """{file name without number: text}, sorted by number."""
    place = source.parent / "dumps"
    convert(toolkit, source, DUMP_GRAPH_PATH=str(place), **variables)
    (folder,) = place.iterdir()
    assert re.fullmatch(r"pid_\d+_deviceid_0", folder.name)
    return {re.sub(r"_\d{8}_", "_", p.name): p for p in sorted(folder.iterdir())}


def test_nothing_unless_asked(toolkit, source):
    convert(toolkit, source, DUMP_GRAPH_PATH=str(source.parent / "dumps"))
    assert not (source.parent / "dumps").exists()


def test_the_main_stages_in_the_usual_formats(toolkit, source):
    files = dumps(toolkit, source, DUMP_GE_GRAPH="2")
    names = [
        f"ge_{kind}_graph_0_{stage}.{end}"
        for kind, end in (("onnx", "pbtxt"), ("proto", "txt"))
        for stage in STAGES
    ]
    assert list(files) == names
    model = text_format.Parse(files[names[0]].read_text(), onnx.ModelProto())
    nodes = {n.name: n for n in model.graph.node}
    assert nodes["product"].op_type == "ge:MatMul" and nodes["bias"].op_type == "ge:Add"
    assert list(nodes["bias"].input)[0] == "product:0"
    assert list(nodes["Node_Output"].input) == ["order:0", "order:1"]
    (weights,) = [n for n in model.graph.node if n.name.startswith("w_const")]
    assert list(weights.attribute[0].t.dims) == [4, 3] and not weights.attribute[0].t.raw_data
    last = text_format.Parse(files[names[2]].read_text(), onnx.ModelProto())
    assert "bias" not in {n.name for n in last.graph.node}, "the pass that takes the bias in"


def test_data_of_constants_and_passes(toolkit, source):
    files = dumps(toolkit, source, DUMP_GE_GRAPH="1", DUMP_GRAPH_LEVEL="1")
    assert any("_After_" in name for name in files)
    model = text_format.Parse(
        files["ge_onnx_graph_0_PreRunBegin.pbtxt"].read_text(), onnx.ModelProto()
    )
    (weights,) = [n for n in model.graph.node if n.name.startswith("w_const")]
    np.testing.assert_array_equal(numpy_helper.to_array(weights.attribute[0].t), WEIGHTS)


@pytest.mark.parametrize(
    "level, stages", [("3", STAGES[2:]), ("4", STAGES[:1]), ("Begin|AfterBuild", STAGES[::2])]
)
def test_which_stages(toolkit, source, level, stages):
    files = dumps(
        toolkit, source, DUMP_GE_GRAPH="3", DUMP_GRAPH_LEVEL=level, DUMP_GRAPH_FORMAT="readable"
    )
    assert list(files) == [f"ge_readable_graph_0_{stage}.txt" for stage in stages]


def test_readable(toolkit, source):
    files = dumps(
        toolkit, source, DUMP_GE_GRAPH="1", DUMP_GRAPH_LEVEL="4", DUMP_GRAPH_FORMAT="readable"
    )
    lines = files["ge_readable_graph_0_PreRunBegin.txt"].read_text().splitlines()
    assert re.fullmatch(r'graph\("\w+"\):', lines[0])
    assert "  %x : [#users=1] = Node[type=Data] (inputs = (), attrs = {index: 0})" in lines
    assert any(
        re.fullmatch(
            r"  %b_const_\d+ : \[#users=1\] = Node\[type=Const\] "
            r"\(inputs = \(\), attrs = \{value: \[0.5, 0.25, -3\]\}\)",
            line,
        )
        for line in lines
    )
    assert "  %order_1 : [#users=1] = get_element[node=%order](1)" in lines
    assert lines[-2:] == ["", "  return (order:0:best=%order_0, order:1:where=%order_1)"]


def test_mode_5_says_what_mode_1_says(toolkit, source):
    files = dumps(toolkit, source, DUMP_GE_GRAPH="1")
    text = files["ge_proto_graph_0_PreRunAfterBuild.txt"]
    atc = toolkit.home / "bin" / "atc"
    for mode, given in ((1, source.parent / "m.om"), (5, text)):
        out = toolkit.execute(
            atc, f"--mode={mode}", f"--om={given}", f"--json={source.parent}/{mode}.json"
        )
        succeeded(out)
    of_model, of_dump = (json.loads((source.parent / f"{n}.json").read_text()) for n in (1, 5))
    assert of_dump["graph"] == of_model["graph"]


@pytest.mark.parametrize(
    "text, told",
    [
        ("graph {", "the end of a message"),
        ("name: 3", "quoted"),
        ('name "x"', '":"'),
        ("version: x", "whole number"),
        ('graph {\n op { name: "a\n" } }', ":2: expected the end"),
    ],
)
def test_broken_dumps(toolkit, tmp_path, text, told):
    (tmp_path / "d.txt").write_text(text)
    atc = toolkit.home / "bin" / "atc"
    result = toolkit.execute(atc, "--mode=5", f"--om={tmp_path}/d.txt", f"--json={tmp_path}/d.json")
    assert result.returncode != 0 and told in result.stdout, result.stdout
    assert not (tmp_path / "d.json").exists()


def test_mode_5_wants_a_text(toolkit, tmp_path):
    atc = toolkit.home / "bin" / "atc"
    result = toolkit.execute(atc, "--mode=5", f"--om={tmp_path}/d.pb", f"--json={tmp_path}/d.json")
    assert result.returncode != 0 and "E10001" in result.stdout and ".txt" in result.stdout


def test_a_folder_that_cannot_be_written(toolkit, source):
    """Dumps are a help: the model is converted all the same."""
    convert(toolkit, source, DUMP_GE_GRAPH="1", DUMP_GRAPH_PATH="/proc/nowhere")
    assert (source.parent / "m.om").exists()
