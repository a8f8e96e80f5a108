"""A C++ program on the graph engine's interface, built with the toolkit's headers."""

import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from running import succeeded
from test_onnxruntime_cann import small_network

PROGRAM = Path(__file__).with_name("graph_engine.cpp")
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Werror"]
LIBRARIES = ["-lascendcl", "-lfmk_onnx_parser", "-lge_compiler", "-lgraph"]


@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++17"])
def test_a_program_builds_saves_and_runs_a_model(toolkit, tmp_path, standard):
    home = toolkit.home
    command = ["g++", f"-std={standard}", *WARNINGS, f"-I{home}/include", PROGRAM]
    command += [f"-L{home}/lib64", *LIBRARIES, "-o", tmp_path / "program"]
    subprocess.run(command, check=True)
    path = small_network(tmp_path)
    words = [tmp_path / "program", path, "x:2,3,32,32", tmp_path / "saved"]
    got = np.array(succeeded(toolkit.anycann("run", *words)).split(), np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (want,) = session.run(None, {"x": np.ones((2, 3, 32, 32), np.float32)})
    np.testing.assert_allclose(got, want.ravel(), rtol=1e-4, atol=1e-4 * np.abs(want).max())
    assert (tmp_path / "saved.om").stat().st_size > 1000
