"""Real models through atc and aclmdl, beside ONNX Runtime: those that Python packages ship, and
known networks exported from torch."""

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from running import REPOSITORY, succeeded
from test_onnx import convert, run


def packaged(package, *path):
    return Path(importlib.util.find_spec(package).submodule_search_locations[0]).joinpath(*path)


def rapidocr(name):
    return packaged("rapidocr_onnxruntime", "models", name)


def compare(toolkit, folder, path, feeds):
    """Runs the model on both, compares, and gives our results."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = session.run(None, feeds)
    shapes = ";".join(f"{k}:{','.join(str(d) for d in v.shape)}" for k, v in feeds.items())
    done, model = convert(toolkit, path, folder, f"--input_shape={shapes}")
    assert done.returncode == 0, done.stdout
    results = run(toolkit, model, folder, feeds)
    for got, want in zip(results, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
    return results


def strokes(text):
    """Letters of straight lines, 8 by 5 cells each, dark on light, as one picture [3, 48, n]."""
    columns, rows = {"left": (0, 1), "right": (4, 5)}, {"top": (0, 1), "mid": (3, 4), "low": (7, 8)}
    shapes = {
        "E": ("left", "top", "mid", "low"),
        "F": ("left", "top", "mid"),
        "H": ("left", "right", "mid"),
        "L": ("left", "low"),
    }
    page = np.ones((48, 16 + 32 * len(text)), np.float32)
    for place, letter in enumerate(text):
        for stroke in shapes[letter]:
            left, right = columns.get(stroke, (0, 5))
            top, bottom = rows.get(stroke, (0, 8))
            x = 16 + 32 * place
            page[8 + 4 * top : 8 + 4 * bottom, x + 4 * left : x + 4 * right] = -1
    return np.repeat(page[None], 3, 0)


def test_rapidocr_reads_the_same_text(toolkit, tmp_path):
    picture = strokes("HELLFEEL")[None]
    path = rapidocr("ch_PP-OCRv4_rec_infer.onnx")
    (likely,) = compare(toolkit, tmp_path, path, {"x": picture})
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"x": picture})
    assert (likely.argmax(-1) == wanted.argmax(-1)).all()
    letters = session.get_modelmeta().custom_metadata_map["character"].splitlines()
    classes = [0, *likely[0].argmax(-1)]  # 0: no letter; a letter that goes on is one
    read = [n for n, before in zip(classes[1:], classes, strict=False) if n not in (0, before)]
    assert "".join(letters[n - 1] for n in read) == "HELLFEEL"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("ch_PP-OCRv4_det_infer", (1, 3, 160, 320)),
        ("ch_ppocr_mobile_v2.0_cls_infer", (1, 3, 48, 192)),
    ],
)
def test_rapidocr_detects_and_classifies(toolkit, tmp_path, name, shape):
    picture = np.ones(shape, np.float32)
    text = strokes("HELL")
    picture[0, :, : text.shape[1], : text.shape[2]] = text
    compare(toolkit, tmp_path, rapidocr(f"{name}.onnx"), {"x": picture})


def test_magika_tells_the_same_kind_of_file(toolkit, tmp_path):
    path = packaged("magika", "models", "standard_v3_3", "model.onnx")
    text = Path(__file__).read_bytes()
    window = np.frombuffer((text * 2)[:1024] + text[-1024:], np.uint8).astype(np.int32)
    (likely,) = compare(toolkit, tmp_path, path, {"bytes": window[None]})
    assert likely.max() > 0.5


EXPORT = """
import sys
sys.path.insert(0, {bench!r})
import models
models.export({name!r}, {path!r}, **{sizes!r})
"""


def exported(toolkit, folder, name, **sizes):
    path = folder / f"{name}.onnx"
    bench = str(REPOSITORY / "bench")
    code = EXPORT.format(bench=bench, name=name, path=str(path), sizes=sizes)
    succeeded(toolkit.execute("python3", "-c", code, TORCH_DEVICE_BACKEND_AUTOLOAD="0"))
    draw = np.random.default_rng(0)
    if name == "bert_base":
        feeds = {"x0": draw.integers(0, 1000, (1, 128)), "x1": np.ones((1, 128), np.int64)}
        feeds["x1"][:, 100:] = 0
    else:
        feeds = {"x0": draw.normal(size=(1, 3, 224, 224)).astype(np.float32)}
    return path, feeds


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("resnet50", {}),
        ("mobilenet_v2", {}),
        ("vit_b16", {"layers": 2}),
        ("bert_base", {"layers": 2}),
    ],
)
def test_networks_from_torch_agree_with_onnxruntime(toolkit, tmp_path, name, sizes):
    path, feeds = exported(toolkit, tmp_path, name, **sizes)
    compare(toolkit, tmp_path, path, feeds)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit_b16", "bert_base"])
def test_whole_transformers_agree_with_onnxruntime(toolkit, tmp_path, name):
    path, feeds = exported(toolkit, tmp_path, name)
    compare(toolkit, tmp_path, path, feeds)
