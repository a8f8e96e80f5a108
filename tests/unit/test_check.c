/* ANYCANN_CHECK=streams: what it finds and what it says, and what it must not find. */
#include "client.h"

#include "aclnnop/aclnn_add.h"
#include "base/report.h"
#include "hccl/hccl.h"
#include <unistd.h>

static aclrtStream a, b;
static float *x, *y, *z; /* device memory */
static acn_report_slot *findings;
static char said[4096];

static int set_up(void **state) {
    OK(aclInit(NULL));
    OK(aclrtSetDevice(0));
    OK(aclrtCreateStream(&a));
    OK(aclrtCreateStream(&b));
    for (int i = 0; i < 3; i++)
        OK(aclrtMalloc((void **)(float **[]){&x, &y, &z}[i], 4096, ACL_MEM_MALLOC_NORMAL_ONLY));
    findings = acn_report_open("check", "streams without order");
    return 0;
}

static int tear_down(void **state) {
    for (int i = 0; i < 3; i++)
        OK(aclrtFree((float *[]){x, y, z}[i]));
    OK(aclrtDestroyStream(a));
    OK(aclrtDestroyStream(b));
    return aclFinalize();
}

/* What |run| is found guilty of; what is said about it lies in |said|. */
static long findings_of(void (*run)(void)) {
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    OK(aclrtSynchronizeDevice());
    uint64_t count = atomic_load(&findings->count);
    dup2(fileno(file), STDERR_FILENO);
    run();
    OK(aclrtSynchronizeDevice());
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    said[fread(said, 1, sizeof said - 1, file)] = 0;
    fclose(file);
    return (long)(atomic_load(&findings->count) - count);
}

static void says(const char *words) {
    if (!strstr(said, words)) fail_msg("\"%s\" is not in: %s", words, said);
}

/* to += from, on elements that are |step| apart */
static void add(float *to, float *from, int64_t count, int64_t step, aclrtStream stream) {
    aclTensor *t = client_view(to, ACL_FLOAT, 1, &count, &step),
              *f = client_view(from, ACL_FLOAT, 1, &count, &step);
    aclScalar *s = client_float(1);
    uint64_t workspace;
    aclOpExecutor *executor;
    OK(aclnnInplaceAddGetWorkspaceSize(t, f, s, &workspace, &executor));
    OK(aclnnInplaceAdd(NULL, 0, executor, stream));
    OK(aclDestroyTensor(t));
    OK(aclDestroyTensor(f));
    OK(aclDestroyScalar(s));
}

static void zero(void *to, aclrtStream stream) { OK(aclrtMemsetAsync(to, 64, 0, 64, stream)); }

static void order(aclrtStream before, aclrtStream after) {
    aclrtEvent event;
    OK(aclrtCreateEventExWithFlag(&event, ACL_EVENT_SYNC));
    OK(aclrtRecordEvent(event, before));
    OK(aclrtStreamWaitEvent(after, event));
    OK(aclrtDestroyEvent(event));
}

/* ---- what is found ------------------------------------------------------------------------------
 */

static void write_and_read(void) {
    zero(x + 32, a);
    add(y, x + 32, 4, 1, b);
}

static void both_are_named(void **state) {
    char words[128];
    int32_t first, second;
    OK(aclrtStreamGetId(a, &first));
    OK(aclrtStreamGetId(b, &second));
    assert_int_equal(findings_of(write_and_read), 1);
    says("aclrtMemsetAsync (stream ");
    says("aclnnInplaceAdd (stream ");
    says("at byte 128 of the ");
    snprintf(words, sizeof words,
             "record an event on stream %d after aclrtMemsetAsync and call aclrtStreamWaitEvent on "
             "stream %d before aclnnInplaceAdd",
             first, second);
    says(words);
    assert_int_equal(findings_of(write_and_read), 1);
    assert_string_equal(said, ""); /* it was told once */
}

static void two_writes(void) { zero(x, a), zero(x, b); }
static void read_and_write(void) { add(y, x, 4, 1, a), zero(x, b); }
static void two_reads(void) { add(y, x, 4, 1, a), add(z, x, 4, 1, b); }
static void wrong_direction(void) { order(b, a), zero(x, a), zero(x, b); }
static void order_comes_late(void) { zero(x, a), zero(x, b), order(a, b); }
static void host_reads_too_early(void) {
    float host[4];
    zero(x, a);
    OK(aclrtMemcpy(host, 16, x, 16, ACL_MEMCPY_DEVICE_TO_HOST));
}

static void unordered_accesses(void **state) {
    assert_int_equal(findings_of(two_writes), 1);
    assert_int_equal(findings_of(read_and_write), 1);
    assert_int_equal(findings_of(wrong_direction), 1);
    assert_int_equal(findings_of(order_comes_late), 1);
    assert_int_equal(findings_of(host_reads_too_early), 1);
    says("call aclrtSynchronizeStream");
    assert_int_equal(findings_of(two_reads), 0);
}

/* ---- what is not --------------------------------------------------------------------------------
 */

