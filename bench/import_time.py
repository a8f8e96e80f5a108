"""What `import torch_npu` costs on this toolkit beside what it costs on empty stand-ins: libraries
that have every symbol the wheel links, and a body of one return in each. Prints the medians of
alternating runs and their difference.

    python bench/import_time.py [--runs 9]
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

CLIENT = "import torch, torch_npu"


def make_stand_ins(folder, table):
    """One shared library per name that the wheel needs. Each has all symbols: where the
    loader finds one does not matter."""
    with open(table, newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["client"] == "torch_npu"]
    lines = [".text"]
    for symbol in sorted({row["symbol"] for row in rows if row["kind"] == "link"}):
        lines += [f".globl {symbol}", f".type {symbol}, @function", f"{symbol}:"]
        lines += ["xorl %eax, %eax", "ret"]
    lines.append('.section .note.GNU-stack,"",@progbits\n')
    source = folder / "stand_in.s"
    source.write_text("\n".join(lines))
    for library in {row["library"] for row in rows if row["kind"] == "link"}:
        command = ["gcc", "-shared", "-nostdlib", f"-Wl,-soname,{library}", "-o", folder / library]
        subprocess.run([*command, source], check=True)


def seconds(variables):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", CLIENT], env=variables, check=True)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    default = Path(__file__).resolve().parents[1] / "build" / "toolkit"
    home = Path(os.environ.get("TOOLKIT", default))
    base = os.environ | {"ASCEND_HOME_PATH": str(home), "ASCEND_OPP_PATH": f"{home}/opp"}

    with tempfile.TemporaryDirectory() as name:
        make_stand_ins(Path(name), home / "share" / "anycann" / "coverage.tsv")
        kinds = {"stand-ins": name, "AnyCANN": f"{home}/lib64"}
        times = defaultdict(list)
        for _ in range(runs):
            for kind, folder in kinds.items():
                times[kind].append(seconds(base | {"LD_LIBRARY_PATH": folder}))
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    for kind, median in medians.items():
        print(f"import torch_npu on {kind:9}  {median:.3f} s")
    print(f"difference {medians['AnyCANN'] - medians['stand-ins']:+.3f} s (at most 0.1 wanted)")


if __name__ == "__main__":
    main()
