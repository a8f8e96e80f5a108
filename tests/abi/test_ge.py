"""The graph engine's C++ names: they fail in a way that C++ programs can handle, and say why."""

import os
import subprocess

PROGRAM = r"""
#include <cstdio>
#include <cstring>
#include <exception>
#include "graph/graph.h"
namespace ge {
uint32_t aclgrphParseTensorFlow(const char *, Graph &);
class Outside { /* the function's name, for a class that does not declare it */
public:
    static std::shared_ptr<Graph> GetSubGraph(const Graph *graph, const char *name)
        asm("_ZNK2ge5Graph11GetSubGraphEPKc");
};
}
int main() {
    ge::Graph graph("graph");
    if (ge::aclgrphParseTensorFlow("x", graph) != 0xFFFFFFFFu) return 1;
    try {
        ge::Outside::GetSubGraph(&graph, "x");
        return 2;
    } catch (const std::exception &error) {
        std::puts(error.what());
        return std::strstr(error.what(), "ge::Graph::GetSubGraph(") ? 0 : 3;
    }
}
"""


def test_statuses_and_exceptions(lib64, environment, tmp_path):
    (tmp_path / "main.cpp").write_text(PROGRAM)
    include = f"-I{lib64.parent}/include"
    libraries = ["-lfmk_parser", "-lgraph"]
    command = ["g++", "-std=c++17", "main.cpp", include, f"-L{lib64}", *libraries, "-o", "main"]
    subprocess.run(command, check=True, cwd=tmp_path)
    report = tmp_path / "report"
    report.mkdir()
    environment = environment | {"ANYCANN_REPORT_DIR": os.fspath(report)}
    done = subprocess.run(
        [tmp_path / "main"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ge::aclgrphParseTensorFlow(" in done.stderr
