"""pyACL: AscendCL for Python, as CANN's own module `acl`.

Every function has the C function's name in Python's spelling (aclrtMalloc: acl.rt.malloc). Pointers
and handles are ints. What C writes through pointers is given back, the code last:

    device, ret = acl.rt.get_device()       dims, ret = acl.mdl.get_input_dims(desc, 0)

Structures are dictionaries; counts of lists are left out. `acl.util` goes between addresses and
Python's bytes and numpy's arrays.
"""

import sys

from . import binding as _binding
from . import util
from .functions import FUNCTIONS as _FUNCTIONS


def _fill():
    modules = {"util": util}
    for name, row in _FUNCTIONS.items():
        *path, last = name.split(".")
        module = sys.modules[__name__]
        for part in path:
            if part not in modules:
                modules[part] = type(sys)(f"{__name__}.{part}")
                sys.modules[f"{__name__}.{part}"] = modules[part]
                setattr(module, part, modules[part])
            module = modules[part]
        setattr(module, last, _binding.function(f"acl.{name}", row))


_fill()
app_log = util._app_log
