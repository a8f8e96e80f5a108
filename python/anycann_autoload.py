"""Started by the .pth file that `anycann enable` writes: waits until a client of CANN is imported,
then sets the variables and loads the libraries. A library that is loaded already satisfies every
later request for its name, so no LD_LIBRARY_PATH is needed.

Runs at the start of every Python program of the environment: until a client is imported it costs
one set lookup for each import statement that loads a module."""

import os
import sys

CLIENTS = frozenset({"torch", "torch_npu", "onnxruntime", "acl", "mindspore", "paddle"})


class Finder:
    """First on sys.meta_path; finds nothing itself, and leaves when its work is done."""

    def __init__(self, variables):
        self.variables = variables

    def find_spec(self, name, path=None, target=None):
        if name in CLIENTS:
            sys.meta_path.remove(self)
            activate(self.variables)
        return None


def activate(variables):
    home = variables["ASCEND_HOME_PATH"]
    chosen = os.environ.get("ASCEND_HOME_PATH", home)
    if os.path.realpath(chosen) != os.path.realpath(home):
        return  # another toolkit was chosen for this very process
    import ctypes

    os.environ.update(variables)
    folder = os.path.join(home, "lib64")
    for name in sorted(os.listdir(folder)):
        if name.endswith(".so"):
            ctypes.CDLL(os.path.join(folder, name))


def install(variables):
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder(variables))
