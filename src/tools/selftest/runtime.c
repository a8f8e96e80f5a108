/* runtime.c - devices, memory, streams and events, as a client sees them. */
#include "tools/selftest/selftest.h"
#include <stdio.h>
#include <string.h>

enum { BYTES = 1 << 20 };

static bool fail(acn_cause *cause, const char *text) {
    snprintf(cause->text, sizeof cause->text, "%s", text);
    return false;
}

bool acn_selftest_devices(acn_cause *cause) {
    uint32_t count = 0;
    ACN_OK_OR_FAIL(aclrtGetDeviceCount(&count));
    if (count == 0) return fail(cause, "there is no device");
    if (!acl.aclrtGetSocName()) return fail(cause, "the device has no name");
    for (uint32_t i = count; i-- > 0;) /* ends on device 0, which the other parts use */
        ACN_OK_OR_FAIL(aclrtSetDevice((int32_t)i));
    return true;
}

static void fill_pattern(unsigned char *bytes) {
    for (int i = 0; i < BYTES; i++)
        bytes[i] = (unsigned char)(i * 31 + (i >> 8));
}

/* To one device buffer, on to the next, and back. */
bool acn_selftest_memory(acn_cause *cause) {
    void *first, *second, *host, *back;
    size_t before, total, meanwhile;
    ACN_OK_OR_FAIL(aclrtGetMemInfo(ACL_HBM_MEM, &before, &total));
    ACN_OK_OR_FAIL(aclrtMallocHost(&host, BYTES));
    ACN_OK_OR_FAIL(aclrtMallocHost(&back, BYTES));
    ACN_OK_OR_FAIL(aclrtMalloc(&first, BYTES, ACL_MEM_MALLOC_HUGE_FIRST));
    ACN_OK_OR_FAIL(aclrtMalloc(&second, BYTES, ACL_MEM_MALLOC_HUGE_FIRST));
    ACN_OK_OR_FAIL(aclrtGetMemInfo(ACL_HBM_MEM, &meanwhile, &total));
    if (before - meanwhile < 2 * BYTES) return fail(cause, "allocated memory is not counted");
    fill_pattern(host);
    memset(back, 0, BYTES);
    ACN_OK_OR_FAIL(aclrtMemcpy(first, BYTES, host, BYTES, ACL_MEMCPY_HOST_TO_DEVICE));
    ACN_OK_OR_FAIL(aclrtMemcpy(second, BYTES, first, BYTES, ACL_MEMCPY_DEVICE_TO_DEVICE));
    ACN_OK_OR_FAIL(aclrtMemset(first, BYTES, 0, BYTES));
    ACN_OK_OR_FAIL(aclrtMemcpy(back, BYTES, second, BYTES, ACL_MEMCPY_DEVICE_TO_HOST));
    if (memcmp(host, back, BYTES) != 0) return fail(cause, "copied memory has changed");
    ACN_OK_OR_FAIL(aclrtFree(first));
    ACN_OK_OR_FAIL(aclrtFree(second));
    ACN_OK_OR_FAIL(aclrtFreeHost(host));
    ACN_OK_OR_FAIL(aclrtFreeHost(back));
    ACN_OK_OR_FAIL(aclrtGetMemInfo(ACL_HBM_MEM, &meanwhile, &total));
    return before == meanwhile || fail(cause, "freed memory is not counted");
}

/* One stream writes, the other reads when an event says so, many times over. */
bool acn_selftest_streams(acn_cause *cause) {
    enum { ROUNDS = 50, PART = BYTES / 4 };
    aclrtStream writer, reader;
    aclrtEvent written, read;
    void *device, *host;
    ACN_OK_OR_FAIL(aclrtCreateStream(&writer));
    ACN_OK_OR_FAIL(aclrtCreateStream(&reader));
    ACN_OK_OR_FAIL(aclrtCreateEvent(&written));
    ACN_OK_OR_FAIL(aclrtCreateEvent(&read));
    ACN_OK_OR_FAIL(aclrtMalloc(&device, PART, ACL_MEM_MALLOC_HUGE_FIRST));
    ACN_OK_OR_FAIL(aclrtMallocHost(&host, ROUNDS * PART));
    for (int i = 0; i < ROUNDS; i++) {
        char *place = (char *)host + (size_t)i * PART;
        if (i > 0) ACN_OK_OR_FAIL(aclrtStreamWaitEvent(writer, read));
        ACN_OK_OR_FAIL(aclrtMemsetAsync(device, PART, i, PART, writer));
        ACN_OK_OR_FAIL(aclrtRecordEvent(written, writer));
        ACN_OK_OR_FAIL(aclrtStreamWaitEvent(reader, written));
        ACN_OK_OR_FAIL(
            aclrtMemcpyAsync(place, PART, device, PART, ACL_MEMCPY_DEVICE_TO_HOST, reader));
        ACN_OK_OR_FAIL(aclrtRecordEvent(read, reader));
    }
    ACN_OK_OR_FAIL(aclrtSynchronizeStream(reader));
    for (size_t i = 0; i < (size_t)ROUNDS * PART; i += PART / 8)
        if (((unsigned char *)host)[i] != i / PART) return fail(cause, "streams ran out of order");
    ACN_OK_OR_FAIL(aclrtFree(device));
    ACN_OK_OR_FAIL(aclrtFreeHost(host));
    ACN_OK_OR_FAIL(aclrtDestroyEvent(written));
    ACN_OK_OR_FAIL(aclrtDestroyEvent(read));
    ACN_OK_OR_FAIL(aclrtDestroyStream(writer));
    ACN_OK_OR_FAIL(aclrtDestroyStream(reader));
    return true;
}

/* Time passes between two events, and a wait for the second means that the first has happened. */
bool acn_selftest_events(acn_cause *cause) {
    aclrtStream stream;
    aclrtEvent start, end;
    void *device;
    float milliseconds = -1;
    ACN_OK_OR_FAIL(aclrtCreateStream(&stream));
    ACN_OK_OR_FAIL(aclrtCreateEvent(&start));
    ACN_OK_OR_FAIL(aclrtCreateEvent(&end));
    ACN_OK_OR_FAIL(aclrtMalloc(&device, BYTES, ACL_MEM_MALLOC_HUGE_FIRST));
    ACN_OK_OR_FAIL(aclrtRecordEvent(start, stream));
    ACN_OK_OR_FAIL(aclrtMemsetAsync(device, BYTES, 1, BYTES, stream));
    ACN_OK_OR_FAIL(aclrtRecordEvent(end, stream));
    ACN_OK_OR_FAIL(aclrtSynchronizeEvent(end));
    ACN_OK_OR_FAIL(aclrtEventElapsedTime(&milliseconds, start, end));
    if (!(milliseconds > 0)) return fail(cause, "no time passes between two events");
    ACN_OK_OR_FAIL(aclrtFree(device));
    ACN_OK_OR_FAIL(aclrtDestroyEvent(start));
    ACN_OK_OR_FAIL(aclrtDestroyEvent(end));
    ACN_OK_OR_FAIL(aclrtDestroyStream(stream));
    return true;
}
