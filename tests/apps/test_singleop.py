"""`atc --singleop`: operators that a JSON file describes become models, which run and load."""

import json
import sys

import numpy as np
import pytest
from running import succeeded


def tensor(kind, *shape, **more):
    return {"format": "ND", "type": kind, "shape": list(shape), **more}


ADD = {
    "op": "Add",
    "input_desc": [tensor("int32", 8, 16), tensor("int32", 8, 16)],
    "output_desc": [tensor("int32", 8, 16)],
}
SUM = {
    "op": "ReduceSum",
    "name": "sum",
    "input_desc": [tensor("float", 2, 3), tensor("int64", 1, is_const=True, const_value=[1])],
    "output_desc": [tensor("float", 2)],
    "attr": [{"name": "keep_dims", "type": "bool", "value": False}],
}
CONV = {
    "op": "Conv2D",
    "name": "conv",
    "input_desc": [
        tensor("float", 1, 3, 8, 8) | {"format": "NCHW"},
        tensor("float", 4, 3, 3, 3) | {"format": "NCHW"},
        {"format": "RESERVED", "type": "UNDEFINED"},
        {"format": "RESERVED", "type": "UNDEFINED"},
    ],
    "output_desc": [tensor("float", 1, 4, 6, 6) | {"format": "NCHW"}],
    "attr": [
        {"name": "strides", "type": "list_int", "value": [1, 1, 1, 1]},
        {"name": "pads", "type": "list_int", "value": [0, 0, 0, 0]},
        {"name": "dilations", "type": "list_int", "value": [1, 1, 1, 1]},
        {"name": "groups", "type": "int", "value": 1},
        {"name": "data_format", "type": "string", "value": "NCHW"},
    ],
}


def convert(toolkit, folder, operators, *more):
    (folder / "ops.json").write_text(json.dumps(operators))
    words = [f"--singleop={folder}/ops.json", f"--output={folder}/models", *more]
    return toolkit.execute(toolkit.home / "bin" / "atc", *words, "--soc_version=Ascend910B1")


RUN = """
import acl
import numpy as np
import sys


def ok(ret):
    assert ret == 0, acl.get_recent_err_msg()


def put(array):
    data = acl.mdl.create_dataset()
    for item in array:
        place, ret = acl.rt.malloc(item.nbytes, 0)
        ok(ret)
        ok(acl.rt.memcpy(place, item.nbytes, acl.util.numpy_to_ptr(item), item.nbytes, 1))
        ok(acl.mdl.add_dataset_buffer(data, acl.create_data_buffer(place, item.nbytes))[1])
    return data


ok(acl.init())
ok(acl.rt.set_device(0))
folder = sys.argv[1]
given = np.load(f"{folder}/given.npz")
for name in ("0_Add_3_2_8_16_3_2_8_16_3_2_8_16", "sum", "conv"):
    model, ret = acl.mdl.load_from_file(f"{folder}/models/{name}.om")
    ok(ret)
    wanted = given[name]
    inputs = put([given[f"{name}.{i}"] for i in range(2) if f"{name}.{i}" in given])
    outputs = put([np.zeros_like(wanted)])
    ok(acl.mdl.execute(model, inputs, outputs))
    got = np.empty_like(wanted)
    place = acl.get_data_buffer_addr(acl.mdl.get_dataset_buffer(outputs, 0))
    ok(acl.rt.memcpy(acl.util.numpy_to_ptr(got), got.nbytes, place, got.nbytes, 2))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
    ok(acl.mdl.unload(model))
ok(acl.op.set_model_dir(f"{folder}/models"))
print("as wanted")
"""


def test_models_run(toolkit, tmp_path):
    random = np.random.default_rng(3)
    first, second = random.integers(-9, 9, (2, 8, 16), np.int32)
    rows = random.standard_normal((2, 3), np.float32)
    image, kernel = (random.standard_normal(s, np.float32) for s in ((1, 3, 8, 8), (4, 3, 3, 3)))
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), (2, 3))
    add = "0_Add_3_2_8_16_3_2_8_16_3_2_8_16"
    np.savez(tmp_path / "given.npz", **{
        add: first + second, f"{add}.0": first, f"{add}.1": second,
        "sum": rows.sum(1), "sum.0": rows,
        "conv": np.einsum("ncyxij,kcij->nkyx", windows, kernel), "conv.0": image, "conv.1": kernel,
    })  # fmt: skip
    told = succeeded(convert(toolkit, tmp_path, [ADD, SUM, CONV]))
    assert told.endswith("ATC run success, welcome to the next use.\n")
    command = [toolkit.command, "run", sys.executable, "-c", RUN, tmp_path]
    assert "as wanted" in succeeded(toolkit.execute(*command))


@pytest.mark.parametrize(
    "operators, words",
    [
        ({"op": "Add"}, "holds no list"),
        ([ADD | {"op": "Sparkle"}], "Sparkle"),
        ([ADD, {"op": "Add"}], "operator 1 (Add): input_desc"),
        ([ADD | {"input_desc": [tensor("float99", 1)]}], "float99"),
        ([ADD | {"input_desc": [tensor("float", -1)]}], "0 or more"),
        ([SUM | {"attr": [{"name": "keep_dims", "type": "bool", "value": "no"}]}], "no number"),
        ([SUM | {"attr": [{"name": "keep_dims", "type": "word", "value": 1}]}], "word"),
        ([SUM | {"input_desc": [tensor("float", 2, 3),
                                tensor("int64", 2, is_const=True, const_value=[1])]}],
         "a number for each element"),
    ],
)  # fmt: skip
def test_mistakes(toolkit, tmp_path, operators, words):
    result = convert(toolkit, tmp_path, operators)
    assert result.returncode != 0 and words in result.stdout, result.stdout
    assert "ATC run success" not in result.stdout


def test_alone(toolkit, tmp_path):
    result = convert(toolkit, tmp_path, [ADD], "--framework=5")
    assert result.returncode != 0 and "E10047" in result.stdout
    result = toolkit.execute(toolkit.home / "bin" / "atc", "--singleop=nothing.json",
                             f"--output={tmp_path}/x", "--soc_version=Ascend910B1")  # fmt: skip
    assert result.returncode != 0 and "nothing.json" in result.stdout
