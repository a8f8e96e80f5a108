"""The examples as a user builds them: one line of gcc, and CMake; and models by `anycann`."""

import json
import re
import sys

import numpy as np
import onnxruntime
import pytest
from running import succeeded
from test_onnx_models import rapidocr, strokes

LIBRARIES = ["-lascendcl", "-lacl_op_compiler", "-lnnopbase", "-lopapi"]


def check_output(name, text):
    if name == "hello_device":
        assert "Ascend910B1" in text
        assert re.search(r"1048576 numbers there and back in \d+\.\d+ ms, 0 wrong", text)
    else:
        assert re.search(r"aclnnAdd, a \+ 2 \* b: +21 42 63 84 105 126\n", text)
        assert re.search(r"aclop Add, a \+ b: +11 22 33 44 55 66\n", text)


@pytest.mark.parametrize("name", ["hello_device", "hello_op"])
def test_by_one_line_of_gcc(toolkit, repository, tmp_path, name):
    program = tmp_path / name
    succeeded(
        toolkit.execute(
            "gcc",
            "-Wall",
            "-Wextra",
            "-Werror",
            repository / "examples" / name / f"{name}.c",
            f"-I{toolkit.home}/include",
            f"-L{toolkit.home}/lib64",
            *LIBRARIES,
            "-o",
            program,
        )
    )
    check_output(name, succeeded(toolkit.anycann("run", program)))


def test_by_cmake(toolkit, repository, tmp_path):
    examples = repository / "examples"
    succeeded(toolkit.anycann("run", "cmake", "-S", examples, "-B", tmp_path))
    succeeded(toolkit.execute("cmake", "--build", tmp_path))
    for name in ("hello_device", "hello_op"):
        check_output(name, succeeded(toolkit.anycann("run", tmp_path / name)))


def write_picture(path, picture):
    """(height, width, 3) bytes as a binary PPM."""
    height, width, _ = picture.shape
    path.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + picture.tobytes())
    return path


@pytest.mark.parametrize("language", ["c", "python"])
def test_classes_of_a_picture(toolkit, repository, tmp_path, language):
    """Which way up a line of text is, by rapidocr's network, beside ONNX Runtime."""
    source = rapidocr("ch_ppocr_mobile_v2.0_cls_infer.onnx")
    folder = repository / "examples" / "onnx_to_om"
    words = [source, "-s", "x:1,3,48,192", "--aipp", folder / "pictures.cfg"]
    told = succeeded(toolkit.anycann("convert", *words, "-o", tmp_path / "direction.om"))
    assert told.startswith(f"{tmp_path}/direction.om: ")
    program = [sys.executable, folder / "classify.py"]
    if language == "c":
        program = [tmp_path / "classify"]
        flags = [f"-I{toolkit.home}/include", f"-L{toolkit.home}/lib64", "-lascendcl"]
        words = ["-Wall", "-Wextra", "-Werror", folder / "classify.c", *flags, "-o", *program]
        succeeded(toolkit.execute("gcc", *words))
    page = np.full((48, 192, 3), 255, np.uint8)
    text = strokes("HELL")
    page[:, : text.shape[2]] = np.where(text.transpose(1, 2, 0) < 0, 0, 255)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    for picture in (page, page[::-1, ::-1]):
        large = np.ascontiguousarray(picture.repeat(2, 0).repeat(3, 1))  # brought back to 48 x 192
        path = write_picture(tmp_path / "page.ppm", large)
        lines = succeeded(toolkit.anycann("run", *program, tmp_path / "direction.om", path))
        got = {int(n): float(p) for n, p in re.findall(r"class (\d): (\S+)", lines)}
        scaled = (picture.transpose(2, 0, 1)[None].astype(np.float32) - 127.5) / 127.5
        (want,) = session.run(None, {"x": scaled})
        assert int(lines.split()[1][0]) == want.argmax()
        np.testing.assert_allclose([got[0], got[1]], want[0], atol=2e-3)


def test_how_fast_a_model_runs(toolkit, tmp_path):
    source = rapidocr("ch_ppocr_mobile_v2.0_cls_infer.onnx")
    words = ["-s", "x:-1,3,48,192", "--batch", "1,2", "-o", tmp_path / "m.om"]
    succeeded(toolkit.anycann("convert", source, *words))
    times = {}
    for gear in ("1", "2"):
        words = [tmp_path / "m.om", "--seconds", "0.2", "--gear", gear, "--json"]
        shown = json.loads(succeeded(toolkit.anycann("bench", *words)))
        facts = shown["facts"]
        assert facts["runs"] >= 5 and facts["load_ms"] > 0
        assert 0 < facts["latency_min_ms"] <= facts["latency_p50_ms"] <= facts["latency_p99_ms"]
        assert sum(row["percent"] for row in shown["operators"]) == pytest.approx(100, abs=2)
        assert any(row["operator"].startswith("Conv") for row in shown["operators"])
        times[gear] = facts["latency_min_ms"]
    assert times["2"] > times["1"]
    assert toolkit.anycann("bench", tmp_path / "m.om", "--gear", "3").returncode == 1
    assert toolkit.anycann("bench").returncode == toolkit.anycann("convert").returncode == 2


@pytest.mark.parametrize("devices", ["1", "4"])
def test_the_number_of_devices(toolkit, repository, tmp_path, devices):
    program = tmp_path / "hello"
    source = repository / "examples" / "hello_device" / "hello_device.c"
    flags = [f"-I{toolkit.home}/include", f"-L{toolkit.home}/lib64", "-lascendcl"]
    succeeded(toolkit.execute("gcc", source, *flags, "-o", program))
    text = succeeded(toolkit.anycann("run", "--devices", devices, program))
    assert text.startswith(f"{devices} device(s)")


def test_without_variables_the_loader_says_what_is_missing(toolkit, repository, tmp_path):
    """No trick finds the libraries: a program without `anycann run` fails as with the real CANN."""
    program = tmp_path / "hello"
    source = repository / "examples" / "hello_device" / "hello_device.c"
    flags = [f"-I{toolkit.home}/include", f"-L{toolkit.home}/lib64", "-lascendcl"]
    succeeded(toolkit.execute("gcc", source, *flags, "-o", program))
    result = toolkit.execute(program)
    assert result.returncode == 127 and "libascendcl.so" in result.stderr
