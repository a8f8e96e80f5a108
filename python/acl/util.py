"""Between addresses and Python's own objects, and threads of the process."""

import ctypes
import sys
import threading
import weakref

from . import binding as _binding

_threads = {}


def bytes_to_ptr(data):
    """Address of the bytes; it holds as long as the object lives."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value


def ptr_to_bytes(ptr, size):
    """A copy of host memory."""
    return ctypes.string_at(ptr, size)


def numpy_to_ptr(array):
    """Address of the array's data; it holds as long as the array lives."""
    return array.__array_interface__["data"][0]


def numpy_contiguous_to_ptr(array):
    """As numpy_to_ptr; of a strided array, a contiguous copy that lives as long as the array."""
    import numpy

    whole = numpy.ascontiguousarray(array)
    if whole is not array:
        weakref.finalize(array, lambda kept: None, whole)
    return numpy_to_ptr(whole)


def ptr_to_numpy(ptr, shape, type_number):
    """An array over host memory, of numpy's type number; nothing is copied or owned."""
    import numpy

    kinds = {numpy.dtype(letter).num: numpy.dtype(letter) for letter in "?bBhHiIlLqQfdgFDGe"}
    if type_number not in kinds:
        raise ValueError(f"acl.util.ptr_to_numpy: {type_number} is no number of a numpy type")
    kind = kinds[type_number]
    size = int(numpy.prod(shape, dtype=numpy.int64)) * kind.itemsize
    memory = (ctypes.c_char * size).from_address(ptr)
    return numpy.frombuffer(memory, dtype=kind).reshape(shape)


numpy_to_pointer, pointer_to_numpy = numpy_to_ptr, ptr_to_numpy


def start_thread(function, arguments):
    """Runs function(arguments) on a thread; its number is what acl.rt.subscribe_report takes."""
    thread = threading.Thread(target=function, args=(arguments,), daemon=True)
    thread.start()
    _threads[thread.ident] = thread
    return thread.ident, 0


def stop_thread(thread_id):
    """Waits for the thread's end."""
    thread = _threads.pop(thread_id, None)
    if thread is None:
        return 100000  # ACL_ERROR_INVALID_PARAM
    thread.join()
    return 0


def _app_log(level, message):
    """Writes a line into the log, with the caller's place."""
    caller = sys._getframe(1)
    log = _binding.library("ascendcl").aclAppLog
    log.argtypes, log.restype = [ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint32,
                                 ctypes.c_char_p, ctypes.c_char_p], None  # fmt: skip
    log(level, caller.f_code.co_name.encode(), caller.f_code.co_filename.encode(), caller.f_lineno,
        b"%s", str(message).encode())  # fmt: skip
