"""The graph engine's C++ names: they fail in a way that C++ programs can handle, and say why."""

import os
import subprocess

PROGRAM = r"""
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <vector>
namespace ge {
class Shape {
public:
    explicit Shape(const std::vector<int64_t> &dims);
private:
    std::shared_ptr<void> impl_;
};
uint32_t GEFinalize();
void aclgrphBuildFinalize();
}
int main() {
    if (ge::GEFinalize() != 0xFFFFFFFFu) return 1;
    ge::aclgrphBuildFinalize();
    try {
        ge::Shape shape({1, 2});
        return 2;
    } catch (const std::exception &error) {
        std::puts(error.what());
        return std::strstr(error.what(), "ge::Shape::Shape(") ? 0 : 3;
    }
}
"""


def test_statuses_and_exceptions(lib64, environment, tmp_path):
    (tmp_path / "main.cpp").write_text(PROGRAM)
    libraries = ["-lge_compiler", "-lge_runner", "-lgraph"]
    command = ["g++", "-std=c++17", "main.cpp", f"-L{lib64}", *libraries, "-o", "main"]
    subprocess.run(command, check=True, cwd=tmp_path)
    report = tmp_path / "report"
    report.mkdir()
    environment = environment | {"ANYCANN_REPORT_DIR": os.fspath(report)}
    done = subprocess.run(
        [tmp_path / "main"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ge::GEFinalize()" in done.stderr
