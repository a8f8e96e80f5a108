"""Who needs which name, and what of it is done: the data of `anycann coverage`, and a page."""

from pathlib import Path

from . import tables

STATES = ("done", "unsupported", "absent")
KINDS = ("link", "lookup", "probe")  # the strongest need first


def state_of(symbol, exported, done):
    """An aclnn name stands for both calls of its pair."""
    if symbol in done:
        return "done"
    return "unsupported" if symbol in exported else "absent"


def rows_of(client, exported, done):
    """One row a name: several files of a client may need it, and the strongest need counts."""
    kinds = {}
    for row in tables.read(f"clients/{client}.tsv"):
        key = row["library"], row["symbol"]
        kinds[key] = min(kinds.get(key, row["kind"]), row["kind"], key=KINDS.index)
    for (library, symbol), kind in sorted(kinds.items()):
        yield client, library, symbol, kind, state_of(symbol, exported, done)


def clients():
    return sorted(path.stem for path in (tables.API / "clients").glob("*.tsv"))


def generate(done_paths, table_path, page_path):
    done = {name for path in done_paths for name in Path(path).read_text().split()}
    exported = done | {f.name for f in tables.functions() if not f.is_probed}
    exported |= {row["symbol"] for row in tables.read("cxx_symbols.tsv")}
    rows = [row for client in clients() for row in rows_of(client, exported, done)]
    lines = ["client\tlibrary\tsymbol\tkind\tstate\n"]
    lines += ["\t".join(row) + "\n" for row in rows]
    tables.write(table_path, "".join(lines))
    tables.write(page_path, page(rows, exported, done))
    tables.write(Path(table_path).with_name("functions.tsv"), function_table(exported, done))


def function_table(exported, done):
    """All functions of the C libraries, whoever needs them: name, group, state, why not."""
    reasons = tables.unsupported_reasons()
    lines = ["name\tgroup\tstate\treason\n"]
    for f in tables.functions():
        state = state_of(f.name, exported, done)
        why = reasons.get(f.name, "") if state != "done" else ""
        lines.append(f"{f.name}\t{f.group}\t{state}\t{why}\n")
    return "".join(lines)


def page(rows, exported, done):
    out = [
        "# The interface, name by name\n\n"
        "Made from the tables in `api/` and from what this build defines. *done*: works; "
        "*unsupported*: exists, fails with its own name and the code for an unsupported "
        "feature; *absent*: not exported, since clients take its presence as a promise.\n\n"
        "| client | " + " | ".join(STATES) + " |\n| --- |" + " ---: |" * len(STATES) + "\n"
    ]
    for client in clients():
        counts = [sum(r[0] == client and r[4] == state for r in rows) for state in STATES]
        out.append(f"| {client} | " + " | ".join(map(str, counts)) + " |\n")
    reasons = tables.unsupported_reasons()
    by_header = {}
    for function in tables.functions():
        by_header.setdefault(function.header, []).append(function)
    for header, functions in sorted(by_header.items()):
        out.append(
            f"\n## {header if header != '-' else 'Without a public header'}\n\n"
            "| function | state | |\n| --- | --- | --- |\n"
        )
        for f in functions:
            state = state_of(f.name, exported, done)
            if state != "done" and f.name in reasons:
                state += f": {reasons[f.name]}"
            out.append(f"| `{f.prototype}` | {state} | {f.doc} |\n".replace("||", "\\|\\|"))
    out.append(
        "\n## aclnn operators\n\n"
        "| function | state | operator | arguments |\n| --- | --- | --- | --- |\n"
    )
    for row in tables.aclnn_rows():
        arguments = ", ".join(a.declaration for a in row.arguments)
        state = state_of(row.name, exported, done)
        out.append(f"| `{row.name}` | {state} | {row.op} | `{arguments}` |\n")
    return "".join(out)
