"""Python's module `acl`: programs that import it, and its table against the libraries."""

import sys

from running import REPOSITORY, succeeded


def test_program(toolkit):
    program = REPOSITORY / "tests" / "apps" / "client_pyacl.py"
    assert "pyACL fine" in succeeded(toolkit.anycann("run", sys.executable, program))


def test_every_function_can_be_called_or_says_why(toolkit):
    """Each row binds: what is not exported says so when it is called, by its C name."""
    code = """
import operator
import acl
from acl import binding, functions
for record in functions.RECORDS:
    binding.ctype(record)
missing = 0
for name, row in functions.FUNCTIONS.items():
    for _, _, kind, _ in row[3]:
        assert binding.ctype(kind) is not None, name
    if not hasattr(binding.library(row[1]), row[0]):
        missing += 1
        function = operator.attrgetter(name)(acl)
        try:
            function(*[0] * sum(r[1] in binding.GIVEN for r in row[3]))
        except NotImplementedError as error:
            assert row[0] in str(error)
        else:
            raise AssertionError(name)
print(len(functions.FUNCTIONS), missing)
"""
    total, missing = map(int, succeeded(toolkit.python(code)).split())
    assert total > 800 and missing < total / 2
