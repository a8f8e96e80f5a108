/* main.c - measures one collective; see hccl_test.h. */
#include "hccl_test.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char test_name[] = HCCL_TEST_NAME;

void test_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s_test: ", test_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void must(int code, const char *what) {
    if (code != 0) test_fail("%s answers %d: %s", what, code, aclGetRecentErrMsg());
}
#define MUST(call) must((int)(call), #call)

static int32_t device_of(const test_options *options, uint32_t rank) {
    const char *list = getenv("HCCL_TEST_USE_DEVS");
    uint32_t count = 0;
    int32_t devices[1024];
    for (; list != NULL && *list != '\0' && count < 1024; count++) {
        char *end;
        devices[count] = (int32_t)strtol(list, &end, 10);
        if (end == list) test_fail("HCCL_TEST_USE_DEVS=%s is no list of devices", list);
        list = *end == ',' ? end + 1 : end;
    }
    if (count > 0) return devices[rank % count];
    count = options->devices;
    if (count == 0) MUST(aclrtGetDeviceCount(&count));
    return (int32_t)(rank % count);
}

static void join(test_run *run, test_launch *launch) {
    HcclRootInfo root;
    MUST(aclInit(NULL));
    MUST(aclrtSetDevice(device_of(run->options, run->rank)));
    MUST(aclrtCreateStream(&run->stream));
    if (run->rank == 0) MUST(HcclGetRootInfo(&root));
    test_launch_share(launch, &root);
    MUST(HcclCommInitRootInfo(run->ranks, &root, run->rank, &run->comm));
    test_launch_met(launch);
}

