"""A program of pyACL: streams, memory, callbacks, operators and structures, as Python sees them."""

import acl
import numpy as np

FLOAT, ND, INT8 = 0, 2, 2
HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2


def ok(ret):
    assert ret == 0, (ret, acl.get_recent_err_msg())


def given(answers):
    *values, ret = answers
    ok(ret)
    return values[0] if len(values) == 1 else values


def raises(kind, words, function, *arguments):
    try:
        function(*arguments)
    except kind as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"no {kind.__name__}")


def on_device(array):
    memory = given(acl.rt.malloc(array.nbytes, 0))
    data = array.tobytes()  # must live until it is copied
    source = acl.util.bytes_to_ptr(data)
    ok(acl.rt.memcpy(memory, array.nbytes, source, array.nbytes, HOST_TO_DEVICE))
    return memory


def on_host(memory, shape):
    size = int(np.prod(shape)) * 4
    host = given(acl.rt.malloc_host(size))
    ok(acl.rt.memcpy(host, size, memory, size, DEVICE_TO_HOST))
    view = acl.util.ptr_to_numpy(host, shape, np.dtype(np.float32).num)
    copy = np.frombuffer(acl.util.ptr_to_bytes(host, size), np.float32).reshape(shape)
    np.testing.assert_array_equal(view, copy)
    ok(acl.rt.free_host(host))
    return copy


def operator(stream):
    """One operator with an attribute: lists go in without their counts."""
    x, y = (np.random.default_rng(s).standard_normal((3, 4), np.float32) for s in (1, 2))
    descs = [acl.create_tensor_desc(FLOAT, shape, ND) for shape in ((3, 4), (4, 3), [3, 3])]
    memory = [on_device(a) for a in (x, y.reshape(4, 3), np.zeros((3, 3), np.float32))]
    buffers = [acl.create_data_buffer(m, acl.get_tensor_desc_size(d))
               for m, d in zip(memory, descs, strict=True)]  # fmt: skip
    attributes = acl.op.create_attr()
    ok(acl.op.set_attr_bool(attributes, "transpose_x1", False))
    unused = acl.op.create_attr()  # no operator has such attributes: only that they go in
    ok(acl.op.set_attr_list_list_int(unused, "lists", [[1, 2], [3]]))
    ok(acl.op.set_attr_list_string(unused, "words", ["a", b"b"]))
    acl.op.destroy_attr(unused)
    ok(acl.op.compile_and_execute("MatMul", descs[:2], buffers[:2], descs[2:], buffers[2:],
                                  attributes, 0, 0, None, stream))  # fmt: skip
    ok(acl.rt.synchronize_stream(stream))
    np.testing.assert_allclose(on_host(memory[2], (3, 3)), x @ y.reshape(4, 3), rtol=1e-5)
    raises(ValueError, "inputDesc 2, inputs 1", acl.op.execute_v2, "MatMul", descs[:2], buffers[:1],
           descs[2:], buffers[2:], attributes, stream)  # fmt: skip
    for buffer, desc, place in zip(buffers, descs, memory, strict=True):
        ok(acl.destroy_data_buffer(buffer))
        acl.destroy_tensor_desc(desc)
        ok(acl.rt.free(place))
    acl.op.destroy_attr(attributes)


def callbacks(context, stream):
    state, told = [context, True], []

    def reports(arguments):
        ok(acl.rt.set_context(arguments[0]))
        while arguments[1]:
            acl.rt.process_report(20)

    class Teller:
        def tell(self, what):
            told.append(what)

    thread = given(acl.util.start_thread(reports, state))
    ok(acl.rt.subscribe_report(thread, stream))
    for what in (["first"], {"second": 2}):
        ok(acl.rt.launch_callback(Teller().tell, what, 1, stream))
    ok(acl.rt.launch_host_func(stream, told.append, "third"))
    ok(acl.rt.synchronize_stream(stream))
    ok(acl.rt.unsubscribe_report(thread, stream))
    state[1] = False
    ok(acl.util.stop_thread(thread))
    assert told == [["first"], {"second": 2}, "third"], told


def structures():
    free, total = given(acl.rt.get_mem_info(0))
    assert 0 < free <= total
    memory = given(acl.rt.malloc(4096, 0))
    assert given(acl.rt.pointer_get_attributes(memory))["location"] == {"id": 0, "type": 1}
    desc = acl.create_tensor_desc(FLOAT, [-1, 3], ND)
    ok(acl.set_tensor_shape_range(desc, [[1, 8], [3, 3]]))
    assert given(acl.get_tensor_desc_dim_range(desc, 0, 2)) == [1, 8]
    acl.destroy_tensor_desc(desc)
    prop = {"handleType": 0, "allocationType": 0, "memAttr": 1, "location": {"id": 0, "type": 1}}
    grain = given(acl.rt.mem_get_allocation_granularity(prop, 0))
    handle = given(acl.rt.malloc_physical(grain, prop, 0))
    ok(acl.rt.free_physical(handle))
    raises(TypeError, "'color'", acl.rt.malloc_physical, grain, {"color": 1}, 0)
    ok(acl.rt.free(memory))


def mistakes():
    assert acl.rt.malloc(0, 0)[1] != 0
    assert "aclrtMalloc" in acl.get_recent_err_msg()
    raises(TypeError, "takes 2 arguments (size, policy)", acl.rt.malloc)
    raises(TypeError, "size is str, expected a number", acl.rt.malloc, "8", 0)
    raises(TypeError, "dims is int, expected a list", acl.create_tensor_desc, FLOAT, 3, ND)
    raises(ValueError, "expected 64 bits", acl.rt.malloc, 1 << 70, 0)
    raises(TypeError, "expected a function", acl.rt.launch_callback, 3, None, 1, 0)
    raises(ValueError, "no number of a numpy type", acl.util.ptr_to_numpy, 1, (1,), 999)
    assert acl.util.stop_thread(12345) != 0


def strided():
    whole = np.arange(12, dtype=np.int32).reshape(3, 4)
    pointer = acl.util.numpy_contiguous_to_ptr(part := whole[:, ::2])
    assert acl.util.ptr_to_bytes(pointer, part.nbytes) == part.tobytes()
    assert acl.util.numpy_contiguous_to_ptr(whole) == acl.util.numpy_to_ptr(whole)


def main():
    ok(acl.init())
    ok(acl.rt.set_device(0))
    context = given(acl.rt.create_context(0))
    stream = given(acl.rt.create_stream())
    assert given(acl.rt.get_context()) == context
    assert acl.get_soc_name() == acl.rt.get_soc_name()
    operator(stream)
    callbacks(context, stream)
    structures()
    mistakes()
    strided()
    acl.app_log(1, "pyACL: 100 % done")
    ok(acl.rt.destroy_stream(stream))
    ok(acl.rt.destroy_context(context))
    ok(acl.rt.reset_device(0))
    ok(acl.finalize())
    print("pyACL fine")


main()