static void by_event(void) { zero(x, a), order(a, b), zero(x, b), order(b, a), zero(x, a); }
static void through_a_third(void) { zero(x, a), order(a, NULL), order(NULL, b), zero(x, b); }
static void by_the_host(void) {
    zero(x, a);
    OK(aclrtSynchronizeStream(a));
    zero(x, b);
}
static void by_asking(void) {
    aclrtStreamStatus status = ACL_STREAM_STATUS_NOT_READY;
    zero(x, a);
    while (status != ACL_STREAM_STATUS_COMPLETE)
        OK(aclrtStreamQuery(a, &status));
    zero(x, b);
}
static void by_a_value(void) {
    OK(aclrtMemset(z, 8, 0, 8));
    OK(aclrtValueWait(z, 1, 1, b));
    zero(x, b);
    zero(y, a);
    OK(aclrtValueWrite(z, 1, 0, a));
    OK(aclrtSynchronizeStream(b));
    zero(y, NULL);
}
static void by_an_event_of_later(void) {
    aclrtEvent event;
    OK(aclrtCreateEvent(&event));
    OK(aclrtStreamWaitEvent(b, event));
    zero(x, b);
    zero(x, a);
    OK(aclrtRecordEvent(event, a));
    OK(aclrtSynchronizeStream(b));
    OK(aclrtDestroyEvent(event));
}
static void different_columns(void) { add(x, y, 100, 2, a), add(x + 1, y + 1, 100, 2, b); }
static void neighbours(void) { zero(x, a), zero(x + 16, b); }
static void memory_of_another_time(void) {
    void *first, *second;
    OK(aclrtMalloc(&first, 1 << 21, ACL_MEM_MALLOC_NORMAL_ONLY));
    zero(first, a);
    OK(aclrtFree(first));
    OK(aclrtMalloc(&second, 1 << 21, ACL_MEM_MALLOC_NORMAL_ONLY));
    assert_ptr_equal(first, second);
    zero(second, b);
    OK(aclrtFree(second));
}
static void copies_that_wait(void) {
    float host[16] = {0};
    zero(x, a);
    OK(aclrtMemcpyAsync(host, 64, x, 64, ACL_MEMCPY_DEVICE_TO_HOST, a));
    zero(x, b);
}

static void ordered_accesses(void **state) {
    void (*const all[])(void) = {by_event,          through_a_third, by_the_host,
                                 by_asking,         by_a_value,      by_an_event_of_later,
                                 different_columns, neighbours,      memory_of_another_time,
                                 copies_that_wait};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (findings_of(all[i]) != 0) fail_msg("case %zu: %s", i, said);
}

/* ---- graphs -------------------------------------------------------------------------------------
 */

static aclmdlRI fork_and_join(bool ordered) {
    aclmdlRI model;
    OK(aclmdlRICaptureBegin(a, ACL_MODEL_RI_CAPTURE_MODE_GLOBAL));
    order(a, b);
    zero(x, b);
    if (ordered) order(b, a);
    zero(x, a);
    if (!ordered) order(b, a);
    OK(aclmdlRICaptureEnd(a, &model));
    return model;
}

static aclmdlRI good, bad;
static void replay_good(void) {
    OK(aclmdlRIExecuteAsync(good, a));
    OK(aclmdlRIExecuteAsync(good, a));
}
static void replay_bad(void) { OK(aclmdlRIExecuteAsync(bad, a)); }
static void replay_beside_a_task(void) {
    zero(x, b);
    OK(aclmdlRIExecuteAsync(good, a));
}

static void replays_are_looked_into(void **state) {
    good = fork_and_join(true), bad = fork_and_join(false);
    assert_int_equal(findings_of(replay_good), 0);
    assert_int_equal(findings_of(replay_bad), 1);
    assert_int_equal(findings_of(replay_beside_a_task), 1);
    OK(aclmdlRIDestroy(good));
    OK(aclmdlRIDestroy(bad));
}

/* ---- collectives --------------------------------------------------------------------------------
 */

static HcclComm comm;
static void reduce(float *from, float *to) {
    OK((int)HcclAllReduce(from, to, 16, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_SUM, comm, a));
}
static void reduce_into(void) { reduce(y, x), zero(x, b); }
static void reduce_from(void) { reduce(x, y), zero(x, b); }
static void reduce_in_order(void) {
    reduce(x, y), order(a, b), zero(x, b), zero(y, b), order(b, a);
}
static void send_and_write(void) {
    OK((int)HcclGroupStart());
    OK((int)HcclSend(x, 16, HCCL_DATA_TYPE_FP32, 0, comm, a));
    OK((int)HcclRecv(y, 16, HCCL_DATA_TYPE_FP32, 0, comm, a));
    OK((int)HcclGroupEnd());
    zero(x, b);
}

static void collectives_are_looked_into(void **state) {
    int32_t device = 0;
    OK((int)HcclCommInitAll(1, &device, &comm));
    assert_int_equal(findings_of(reduce_into), 1);
    says("AllReduce (stream ");
    assert_int_equal(findings_of(reduce_from), 1);
    assert_int_equal(findings_of(reduce_in_order), 0);
    assert_int_equal(findings_of(send_and_write), 1);
    OK((int)HcclCommDestroy(comm));
}

int main(void) {
    setenv("ANYCANN_CHECK", "streams", 1);
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(both_are_named),
        CLIENT_TEST(unordered_accesses),
        CLIENT_TEST(ordered_accesses),
        CLIENT_TEST(replays_are_looked_into),
        CLIENT_TEST(collectives_are_looked_into),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