static void make_room(test_run *run) {
    uint64_t bytes = test_case_room(run->options->max_bytes, run->ranks);
    size_t cells = (size_t)run->ranks * run->ranks;
    MUST(aclrtMalloc(&run->in, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    MUST(aclrtMalloc(&run->out, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    MUST(aclrtMemset(run->out, bytes, 0, bytes));
    run->shares = calloc(3 * cells, sizeof *run->shares);
    if (run->shares == NULL) test_fail("no memory");
    run->before_in_row = run->shares + cells;
    run->before_in_column = run->shares + 2 * cells;
}

static void call(const test_run *run, unsigned times) {
    for (unsigned i = 0; i < times; i++)
        MUST(test_case_call(run));
}

/* One call on numbers that no call before had. Returns how many results of this rank are wrong. */
static uint64_t check(const test_run *run, uint32_t round) {
    uint64_t in_count = test_case_inputs(run), in_bytes = in_count * run->options->type->bytes;
    uint64_t room = test_case_room(run->options->max_bytes, run->ranks);
    void *host;
    MUST(aclrtMallocHost(&host, room));
    test_numbers_fill(run, host, in_count, round);
    if (in_bytes > 0) MUST(aclrtMemcpy(run->in, room, host, in_bytes, ACL_MEMCPY_HOST_TO_DEVICE));
    MUST(aclrtMemset(run->out, room, 0xa5, room));
    call(run, 1);
    MUST(aclrtSynchronizeStream(run->stream));
    MUST(aclrtMemcpy(host, room, run->out, room, ACL_MEMCPY_DEVICE_TO_HOST));
    uint64_t wrong = test_numbers_check(run, host, round);
    MUST(aclrtFreeHost(host));
    return wrong;
}

static float measure_us(const test_run *run) {
    aclrtEvent start, end;
    float ms = 0;
    MUST(aclrtCreateEventWithFlag(&start, ACL_EVENT_TIME_LINE));
    MUST(aclrtCreateEventWithFlag(&end, ACL_EVENT_TIME_LINE));
    call(run, run->options->warm_ups);
    MUST(HcclBarrier(run->comm, run->stream));
    MUST(aclrtSynchronizeStream(run->stream));
    MUST(aclrtRecordEvent(start, run->stream));
    call(run, run->options->iterations);
    MUST(aclrtRecordEvent(end, run->stream));
    MUST(aclrtSynchronizeStream(run->stream));
    MUST(aclrtEventElapsedTime(&ms, start, end));
    MUST(aclrtDestroyEvent(start));
    MUST(aclrtDestroyEvent(end));
    return ms * 1e3f / (float)run->options->iterations;
}

/* Of all ranks, the largest of each. */
static void gather_worst(const test_run *run, float *time_us, float *wrong) {
    float numbers[2] = {*time_us, *wrong};
    void *memory;
    MUST(aclrtMalloc(&memory, 64, ACL_MEM_MALLOC_HUGE_FIRST));
    MUST(aclrtMemcpy(memory, 64, numbers, sizeof numbers, ACL_MEMCPY_HOST_TO_DEVICE));
    MUST(HcclAllReduce(memory, memory, 2, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_MAX, run->comm,
                       run->stream));
    MUST(aclrtSynchronizeStream(run->stream));
    MUST(aclrtMemcpy(numbers, sizeof numbers, memory, sizeof numbers, ACL_MEMCPY_DEVICE_TO_HOST));
    MUST(aclrtFree(memory));
    *time_us = numbers[0];
    *wrong = numbers[1];
}

static bool measure_size(test_run *run, uint64_t bytes, uint32_t round) {
    bool checks = run->options->check > 0 && test_numbers_are_exact(run);
    test_case_size(run, bytes);
    float wrong = checks ? (float)check(run, round) : 0, time_us = measure_us(run);
    gather_worst(run, &time_us, &wrong);
    if (run->rank == 0) {
        double gb_s = time_us > 0 ? (double)test_case_bytes(run) / (double)time_us * 1e-3 : 0;
        printf("%-17llu | %-14.2f | %-20.5f | %s\n", (unsigned long long)test_case_bytes(run),
               (double)time_us, gb_s,
               !checks     ? "NULL"
               : wrong > 0 ? "failed"
                           : "success");
        fflush(stdout);
    }
    return wrong == 0;
}

static bool measure(test_run *run) {
    const test_options *o = run->options;
    bool is_right = true;
    uint32_t round = 0;
    if (run->rank == 0) {
        printf("the minbytes is %llu, maxbytes is %llu, iters is %d, warmup_iters is %d\n",
               (unsigned long long)o->min_bytes, (unsigned long long)o->max_bytes,
               (int)o->iterations, (int)o->warm_ups);
        printf("%-15s | %-12s | %-18s | %s\n",
               "data_size(Bytes):", "aveg_time(us):", "alg_bandwidth(GB/s):", "check_result:");
        fflush(stdout);
    }
    for (uint64_t bytes = o->min_bytes; bytes <= o->max_bytes;) {
        is_right &= measure_size(run, bytes, ++round);
        if (o->step_factor == 0 && o->step_bytes == 0) break;
        uint64_t next = o->step_factor > 0 ? bytes * o->step_factor : bytes + o->step_bytes;
        bytes = next > bytes ? next : bytes + 1; /* 0 times anything */
    }
    return is_right;
}

int main(int argc, char **argv) {
    test_options options;
    test_options_read(&options, argc, argv);
    test_launch *launch = test_launch_begin(&options);
    test_run run = {.options = &options, .test = test_case_find(test_name)};
    run.rank = test_launch_rank(launch);
    run.ranks = test_launch_ranks(launch);
    if (run.test == NULL) test_fail("no such collective");
    if (options.root >= run.ranks)
        test_fail("-r is %u; expected a rank from 0 to %u", options.root, run.ranks - 1);
    join(&run, launch);
    make_room(&run);
    bool is_right = measure(&run);
    MUST(HcclCommDestroy(run.comm));
    MUST(aclrtDestroyStream(run.stream));
    MUST(aclFinalize());
    free(run.shares);
    return test_launch_end(launch, is_right ? 0 : 1);
}
