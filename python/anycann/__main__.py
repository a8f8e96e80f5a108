"""Console scripts of the wheel: become the toolkit's own programs."""

import os
import sys

from anycann import home

# Verbs that look at a Python environment mean this one, unless they are told otherwise.
OF_AN_ENVIRONMENT = {"enable", "disable", "doctor", "selftest"}


def find_own_python():
    """`venv/bin/anycann run python ...` means that environment's python, activated or not."""
    folder = os.path.dirname(sys.executable)
    path = os.environ.get("PATH", os.defpath)
    if sys.prefix != sys.base_prefix and folder not in path.split(os.pathsep):
        os.environ["PATH"] = folder + os.pathsep + path


def become(program, arguments):
    path = str(home() / "bin" / program)
    if not os.access(path, os.X_OK):  # an installer that drops the modes of a wheel's files
        os.chmod(path, 0o755)
    os.execv(path, [path, *arguments])


def main():
    arguments = sys.argv[1:]
    find_own_python()
    if arguments and arguments[0] in OF_AN_ENVIRONMENT:
        arguments[1:1] = ["--python", sys.executable]
    become("anycann", arguments)


def npu_smi():
    become("npu-smi", sys.argv[1:])


if __name__ == "__main__":
    main()
