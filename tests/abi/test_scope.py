"""What is done of the operators of convolutional networks (tests/ops/scope_cnn.tsv), by family."""

import collections
import csv

from conftest import ROOT


def table(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_scope_of_convolutional_networks(capsys):
    done = {row["name"] for row in table(ROOT / "api" / "aclnn.tsv")}
    scope = table(ROOT / "tests" / "ops" / "scope_cnn.tsv")
    names = [row["name"] for row in scope]
    assert len(names) == len(set(names)), "a name comes twice"
    families = collections.defaultdict(lambda: [0, 0])
    missing = []
    for row in scope:
        families[row["family"]][1] += 1
        families[row["family"]][0] += row["name"] in done
        if row["name"] not in done:
            missing.append(row)
    with capsys.disabled():
        print()
        for family, (count, total) in families.items():
            print(f"{family:12} {count:4} of {total:4}")
        print(f"{'all':12} {len(names) - len(missing):4} of {len(names):4}")
        for row in missing:
            print(f"missing: {row['name']} ({row['family']}): {row['reason']}")
    lost = [row["name"] for row in missing if not row["reason"]]
    assert not lost, f"these were done, and are missing without a reason: {lost}"
