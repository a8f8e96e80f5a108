"""The C examples as a user builds them: one line of gcc, and CMake."""

import re

import pytest
from running import succeeded

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
