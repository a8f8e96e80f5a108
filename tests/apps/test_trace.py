"""`anycann trace`: every call with arguments and results, every task, however a process ends."""

import json

import pytest

PROGRAM = """
import torch
a = torch.full((3, 4), 2.0).npu()
side = torch.npu.Stream()
b = (a @ a.t()).sum()
with torch.npu.stream(side):
    side.wait_stream(torch.npu.current_stream())
    c = a + 1
torch.npu.synchronize()
assert b.item() == 144 and c.sum().item() == 36
"""


class Trace:
    def __init__(self, folder, result):
        self.folder, self.result = folder, result
        with open(folder / "timeline.json") as file:
            self.events = json.load(file)["traceEvents"]
        lines = [
            json.loads(line)
            for path in folder.glob("*.jsonl")
            for line in path.read_text().splitlines()
        ]
        assert len(lines) == len(self.events), "the timeline is all lines and nothing else"
        self.calls = [e for e in lines if e["ph"] == "X" and e["cat"] != "task"]
        self.tasks = [e for e in lines if e["ph"] == "X" and e["cat"] == "task"]
        self.tracks = {e["tid"]: e["args"]["name"] for e in lines if e["name"] == "thread_name"}

    def of(self, name):
        return [e["args"] for e in self.calls if e["name"] == name]


def run(toolkit, folder, *command, **variables):
    result = toolkit.anycann("trace", "-o", folder, *command, **variables)
    return Trace(folder, result)


@pytest.fixture(scope="module")
def torch_trace(toolkit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trace") / "run"
    trace = run(toolkit, folder, "python3", "-c", PROGRAM)
    assert trace.result.returncode == 0, trace.result.stderr
    return trace


def test_arguments_and_results(torch_trace):
    (add,) = torch_trace.of("aclnnAddsGetWorkspaceSize")
    assert add["self"] == "[3, 4] f32" and add["out"] == "[3, 4] f32"
    assert add["other"].startswith("1 ") and add["result"] == 0
    assert add["executor"].startswith("0x")
    matmul = torch_trace.of("aclnnMatmulGetWorkspaceSize") or torch_trace.of(
        "aclnnMmGetWorkspaceSize"
    )
    assert "strided" in str(matmul[0]), "a transposed view"
    assert torch_trace.of("aclInit")[0]["configPath"].endswith(".json")
    copies = torch_trace.of("aclrtMemcpy") + torch_trace.of("aclrtMemcpyAsync")
    assert "ACL_MEMCPY_HOST_TO_DEVICE" in {copy["kind"] for copy in copies}


def test_failures_have_their_text(torch_trace):
    failed = [args for args in torch_trace.of("aclrtGetDevice") if args["result"] != 0]
    assert failed[0]["result"] == 107002 and "no device" in failed[0]["error"]


def test_tasks_on_the_tracks_of_their_streams(torch_trace):
    tracks = {}
    for task in torch_trace.tasks:
        tracks.setdefault(torch_trace.tracks[task["tid"]], []).append(task)
    assert len(tracks) == 2 and all(name.startswith("device 0 stream ") for name in tracks)
    for tasks in tracks.values():  # one after the other, in order
        tasks.sort(key=lambda task: task["args"]["number"])
        ends = [task["ts"] + task["dur"] for task in tasks]
        assert all(end <= task["ts"] + 0.002 for end, task in zip(ends, tasks[1:], strict=False))
    names = [task["name"] for task in torch_trace.tasks]
    assert "aclnnAdds" in names
    # A task runs after the call that queued it began.
    (add,) = (e for e in torch_trace.calls if e["name"] == "aclnnAdds")
    (ran,) = (e for e in torch_trace.tasks if e["name"] == "aclnnAdds")
    assert ran["ts"] >= add["ts"]


def test_the_summary(torch_trace):
    text = torch_trace.result.stderr
    assert f"{len(torch_trace.calls)} calls" in text and f"{len(torch_trace.tasks)} tasks" in text


ACL = """
import ctypes, os
acl = ctypes.CDLL("libascendcl.so")
acl.aclInit(None)
"""


def test_a_process_that_is_killed(toolkit, tmp_path):
    code = ACL + "acl.aclrtSetDevice(7)\nos.kill(os.getpid(), 9)"
    trace = run(toolkit, tmp_path / "run", "python3", "-c", code)
    assert trace.result.returncode == 128 + 9
    assert [e["name"] for e in trace.calls] == ["aclInit", "aclrtSetDevice"]
    last = trace.result.stderr.splitlines()
    assert any("aclrtSetDevice" in line and "107001" in line for line in last)


def test_a_call_that_does_not_return(toolkit, tmp_path):
    code = ACL + "acl.aclrtSetDevice(0)\nacl.aclrtMalloc(ctypes.c_void_p(8), 64, 0)"
    trace = run(toolkit, tmp_path / "run", "python3", "-c", code)
    assert trace.result.returncode == 128 + 11
    assert "aclrtMalloc, which had not returned" in trace.result.stderr
    assert {path.suffix for path in (tmp_path / "run").iterdir()} == {".json", ".jsonl"}


def test_a_child_of_fork_has_lines_of_its_own(toolkit, tmp_path):
    code = ACL + "pid = os.fork()\nacl.aclrtSetDevice(0)\nif pid: os.waitpid(pid, 0)"
    trace = run(toolkit, tmp_path / "run", "python3", "-c", code)
    assert len(list((tmp_path / "run").glob("*.jsonl"))) == 2
    by_process = {}
    for event in trace.calls:
        by_process.setdefault(event["pid"], []).append(event["name"])
    assert sorted(map(len, by_process.values())) == [1, 2]


def test_a_child_that_calls_nothing_has_no_file(toolkit, tmp_path):
    code = ACL + "pid = os.fork()\nif pid: os.waitpid(pid, 0)"
    run(toolkit, tmp_path / "run", "python3", "-c", code)
    assert len(list((tmp_path / "run").glob("*.jsonl"))) == 1


def test_text_that_json_must_escape(toolkit, tmp_path):
    code = ACL + 'acl.aclInit(b"a \\"quoted\\" \\\\ path\\n" + b"x" * 1000)'
    trace = run(toolkit, tmp_path / "run", "python3", "-c", code)
    path = trace.of("aclInit")[1]["configPath"]
    assert path.startswith('a "quoted" \\ path\nx') and len(path) <= 200


def test_usage(toolkit, tmp_path):
    assert toolkit.anycann("trace").returncode == 2
    assert toolkit.anycann("trace", "-o", "/dev/null/x", "true").returncode == 3
    assert toolkit.anycann("trace", "-o", tmp_path / "t", "sh", "-c", "exit 5").returncode == 5
    assert run(toolkit, tmp_path / "t", "python3", "-c", ACL).result.returncode == 0
    again = toolkit.anycann("trace", "-o", tmp_path / "t", "true")
    assert again.returncode == 2 and "earlier" in again.stderr


def test_nothing_is_written_without_it(toolkit, tmp_path):
    """A folder that cannot be made is told, and the program runs on."""
    code = ACL + "print(acl.aclrtSetDevice(0))"
    result = toolkit.anycann("run", "python3", "-c", code, ANYCANN_TRACE="/dev/null/x")
    assert result.stdout == "0\n" and "nothing is traced" in result.stderr
