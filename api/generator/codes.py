"""What each code means: the data of `anycann explain`, and a page."""

import re

from . import tables

# Which part of CANN answers with a code, by its name or, where names are words, by its form.
SPACES = [
    (r"ACL_ERROR_GE_|GRAPH_|[EW]1....$", "graph engine"),
    (r"ACL_ERROR_RT_|ACL_ERROR_(STREAM|SNAPSHOT|HOST)_|EE|EL", "runtime"),
    (r"ACL_|EH", "acl"),
    (r"ACLNN_|EZ", "aclnn"),
    (r"HCCL_|EI|EJ", "hccl"),
    (r"ERR0", "torch_npu"),
    (r"E2", "fusion engine"),
    (r"E4", "operator compiler"),
    (r"EK|EP", "profiling and dump"),
    (r"EU", "user"),
]
NOT_HERE = "does not arise on AnyCANN; on an NPU look at its log and at the health of the device"
# Constants that are codes; the last of an enum only marks its end.
IS_CODE = re.compile(r"ACL_ERROR_\w+|ACLNN_ERR_\w+|HCCL_SUCCESS|HCCL_E_(?!RESERVED)\w+")


def space_of(code, name):
    for pattern, space in SPACES:
        if re.match(pattern, name) or re.match(pattern, code):
            return space
    raise tables.TableError(f"api/codes.tsv: {code} {name}: belongs to no part of CANN")


def constants():
    return {
        row["name"]: row["value"].rstrip("U")
        for row in tables.read("constants.tsv")
        if IS_CODE.fullmatch(row["name"])
    }


def rows():
    """(code, space, name, meaning, remedy) of every code; no constant that is one is left out."""
    values, seen = constants(), set()
    for row in tables.read("codes.tsv"):
        code, name = row["code"], row["name"]
        if code == "=":
            if name not in values:
                raise tables.TableError(f"api/codes.tsv: {name} is no code of constants.tsv")
            code = values.pop(name)
        if (code, name) in seen or not row["meaning"] or not row["remedy"]:
            raise tables.TableError(f"api/codes.tsv: {code} {name}: twice, or not explained")
        seen.add((code, name))
        remedy = NOT_HERE if row["remedy"] == "-" else row["remedy"]
        yield code, space_of(code, name), name, row["meaning"], remedy
    if values:
        raise tables.TableError(f"api/codes.tsv: not explained: {', '.join(values)}")


def generate(table_path, page_path):
    head = ("code", "space", "name", "meaning", "remedy")
    explained = list(rows())
    tables.write(table_path, "".join("\t".join(row) + "\n" for row in [head, *explained]))
    out = ["# Codes\n\nMade from `api/codes.tsv`; `anycann explain CODE` prints the same.\n"]
    for space in dict.fromkeys(row[1] for row in explained):
        out.append(
            f"\n## {space}\n\n| code | name | meaning | what to do |\n| --- | --- | --- | --- |\n"
        )
        out += [
            f"| {code} | {name} | {meaning} | {remedy} |\n"
            for code, part, name, meaning, remedy in explained
            if part == space
        ]
    tables.write(page_path, "".join(out))
