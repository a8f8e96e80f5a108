/* hello_device.c - device, context, two streams, events and asynchronous copies: a block of numbers
 * goes to the device on one stream, is copied there by another, and comes back. Plain CANN: the
 * same file builds and runs on an Ascend machine.
 *
 *   gcc hello_device.c -I$ASCEND_HOME_PATH/include -L$ASCEND_HOME_PATH/lib64 -lascendcl \
 *       -o hello_device
 */
#include "acl/acl.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        aclError check_code = (call);                                                              \
        if (check_code != ACL_SUCCESS) {                                                           \
            const char *check_text = aclGetRecentErrMsg();                                         \
            fprintf(stderr, "%s: error %d\n%s\n", #call, check_code,                               \
                    check_text ? check_text : "");                                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { COUNT = 1 << 20 };

int main(void) {
    const size_t bytes = COUNT * sizeof(float);
    uint32_t devices = 0;
    size_t memory_free = 0, memory_total = 0;
    aclrtContext context;
    aclrtStream up, down;
    aclrtEvent begin, copied, end;
    float *host, *first, *second;

    CHECK(aclInit(NULL));
    CHECK(aclrtGetDeviceCount(&devices));
    CHECK(aclrtSetDevice(0));
    CHECK(aclrtCreateContext(&context, 0));
    CHECK(aclrtGetMemInfo(ACL_HBM_MEM, &memory_free, &memory_total));
    printf("%u device(s), %s, %zu MiB of memory\n", devices, aclrtGetSocName(), memory_total >> 20);

    CHECK(aclrtCreateStream(&up));
    CHECK(aclrtCreateStream(&down));
    CHECK(aclrtCreateEvent(&begin));
    CHECK(aclrtCreateEvent(&copied));
    CHECK(aclrtCreateEvent(&end));
    CHECK(aclrtMallocHost((void **)&host, 2 * bytes));
    CHECK(aclrtMalloc((void **)&first, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    CHECK(aclrtMalloc((void **)&second, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    for (int i = 0; i < COUNT; i++)
        host[i] = (float)i;

    /* None of these waits; the second stream starts when the first has passed its event. */
    CHECK(aclrtRecordEvent(begin, up));
    CHECK(aclrtMemcpyAsync(first, bytes, host, bytes, ACL_MEMCPY_HOST_TO_DEVICE, up));
    CHECK(aclrtMemcpyAsync(second, bytes, first, bytes, ACL_MEMCPY_DEVICE_TO_DEVICE, up));
    CHECK(aclrtMemsetAsync(second, bytes, 0, sizeof(float), up));
    CHECK(aclrtRecordEvent(copied, up));
    CHECK(aclrtStreamWaitEvent(down, copied));
    CHECK(aclrtMemcpyAsync(host + COUNT, bytes, second, bytes, ACL_MEMCPY_DEVICE_TO_HOST, down));
    CHECK(aclrtRecordEvent(end, down));
    CHECK(aclrtSynchronizeEvent(end));

    float milliseconds = 0;
    int wrong = host[COUNT] != 0;
    CHECK(aclrtEventElapsedTime(&milliseconds, begin, end));
    for (int i = 1; i < COUNT; i++)
        wrong += host[COUNT + i] != (float)i;
    printf("%d numbers there and back in %.3f ms, %d wrong\n", COUNT, milliseconds, wrong);

    CHECK(aclrtFree(second));
    CHECK(aclrtFree(first));
    CHECK(aclrtFreeHost(host));
    CHECK(aclrtDestroyEvent(end));
    CHECK(aclrtDestroyEvent(copied));
    CHECK(aclrtDestroyEvent(begin));
    CHECK(aclrtDestroyStream(down));
    CHECK(aclrtDestroyStream(up));
    CHECK(aclrtDestroyContext(context));
    CHECK(aclrtResetDevice(0));
    CHECK(aclFinalize());
    return wrong != 0;
}
