"""Whole networks: our .om through aclmdl against ONNX Runtime, batch 1, strict f32.

usage: graph_models.py TOOLKIT [NAME ...] [--threads 1,2] [--seconds 3] [--models FOLDER]

Each side runs in a process of its own and they take turns; a line says the medians of all runs in
milliseconds, their ratio and that of the fastest runs (theirs / ours: above 1 is faster), the time
to load a model against that to create a session, the most memory that either side held for it
(anonymous and shared pages; what is mapped from a file does not count), and how far the results are
apart, as a part of the largest one. The last lines say the geometric mean of the ratios by threads.
FOLDER keeps exported models for the next time. Names:
those of models.py, and light_* of the onnx package.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ["TORCH_DEVICE_BACKEND_AUTOLOAD"] = "0"
HERE = Path(__file__).resolve().parent
ROUNDS = 5
LIGHT = ("squeezenet", "shufflenet", "densenet121", "inception_v2", "vgg19")


# ---- a side's process ----------------------------------------------------------------------------


class Ours:
    def __init__(self, toolkit, path):
        sys.path.insert(0, str(HERE.parent / "tests" / "apps" / "onnx"))
        import client

        self.device, self.path = client.Device(toolkit), path

    def load(self):
        self.model = self.device.load(self.path)

    def prepare(self, inputs):
        self.fed = self.model.datasets(inputs)

    def run(self):
        self.model.execute(*self.fed)

    def results(self):
        return self.model.fetch(self.fed[1])


class Theirs:
    def __init__(self, threads, path):
        import onnxruntime

        self.make, self.path = onnxruntime.InferenceSession, path
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.log_severity_level = 3

    def load(self):
        self.session = self.make(self.path, self.options, providers=["CPUExecutionProvider"])

    def prepare(self, inputs):
        names = [i.name for i in self.session.get_inputs()]
        self.fed = dict(zip(names, inputs, strict=True))

    def run(self):
        self.made = self.session.run(None, self.fed)

    def results(self):
        return self.made


def serve(side, feeds, results):
    """Commands by line on stdin, answers in JSON on stdout."""
    import numpy as np

    def answer(value):
        print(json.dumps(value), flush=True)

    answer("ready")
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "load":
            start = time.perf_counter()
            side.load()
            answer(time.perf_counter() - start)
            with np.load(feeds) as arrays:
                side.prepare([arrays[name] for name in arrays])
        elif word == "run":
            times, end = [], time.perf_counter() + float(rest[0])
            while len(times) < 3 or time.perf_counter() < end:
                start = time.perf_counter()
                side.run()
                times.append(time.perf_counter() - start)
            answer(times)
        elif word == "results":
            np.savez(results, *side.results())
            answer("written")


class Process:
    def __init__(self, kind, threads, toolkit, model, folder):
        self.results = folder / f"{kind}.npz"
        words = [sys.executable, __file__, toolkit, "--serve", kind, "--threads", str(threads)]
        words += ["--files", model, folder / "feeds.npz", self.results]
        variables = os.environ | {"ANYCANN_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [str(w) for w in words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=variables,
            text=True,
        )
        self.most = 0
        json.loads(self.process.stdout.readline())
        self.before = self.memory()

    def memory(self):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return sum(int(rows[name].split()[0]) for name in ("RssAnon", "RssShmem")) / 1024

    def watch(self, done):
        while not done.wait(0.002):
            self.most = max(self.most, self.memory() - self.before)

    def ask(self, *words):
        done = threading.Event()
        watcher = threading.Thread(target=self.watch, args=(done,))
        if words[0] == "load":
            watcher.start()
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if words[0] == "load":
            done.set()
            watcher.join()
        self.most = max(self.most, self.memory() - self.before)
        return answer

    def end(self):
        self.process.stdin.close()
        self.process.wait()


# ---- the comparison ------------------------------------------------------------------------------


def source(name, folder):
    import onnx

    if name.startswith("light_"):
        return Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"{name}.onnx"
    import models

    path = folder / f"{name}.onnx"
    if not path.exists():
        models.export(name, path)
    return path


def write_feeds(path, folder):
    import numpy as np
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    kept, draw, feeds = {t.name for t in graph.initializer}, np.random.default_rng(1), {}
    for value in graph.input:
        if value.name in kept:
            continue
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.elem_type == onnx.TensorProto.INT64:
            feeds[value.name] = np.ones(shape, np.int64)
        else:
            feeds[value.name] = draw.normal(size=shape).astype(np.float32)
    np.savez(folder / "feeds.npz", **feeds)


def difference(ours, theirs):
    import numpy as np

    worst = 0.0
    with np.load(ours) as a, np.load(theirs) as b:
        for name in a:
            assert a[name].shape == b[name].shape
            worst = max(worst, np.abs(a[name] - b[name]).max() / (np.abs(b[name]).max() + 1e-30))
    return worst


def convert(toolkit, path, folder):
    words = [f"{toolkit}/bin/atc", f"--model={path}", "--framework=5", f"--output={folder}/model"]
    words += ["--soc_version=Ascend910B1", "--precision_mode_v2=origin"]
    start = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout
    return folder / "model.om", time.perf_counter() - start


def compare(name, words, ratios):
    toolkit, seconds = words.toolkit.resolve(), words.seconds
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        path = source(name, words.models or folder).resolve()
        write_feeds(path, folder)
        model, conversion = convert(toolkit, path, folder)
        for threads in map(int, words.threads.split(",")):
            sides = [
                Process("ours", threads, toolkit, model, folder),
                Process("theirs", threads, toolkit, path, folder),
            ]
            loads = [side.ask("load") for side in sides]
            times = [[], []]
            for side in sides:
                side.ask("run", 0.2)
            for _ in range(ROUNDS):
                for mine, side in zip(times, sides, strict=True):
                    mine += side.ask("run", seconds / ROUNDS)
            for side in sides:
                side.ask("results")
                side.end()
            apart = difference(sides[0].results, sides[1].results)
            ours, theirs = (1e3 * statistics.median(t) for t in times)
            best = min(times[1]) / min(times[0])
            ratios.setdefault(threads, []).append(theirs / ours)
            print(
                f"{name:20} {threads} threads: ours {ours:8.2f} theirs {theirs:8.2f} ratio "
                f"{theirs / ours:5.2f} (best {best:5.2f}); "
                f"load {loads[0] * 1e3:6.1f} / {loads[1] * 1e3:6.1f} ms = "
                f"{loads[0] / loads[1]:4.2f}; memory {sides[0].most:6.1f} / {sides[1].most:6.1f} "
                f"MiB = {sides[0].most / sides[1].most:4.2f}; apart {apart:.1e}; "
                f"atc {conversion:.1f} s",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("toolkit", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--serve", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    parser.add_argument("--files", nargs=3, help=argparse.SUPPRESS)
    words = parser.parse_intermixed_args()
    if words.serve:
        model, feeds, results = words.files
        side = Ours(words.toolkit, model)
        if words.serve == "theirs":
            side = Theirs(int(words.threads), model)
        serve(side, feeds, results)
        return
    import models

    ratios = {}
    names = words.names or [*models.MODELS, *(f"light_{name}" for name in LIGHT)]
    for name in names:
        compare(name, words, ratios)
    for threads, all_of_them in ratios.items():
        mean = statistics.geometric_mean(all_of_them)
        print(f"{threads} threads: geometric mean {mean:.2f}, worst {min(all_of_them):.2f}")


main()
