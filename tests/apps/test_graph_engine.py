"""A C++ program on the graph engine's interface, built with the toolkit's headers."""

import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from running import succeeded
from test_onnxruntime_cann import small_network

PROGRAM = Path(__file__).with_name("graph_engine.cpp")
BUILDER = Path(__file__).with_name("graph_builder.cpp")
SESSION = Path(__file__).with_name("graph_session.cpp")
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Werror"]
LIBRARIES = [
    "-lascendcl",
    "-lfmk_onnx_parser",
    "-lge_compiler",
    "-lge_runner",
    "-lgraph",
    "-pthread",
]


def compiled(toolkit, source, program, *options):
    home = toolkit.home
    command = ["g++", *options, *WARNINGS, f"-I{home}/include", source]
    command += [f"-L{home}/lib64", *LIBRARIES, "-o", program]
    subprocess.run(command, check=True)
    return program


@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++17"])
def test_a_program_builds_saves_and_runs_a_model(toolkit, tmp_path, standard):
    program = compiled(toolkit, PROGRAM, tmp_path / "program", f"-std={standard}")
    path = small_network(tmp_path)
    words = [program, path, "x:2,3,32,32", tmp_path / "saved"]
    got = np.array(succeeded(toolkit.anycann("run", *words)).split(), np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (want,) = session.run(None, {"x": np.ones((2, 3, 32, 32), np.float32)})
    np.testing.assert_allclose(got, want.ravel(), rtol=1e-4, atol=1e-4 * np.abs(want).max())
    assert (tmp_path / "saved.om").stat().st_size > 1000


FLAVOURS = pytest.mark.parametrize(
    "options",
    [
        ["-std=c++11"],
        ["-std=c++17", "-D_GLIBCXX_USE_CXX11_ABI=0"],
        ["-std=c++14", "-g", "-fsanitize=address,undefined"],
    ],
    ids=["c++11", "old strings", "sanitized"],
)


@FLAVOURS
def test_graphs_that_programs_make(toolkit, tmp_path, options):
    program = compiled(toolkit, BUILDER, tmp_path / "program", *options)
    assert succeeded(toolkit.anycann("run", program, tmp_path)).endswith("all right\n")
    words = ["--framework=1", f"--model={tmp_path}/dense.air", f"--output={tmp_path}/dense"]
    said = succeeded(toolkit.anycann("run", "atc", *words, "--soc_version=Ascend910B1"))
    assert "ATC run success" in said
    assert (tmp_path / "dense.om").stat().st_size > 1000


@FLAVOURS
def test_graphs_run_in_sessions(toolkit, tmp_path, options):
    program = compiled(toolkit, SESSION, tmp_path / "program", *options)
    assert succeeded(toolkit.anycann("run", program)).endswith("all right\n")
