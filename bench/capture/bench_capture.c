/* bench_capture.c - what a replay adds to each captured task, what it saves against making the
 * calls again, and what ANYCANN_CHECK=streams costs (run it once more with that set). */
#include "acl/acl.h"
#include "aclnnop/aclnn_add.h"
#include "base/thread.h"
#include "runtime/stream.h"
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 21, NODES = 1000, LIMIT_NS = 200 };

static aclrtStream stream, side;
static aclrtEvent fork_event, join_event;
static float *x, *y;

static void must(int code, const char *what) {
    if (code == 0) return;
    const char *text = aclGetRecentErrMsg();
    fprintf(stderr, "%s answered %d: %s\n", what, code, text != NULL ? text : "");
    exit(1);
}

#define MUST(call) must(call, #call)

static int by_size(const void *a, const void *b) {
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

/* Median nanoseconds of one of the NODES tasks that |run| brings to an end. */
static double time_nodes(void (*run)(void *), void *data) {
    double times[ROUNDS];
    run(data);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start = acn_clock_ns();
        run(data);
        times[i] = (double)(acn_clock_ns() - start) / NODES;
    }
    qsort(times, ROUNDS, sizeof *times, by_size);
    return times[ROUNDS / 2];
}

static acn_status nothing(void *data) { return data == NULL ? ACN_INTERNAL : ACN_OK; }

static void empty_tasks(void) {
    acn_task task = {.run = nothing, .data = &stream, .name = "nothing"};
    for (int i = 0; i < NODES; i++)
        acn_stream_submit(stream, &task);
}

static void fills(void) {
    for (int i = 0; i < NODES; i++)
        MUST(aclrtMemsetAsync(x, 64, 0, 64, stream));
}

/* Two streams that take turns. */
static void forks(void) {
    for (int i = 0; i < NODES / 4; i++) {
        MUST(aclrtRecordEvent(fork_event, stream));
        MUST(aclrtStreamWaitEvent(side, fork_event));
        MUST(aclrtMemsetAsync(x, 64, 0, 64, side));
        MUST(aclrtMemsetAsync(y, 64, 0, 64, stream));
        MUST(aclrtRecordEvent(join_event, side));
        MUST(aclrtStreamWaitEvent(stream, join_event));
    }
}

static void adds(void) {
    int64_t count = 16, step = 1;
    float one = 1;
    aclTensor *t = aclCreateTensor(&count, 1, ACL_FLOAT, &step, 0, ACL_FORMAT_ND, NULL, 0, x);
    aclTensor *f = aclCreateTensor(&count, 1, ACL_FLOAT, &step, 0, ACL_FORMAT_ND, NULL, 0, y);
    aclScalar *alpha = aclCreateScalar(&one, ACL_FLOAT);
    for (int i = 0; i < NODES; i++) {
        uint64_t workspace;
        aclOpExecutor *executor;
        MUST(aclnnInplaceAddGetWorkspaceSize(t, f, alpha, &workspace, &executor));
        MUST(aclnnInplaceAdd(NULL, 0, executor, stream));
    }
    aclDestroyTensor(t);
    aclDestroyTensor(f);
    aclDestroyScalar(alpha);
}

static void eagerly(void *calls) {
    ((void (*)(void))calls)();
    MUST(aclrtSynchronizeStream(stream));
}

static void replay(void *model) {
    MUST(aclmdlRIExecuteAsync(model, stream));
    MUST(aclrtSynchronizeStream(stream));
}

static double compare(const char *name, void (*calls)(void)) {
    aclmdlRI model;
    MUST(aclmdlRICaptureBegin(stream, ACL_MODEL_RI_CAPTURE_MODE_GLOBAL));
    calls();
    MUST(aclmdlRICaptureEnd(stream, &model));
    double eager = time_nodes(eagerly, (void *)calls), replayed = time_nodes(replay, model);
    printf("%-34s %8.0f ns a call   %8.0f ns a node replayed   %.2f\n", name, eager, replayed,
           replayed / eager);
    MUST(aclmdlRIDestroy(model));
    return replayed;
}

int main(void) {
    MUST(aclInit(NULL));
    MUST(aclrtSetDevice(0));
    MUST(aclrtCreateStream(&stream));
    MUST(aclrtCreateStream(&side));
    MUST(aclrtCreateEventExWithFlag(&fork_event, ACL_EVENT_SYNC));
    MUST(aclrtCreateEventExWithFlag(&join_event, ACL_EVENT_SYNC));
    MUST(aclrtMalloc((void **)&x, 4096, ACL_MEM_MALLOC_HUGE_FIRST));
    MUST(aclrtMalloc((void **)&y, 4096, ACL_MEM_MALLOC_HUGE_FIRST));
    double added = compare("tasks that do nothing", empty_tasks);
    compare("aclrtMemsetAsync of 64 bytes", fills);
    compare("aclnnInplaceAdd of 16 elements", adds);
    compare("two streams that take turns", forks);
    printf("a replay adds %.0f ns to each task; the limit is %d ns\n", added, LIMIT_NS);
    return added > LIMIT_NS;
}
