#!/usr/bin/env python3
"""Makes everything that follows from the tables in this folder.

gen.py headers --include DIR --aclnn FILE --signatures FILE
                                             public headers, the aclnn pairs, GE's types
gen.py list-headers                          their paths, for the build
gen.py doors --out DIR --objects FILE ...    libraries of CANN's names, from what is defined
gen.py ge --out DIR --objects FILE ...       the same for the graph engine's C++ names
gen.py coverage --done FILE ...              who needs what, and what of it is done
gen.py codes --table FILE --page FILE        what each code means
gen.py pyacl --module FILE                   what Python's module acl calls
"""

import argparse
import sys
from pathlib import Path

from generator import (
    aclnn,
    codes,
    coverage,
    doors,
    ge,
    ge_ops,
    headers,
    pyacl,
    signatures,
    tables,
    trace,
)


def parser():
    top = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = top.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("headers", help="public headers and the aclnn pairs")
    verb.add_argument("--include", type=Path, required=True)
    verb.add_argument("--aclnn", type=Path, required=True)
    verb.add_argument("--signatures", type=Path, required=True)
    verbs.add_parser("list-headers", help="paths of the public headers")
    verb = verbs.add_parser("doors", help="libraries of CANN's names")
    verb.add_argument("--out", type=Path, required=True)
    verb.add_argument("--objects", type=Path, required=True, help="file with a path a line")
    verb.add_argument("--rows", type=Path, required=True, help="what api/rows.c printed")
    verb.add_argument("--nm", default="nm")
    verb.add_argument("--processor", default="x86_64")
    verb = verbs.add_parser("ge", help="libraries of the graph engine's C++ names")
    verb.add_argument("--out", type=Path, required=True)
    verb.add_argument("--objects", type=Path, required=True, help="file with a path a line")
    verb.add_argument("--nm", default="nm")
    verb.add_argument("--processor", default="x86_64")
    verb = verbs.add_parser("coverage", help="coverage table and reference page")
    verb.add_argument("--done", type=Path, required=True, nargs="+")
    verb.add_argument("--table", type=Path, required=True)
    verb.add_argument("--page", type=Path, required=True)
    verb = verbs.add_parser("codes", help="table and page of what codes mean")
    verb.add_argument("--table", type=Path, required=True)
    verb.add_argument("--page", type=Path, required=True)
    verb = verbs.add_parser("pyacl", help="table of Python's module acl")
    verb.add_argument("--module", type=Path, required=True)
    return top


def main():
    options = parser().parse_args()
    try:
        if options.verb == "headers":
            headers.generate(options.include)
            ge_ops.generate(options.include)
            aclnn.generate(options.aclnn)
            signatures.generate(options.signatures)
        elif options.verb == "list-headers":
            print("\n".join(headers.paths() + headers.cxx_paths()))
        elif options.verb == "doors":
            defined = doors.defined_functions(options.nm, doors.read_lines(options.objects))
            defined |= doors.working_rows(options.rows)
            doors.generate(options.out, defined, options.processor)
            trace.generate(options.out / "trace.c", defined)
        elif options.verb == "ge":
            defined = ge.defined_names(options.nm, doors.read_lines(options.objects))
            ge.generate(options.out, defined, options.processor)
        elif options.verb == "codes":
            codes.generate(options.table, options.page)
        elif options.verb == "pyacl":
            pyacl.generate(options.module)
        else:
            coverage.generate(options.done, options.table, options.page)
    except tables.TableError as error:
        print(f"gen.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
