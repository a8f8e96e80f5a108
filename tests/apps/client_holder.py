"""Holds everything that processes can share, says so, and waits to be killed."""

import sys
import time

import acl

PINNED, DEVICE, IPC_EVENT = 0, 1, 0x40


def given(answers):
    *values, ret = answers
    assert ret == 0, acl.get_recent_err_msg()
    return values[0] if len(values) == 1 else values


def main():
    assert acl.init() == 0 and acl.rt.set_device(0) == 0
    stream = given(acl.rt.create_stream())
    memory = given(acl.rt.malloc(1 << 20, 0))
    given(acl.rt.ipc_mem_get_export_key(memory, 1 << 20, 65, 0))
    prop = {"handleType": 0, "allocationType": PINNED, "memAttr": 1,
            "location": {"id": 0, "type": DEVICE}}  # fmt: skip
    handle = given(acl.rt.malloc_physical(2 << 20, prop, 0))
    given(acl.rt.mem_export_to_shareable_handle(handle, 0, 1))
    place = given(acl.rt.reserve_mem_address(2 << 20, 0, 0, 0))
    assert acl.rt.map_mem(place, 2 << 20, 0, handle, 0) == 0
    event = given(acl.rt.create_event_ex_with_flag(IPC_EVENT))
    given(acl.rt.ipc_get_event_handle(event))
    notify = given(acl.rt.create_notify(0))
    given(acl.rt.notify_get_export_key(notify, 65, 0))
    given(acl.rt.mem_alloc_managed(4096, 1))
    given(acl.rt.malloc_host(4096))
    print("holding", flush=True)
    while True:  # work goes on, too
        assert acl.rt.memset_async(memory, 1 << 20, 1, 1 << 20, stream) == 0
        if len(sys.argv) > 1:
            assert acl.rt.synchronize_stream(stream) == 0
        else:
            time.sleep(0.01)


main()
