"""Decision trees beside ONNX Runtime's."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from test_onnx import convert, run

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def grow(draw, features, targets, trees, depth):
    """Attributes of random trees, whose nodes stand in depth-first order."""
    names = [
        "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes",
        "nodes_truenodeids", "nodes_falsenodeids", "nodes_missing_value_tracks_true",
        "target_treeids", "target_nodeids", "target_ids", "target_weights",
    ]  # fmt: skip
    a = {name: [] for name in names}

    def node(tree, level, count):
        number, at = count[0], len(a["nodes_modes"])
        count[0] += 1
        is_leaf = level == 0 or draw.uniform() < 0.2
        mode = "LEAF" if is_leaf else MODES[draw.integers(len(MODES))]
        row = [tree, number, draw.integers(features), float(draw.integers(-2, 3)), mode, 0, 0]
        for name, value in zip(names, [*row, draw.integers(2)], strict=False):
            a[name].append(value)
        if is_leaf:
            for target in draw.choice(targets, size=draw.integers(1, targets + 1), replace=False):
                leaf = [tree, number, target, draw.normal()]
                for name, value in zip(names[8:], leaf, strict=True):
                    a[name].append(value)
        else:
            a["nodes_truenodeids"][at] = node(tree, level - 1, count)
            a["nodes_falsenodeids"][at] = node(tree, level - 1, count)
        return number

    for tree in range(trees):
        node(tree, depth, [0])
    return {name: [v.item() if hasattr(v, "item") else v for v in a[name]] for name in names}


@pytest.mark.parametrize(
    ("aggregate", "transform"),
    [("SUM", "NONE"), ("AVERAGE", "LOGISTIC"), ("MIN", "NONE"), ("MAX", "SOFTMAX")],
)
def test_forests_agree_with_onnxruntime(toolkit, tmp_path, aggregate, transform):
    draw = np.random.default_rng(len(aggregate))
    attributes = grow(draw, features=5, targets=3, trees=20, depth=6)
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=3,
        aggregate_function=aggregate, post_transform=transform, base_values=[0.5, -1.0, 0.25],
        **attributes,
    )  # fmt: skip
    x, y = (
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [150, k])
        for n, k in (("x", 5), ("y", 3))
    )
    graph = helper.make_graph([node], "forest", [x], [y])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    path = tmp_path / "forest.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    done, model = convert(toolkit, path, tmp_path)
    assert done.returncode == 0, done.stdout
    feeds = {"x": draw.integers(-3, 4, size=(150, 5)).astype(np.float32)}
    feeds["x"][draw.uniform(size=(150, 5)) < 0.05] = np.nan
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (got,) = run(toolkit, model, tmp_path, feeds)
    np.testing.assert_allclose(got, session.run(None, feeds)[0], rtol=1e-5, atol=1e-5)


def test_trees_that_are_none_are_told(toolkit, tmp_path):
    """A node that leads to itself ends in an error, not in a loop."""
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1,
        nodes_treeids=[0, 0], nodes_nodeids=[0, 1], nodes_featureids=[0, 0],
        nodes_values=[0.0, 0.0], nodes_modes=["BRANCH_LEQ", "LEAF"], nodes_truenodeids=[0, 0],
        nodes_falsenodeids=[1, 0], target_treeids=[0], target_nodeids=[1], target_ids=[0],
        target_weights=[1.0],
    )  # fmt: skip
    tensors = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1]) for n in "xy"]
    graph = helper.make_graph([node], "loop", tensors[:1], tensors[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "l.onnx")
    done, model = convert(toolkit, tmp_path / "l.onnx", tmp_path)
    assert done.returncode == 0, done.stdout
    assert run(toolkit, model, tmp_path, {"x": np.array([[1]], np.float32)})[0] == [[1]]
    with pytest.raises(AssertionError, match="do not exist"):
        run(toolkit, model, tmp_path, {"x": np.array([[-1]], np.float32)})
