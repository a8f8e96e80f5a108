"""Netron, the viewer of models, opens what atc makes: its own reader of .om files, under node."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
from running import REPOSITORY, succeeded
from test_onnx_models import rapidocr

READER = ("om", "om-proto", "base", "protobuf", "text")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    if not shutil.which("node"):
        pytest.skip("needs node")
    place = tmp_path_factory.mktemp("netron")
    package = Path(importlib.util.find_spec("netron").submodule_search_locations[0])
    for name in (*(f"{part}.js" for part in READER), "om-metadata.json"):
        shutil.copy(package / name, place)
    (place / "package.json").write_text('{"type": "module"}')
    return place


@pytest.mark.parametrize("batch", [[], ["--batch", "1,2"]], ids=["static", "gears"])
def test_nodes_edges_and_weights(toolkit, reader, tmp_path, batch):
    source = rapidocr("ch_ppocr_mobile_v2.0_cls_infer.onnx")
    sizes = f"x:{'-1' if batch else '1'},3,48,192"
    model = tmp_path / "m.om"
    succeeded(toolkit.anycann("convert", source, "-s", sizes, *batch, "-o", model))
    script = REPOSITORY / "tests" / "apps" / "read_by_netron.mjs"
    seen = json.loads(succeeded(toolkit.execute("node", script, reader, model)))
    assert seen["format"] == "DaVinci OM"
    (graph,) = seen["graphs"]
    kinds = [node["type"] for node in graph["nodes"]]
    assert kinds.count("Data") == 1 and "NetOutput" in kinds
    given = {name for node in graph["nodes"] for name in node["outputs"]}
    taken = [name for node in graph["nodes"] for name in node["inputs"]]
    assert taken and set(taken) <= given, "an edge from nowhere"
    tensors = [t for node in graph["nodes"] for t in node["tensors"]]
    assert sum(t["bytes"] for t in tensors) > 400_000  # half a megabyte of weights
    assert all(t["bytes"] and t["shape"] is not None for t in tensors)
