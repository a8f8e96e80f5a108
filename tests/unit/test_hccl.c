/* Collectives through the public functions: ranks are threads here, and processes where one of them
 * has to die. Results are compared with sums in double precision. */
#include "ranks.h"

#include "base/half.h"
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Numbers. */

static const struct type {
    HcclDataType code;
    size_t bytes;
} types[] = {
    {HCCL_DATA_TYPE_INT8, 1},   {HCCL_DATA_TYPE_INT16, 2}, {HCCL_DATA_TYPE_INT32, 4},
    {HCCL_DATA_TYPE_FP16, 2},   {HCCL_DATA_TYPE_FP32, 4},  {HCCL_DATA_TYPE_INT64, 8},
    {HCCL_DATA_TYPE_UINT64, 8}, {HCCL_DATA_TYPE_UINT8, 1}, {HCCL_DATA_TYPE_UINT16, 2},
    {HCCL_DATA_TYPE_UINT32, 4}, {HCCL_DATA_TYPE_FP64, 8},  {HCCL_DATA_TYPE_BFP16, 2},
};

static void put(void *at, HcclDataType type, size_t i, double x) {
    switch (type) {
    case HCCL_DATA_TYPE_INT8:
        ((int8_t *)at)[i] = (int8_t)x;
        return;
    case HCCL_DATA_TYPE_UINT8:
        ((uint8_t *)at)[i] = (uint8_t)x;
        return;
    case HCCL_DATA_TYPE_INT16:
        ((int16_t *)at)[i] = (int16_t)x;
        return;
    case HCCL_DATA_TYPE_UINT16:
        ((uint16_t *)at)[i] = (uint16_t)x;
        return;
    case HCCL_DATA_TYPE_INT32:
        ((int32_t *)at)[i] = (int32_t)x;
        return;
    case HCCL_DATA_TYPE_UINT32:
        ((uint32_t *)at)[i] = (uint32_t)x;
        return;
    case HCCL_DATA_TYPE_INT64:
        ((int64_t *)at)[i] = (int64_t)x;
        return;
    case HCCL_DATA_TYPE_UINT64:
        ((uint64_t *)at)[i] = (uint64_t)x;
        return;
    case HCCL_DATA_TYPE_FP16:
        ((uint16_t *)at)[i] = acn_f32_to_f16((float)x);
        return;
    case HCCL_DATA_TYPE_BFP16:
        ((uint16_t *)at)[i] = acn_f32_to_bf16((float)x);
        return;
    case HCCL_DATA_TYPE_FP32:
        ((float *)at)[i] = (float)x;
        return;
    default:
        ((double *)at)[i] = x;
    }
}

/* Small whole numbers: all types hold them and their sums and products of four exactly. */
static double number(uint32_t rank_id, size_t i) { return (double)((i * 7 + rank_id * 3) % 3 + 1); }

static double combined(HcclReduceOp op, uint32_t ranks, size_t i) {
    double x = number(0, i);
    for (uint32_t r = 1; r < ranks; r++) {
        double y = number(r, i);
        if (op == HCCL_REDUCE_SUM) x += y;
        if (op == HCCL_REDUCE_PROD) x *= y;
        if (op == HCCL_REDUCE_MAX) x = x > y ? x : y;
        if (op == HCCL_REDUCE_MIN) x = x < y ? x : y;
    }
    return x;
}

static void fill(void *at, const struct type *type, uint32_t rank_id, size_t count) {
    for (size_t i = 0; i < count; i++)
        put(at, type->code, i, number(rank_id, i));
}

static void check(const void *at, const struct type *type, size_t i, double x) {
    char wanted[8];
    put(wanted, type->code, 0, x);
    if (memcmp((const char *)at + i * type->bytes, wanted, type->bytes) != 0)
        fail_msg("type %d, element %zu is not %g", (int)type->code, i, x);
}

static const size_t counts[] = {1, 17, 1000, 100003};

static void all_reduce(rank *r) {
    for (size_t t = 0; t < COUNT_OF(types); t++)
        for (int op = HCCL_REDUCE_SUM; op <= HCCL_REDUCE_MIN; op++)
            for (size_t c = 0; c < COUNT_OF(counts); c++) {
                size_t n = counts[c];
                void *in = device_memory(n * 8), *out = r->argument ? in : device_memory(n * 8);
                fill(in, &types[t], r->id, n);
                OK((int)HcclAllReduce(in, out, n, types[t].code, (HcclReduceOp)op, r->comm,
                                      r->stream));
                wait_for(r);
                for (size_t i = 0; i < n; i += 1 + n / 97)
                    check(out, &types[t], i, combined((HcclReduceOp)op, r->count, i));
                OK(aclrtFree(in));
                if (out != in) OK(aclrtFree(out));
            }
}

static void all_reduce_of_all_types(void **state) {
    for (uint32_t ranks = 1; ranks <= RANKS; ranks++)
        on_ranks(ranks, all_reduce, (int)ranks % 2);
}

/* The others, in f32: element i of rank r is 1000 r + i. */

static float *numbers(const rank *r, size_t n) {
    float *memory = device_memory(n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        memory[i] = (float)(1000 * r->id + i);
    return memory;
}

static void gathers(rank *r) {
    size_t n = 333, p = r->count;
    float *in = numbers(r, n * p), *out = device_memory(n * p * sizeof(float));
    OK((int)HcclAllGather(in, out, n, HCCL_DATA_TYPE_FP32, r->comm, r->stream));
    wait_for(r);
    for (size_t i = 0; i < n * p; i++)
        assert_true(out[i] == (float)(1000 * (i / n) + i % n));
    OK((int)HcclAlltoAll(in, n, HCCL_DATA_TYPE_FP32, out, n, HCCL_DATA_TYPE_FP32, r->comm,
                         r->stream));
    wait_for(r);
    for (size_t i = 0; i < n * p; i++)
        assert_true(out[i] == (float)(1000 * (i / n) + r->id * n + i % n));
    OK((int)HcclReduceScatter(in, out, n, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_SUM, r->comm,
                              r->stream));
    wait_for(r);
    for (size_t i = 0; i < n; i++)
        assert_true(out[i] == (float)(500 * p * (p - 1) + p * (r->id * n + i)));
    OK((int)HcclBarrier(r->comm, r->stream));
    wait_for(r);
    OK(aclrtFree(in));
    OK(aclrtFree(out));
}

static void rooted(rank *r) {
    size_t n = 20011, p = r->count;
    float *in = numbers(r, n * p), *out = device_memory(n * p * sizeof(float));
    for (uint32_t root = 0; root < p; root++) {
        OK((int)HcclScatter(r->id == root ? in : NULL, out, n, HCCL_DATA_TYPE_FP32, root, r->comm,
                            r->stream));
        wait_for(r);
        for (size_t i = 0; i < n; i++)
            assert_true(out[i] == (float)(1000 * root + r->id * n + i));
        OK((int)HcclReduce(in, r->id == root ? out : NULL, n, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_MAX,
                           root, r->comm, r->stream));
        wait_for(r);
        for (size_t i = 0; r->id == root && i < n; i++)
            assert_true(out[i] == (float)(1000 * (p - 1) + i));
        memcpy(out, in, n * sizeof(float));
        OK((int)HcclBroadcast(out, n, HCCL_DATA_TYPE_FP32, root, r->comm, r->stream));
        wait_for(r);
        for (size_t i = 0; i < n; i++)
            assert_true(out[i] == (float)(1000 * root + i));
    }
    OK(aclrtFree(in));
    OK(aclrtFree(out));
}

/* Small and large ones of several kinds, queued: what one leaves in scratch memory is still read by
 * slower ranks when the next one begins. */
static void follow(rank *r) {
    enum { N = 333, LARGE = 30000, CALLS = 100 };
    size_t p = r->count;
    float *in = numbers(r, N * p), *out = device_memory(CALLS * N * p * sizeof(float)),
          *part = device_memory(CALLS * N * sizeof(float)), *large = numbers(r, LARGE);
    for (size_t call = 0; call < CALLS; call++) {
        OK((int)HcclAlltoAll(in, N, HCCL_DATA_TYPE_FP32, out + call * N * p, N, HCCL_DATA_TYPE_FP32,
                             r->comm, r->stream));
        OK((int)HcclReduceScatter(in, part + call * N, N, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_SUM,
                                  r->comm, r->stream));
        if (call % 3 == 0)
            OK((int)HcclAllReduce(large, large, LARGE, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_MAX,
                                  r->comm, r->stream));
    }
    wait_for(r);
    for (size_t call = 0; call < CALLS; call++) {
        for (size_t i = 0; i < N * p; i++)
            assert_true(out[call * N * p + i] == (float)(1000 * (i / N) + r->id * N + i % N));
        for (size_t i = 0; i < N; i++)
            assert_true(part[call * N + i] == (float)(500 * p * (p - 1) + p * (r->id * N + i)));
    }
    for (size_t i = 0; i < LARGE; i++)
        assert_true(large[i] == (float)(1000 * (p - 1) + i));
    OK(aclrtFree(in));
    OK(aclrtFree(out));
    OK(aclrtFree(part));
    OK(aclrtFree(large));
}

static void different_collectives_follow_one_another(void **state) {
    for (uint32_t ranks = 2; ranks <= RANKS; ranks++)
        on_ranks(ranks, follow, 0);
}

static void collectives_give_what_they_say(void **state) {
    for (uint32_t ranks = 1; ranks <= RANKS; ranks++) {
        on_ranks(ranks, gathers, 0);
        on_ranks(ranks, rooted, 0);
    }
}

/* Each rank sends k + 1 elements to rank k, and so on round. */
static void messages(rank *r) {
    uint64_t p = r->count, sends[RANKS], receives[RANKS], from[RANKS], to[RANKS],
             matrix[RANKS * RANKS];
    float *in = numbers(r, 64), *out = device_memory(64 * sizeof(float));
    for (uint64_t i = 0; i < p; i++) {
        sends[i] = i + 1;
        receives[i] = r->id + 1;
        from[i] = 8 * i;
        to[i] = 8 * i;
        for (uint64_t j = 0; j < p; j++)
            matrix[i * p + j] = j + 1;
    }
    OK((int)HcclAlltoAllV(in, sends, from, HCCL_DATA_TYPE_FP32, out, receives, to,
                          HCCL_DATA_TYPE_FP32, r->comm, r->stream));
    wait_for(r);
    for (uint64_t i = 0; i < p; i++)
        for (uint64_t j = 0; j <= r->id; j++)
            assert_true(out[8 * i + j] == (float)(1000 * i + 8 * r->id + j));
    OK((int)HcclAlltoAllVC(in, matrix, HCCL_DATA_TYPE_FP32, out, HCCL_DATA_TYPE_FP32, r->comm,
                           r->stream));
    wait_for(r);
    uint64_t first = r->id * (r->id + 1) / 2; /* where our part begins with each sender */
    for (uint64_t i = 0; i < p; i++)
        for (uint64_t j = 0; j <= r->id; j++)
            assert_true(out[i * (r->id + 1) + j] == (float)(1000 * i + first + j));
    uint32_t next = (r->id + 1) % r->count, prev = (r->id + r->count - 1) % r->count;
    HcclSendRecvItem items[] = {
        {HCCL_RECV, out, 4, HCCL_DATA_TYPE_FP32, prev},
        {HCCL_RECV, out + 8, 5, HCCL_DATA_TYPE_FP32, prev},
        {HCCL_SEND, in, 4, HCCL_DATA_TYPE_FP32, next},
        {HCCL_SEND, in + 10, 5, HCCL_DATA_TYPE_FP32, next},
    };
    for (int i = 0; i < 100; i++)
        OK((int)HcclBatchSendRecv(items, 4, r->comm, r->stream));
    wait_for(r);
    assert_true(out[3] == (float)(1000 * prev + 3) && out[12] == (float)(1000 * prev + 14));
    OK((int)HcclGroupStart());
    OK((int)HcclSend(in + 20, 2, HCCL_DATA_TYPE_FP32, prev, r->comm, r->stream));
    OK((int)HcclRecv(out, 2, HCCL_DATA_TYPE_FP32, next, r->comm, r->stream));
    OK((int)HcclGroupEnd());
    wait_for(r);
    assert_true(out[1] == (float)(1000 * next + 21));
    OK(aclrtFree(in));
    OK(aclrtFree(out));
}

static void messages_arrive_in_order(void **state) {
    for (uint32_t ranks = 1; ranks <= RANKS; ranks++)
        on_ranks(ranks, messages, 0);
}

/* Many calls in one queue, with nothing between them. */
static void queue(rank *r) {
    enum { CALLS = 500, N = 4096 };
    float *x = device_memory(N * sizeof(float));
    for (int i = 0; i < N; i++)
        x[i] = 1;
    for (int call = 0; call < CALLS; call++)
        OK((int)HcclAllReduce(x, x, call % 2 ? N : 64, HCCL_DATA_TYPE_FP32,
                              call == 7 ? HCCL_REDUCE_SUM : HCCL_REDUCE_MAX, r->comm, r->stream));
    wait_for(r);
    assert_true(x[0] == (float)r->count && x[N - 1] == (float)r->count);
    OK(aclrtFree(x));
}

static void queued_calls_run_in_order(void **state) { on_ranks(3, queue, 0); }

/* Questions and mistakes. */

static void ask(rank *r) {
    uint32_t id = 9, count = 9;
    char name[COMM_NAME_MAX_LENGTH];
    HcclComm found;
    HcclResult error = HCCL_E_INTERNAL;
    OK((int)HcclGetRankId(r->comm, &id));
    OK((int)HcclGetRankSize(r->comm, &count));
    assert_true(id == r->id && count == r->count);
    OK((int)HcclGetCommName(r->comm, name));
    OK((int)HcclCommGetHandleWithName(name, &found));
    OK((int)HcclGetCommAsyncError(r->comm, &error));
    assert_int_equal(error, HCCL_SUCCESS);
    assert_string_equal(HcclGetErrorString(HCCL_E_REMOTE), "error cqe");
    assert_string_equal(HcclGetErrorString((HcclResult)77), "unknown err");
}

static void communicators_know_themselves(void **state) { on_ranks(2, ask, 0); }

static void mistakes(rank *r) {
    float *x = device_memory(4096), host[4];
    HcclComm c = r->comm;
    uint64_t n = 4;
    HcclDataType f32 = HCCL_DATA_TYPE_FP32;
    FAILS(HCCL_E_PTR, "HcclAllReduce", "sendBuf is NULL",
          (int)HcclAllReduce(NULL, x, n, f32, HCCL_REDUCE_SUM, c, r->stream));
    FAILS(HCCL_E_PTR, "HcclAllReduce", "comm is NULL",
          (int)HcclAllReduce(x, x, n, f32, HCCL_REDUCE_SUM, NULL, r->stream));
    FAILS(HCCL_E_PARA, "HcclAllReduce", "does not exist",
          (int)HcclAllReduce(x, x, n, f32, HCCL_REDUCE_SUM, x, r->stream));
    FAILS(HCCL_E_PARA, "HcclAllReduce", "op is 4",
          (int)HcclAllReduce(x, x, n, f32, (HcclReduceOp)4, c, r->stream));
    FAILS(HCCL_E_PARA, "HcclAllReduce", "dataType is 13",
          (int)HcclAllReduce(x, x, n, (HcclDataType)13, HCCL_REDUCE_SUM, c, r->stream));
    FAILS(HCCL_E_NOT_SUPPORT, "HcclAllReduce", "dataType is 15",
          (int)HcclAllReduce(x, x, n, HCCL_DATA_TYPE_FP8E4M3, HCCL_REDUCE_SUM, c, r->stream));
    FAILS(HCCL_E_PARA, "HcclAllReduce", "host memory",
          (int)HcclAllReduce(host, x, n, f32, HCCL_REDUCE_SUM, c, r->stream));
    FAILS(HCCL_E_PARA, "HcclAllReduce", "not within memory of one aclrtMalloc",
          (int)HcclAllReduce(x, x, 1 << 20, f32, HCCL_REDUCE_SUM, c, r->stream));
    FAILS(HCCL_E_PARA, "HcclAllReduce", "overlap",
          (int)HcclAllReduce(x, x + 1, n, f32, HCCL_REDUCE_SUM, c, r->stream));
    FAILS(HCCL_E_PARA, "HcclAllReduce", "count is",
          (int)HcclAllReduce(x, x, UINT64_MAX, f32, HCCL_REDUCE_SUM, c, r->stream));
    FAILS(HCCL_E_PARA, "HcclBroadcast", "root is 2",
          (int)HcclBroadcast(x, n, f32, 2, c, r->stream));
    FAILS(HCCL_E_PARA, "HcclSend", "is 7; expected 0 to 1",
          (int)HcclSend(x, n, f32, 7, c, r->stream));
    FAILS(HCCL_E_PARA, "HcclAlltoAll", "expected the same",
          (int)HcclAlltoAll(x, 1, f32, x + 8, 2, f32, c, r->stream));
    FAILS(HCCL_E_PARA, "HcclGroupEnd", "no group is open", (int)HcclGroupEnd());
    OK((int)HcclAllReduce(x, x, 0, f32, HCCL_REDUCE_SUM, c, r->stream));
    OK(aclrtFree(x));
}

static void mistakes_are_named(void **state) {
    HcclComm comms[2];
    HcclRootInfo root = {"invalid"};
    int32_t twice[] = {1, 1};
    on_ranks(2, mistakes, 0);
    OK(aclrtSetDevice(0));
    FAILS(HCCL_E_PARA, "HcclCommInitAll", "are both 1", (int)HcclCommInitAll(2, twice, comms));
    FAILS(HCCL_E_PARA, "HcclCommInitAll", "ndev is 9", (int)HcclCommInitAll(9, twice, comms));
    FAILS(HCCL_E_PARA, "HcclCommInitRootInfo", "not what HcclGetRootInfo",
          (int)HcclCommInitRootInfo(1, &root, 0, comms));
    OK((int)HcclGetRootInfo(&root));
    FAILS(HCCL_E_PARA, "HcclCommInitRootInfo", "rank is 3 of 2",
          (int)HcclCommInitRootInfo(2, &root, 3, comms));
    OK((int)HcclCommInitRootInfo(1, &root, 0, comms));
    /* All ranks have come: whoever comes now does not know that communicator's key. */
    FAILS(HCCL_E_PARA, "HcclCommInitRootInfo", "shares nothing under the key any more",
          (int)HcclCommInitRootInfo(1, &root, 0, comms + 1));
    OK((int)HcclCommDestroy(comms[0]));
    FAILS(HCCL_E_PARA, "HcclCommDestroy", "does not exist", (int)HcclCommDestroy(comms[0]));
    OK(aclrtResetDevice(0));
}

/* Ranks that call differently: |argument| says in what. All of them learn it. */
static void differ(rank *r) {
    float *x = device_memory(4096);
    bool odd = r->id == 1;
    uint64_t n = r->argument == 0 && odd ? 9 : 8;
    HcclDataType type = r->argument == 1 && odd ? HCCL_DATA_TYPE_INT32 : HCCL_DATA_TYPE_FP32;
    HcclReduceOp op = r->argument == 2 && odd ? HCCL_REDUCE_MAX : HCCL_REDUCE_SUM;
    HcclResult error;
    if (r->argument == 3 && odd)
        OK((int)HcclReduceScatter(x, x + 512, n, type, op, r->comm, r->stream));
    else
        OK((int)HcclAllReduce(x, x, n, type, op, r->comm, r->stream));
    int code = aclrtSynchronizeStream(r->stream);
    assert_true(code == 507057 || code == ACL_ERROR_RT_AICORE_EXCEPTION);
    const char *text = aclGetRecentErrMsg();
    static const char *const words[] = {"count", "dataType", "op", "the name"};
    if (text == NULL || strstr(text, words[r->argument]) == NULL) fail_msg("%s", text);
    OK((int)HcclGetCommAsyncError(r->comm, &error));
    assert_int_equal(error, HCCL_E_REMOTE);
    FAILS(HCCL_E_REMOTE, "HcclBarrier", "has failed", (int)HcclBarrier(r->comm, r->stream));
    OK(aclrtFree(x));
}

static void different_calls_are_found(void **state) {
    for (int what = 0; what < 4; what++)
        on_ranks(2, differ, what);
}

/* Processes. */

static void as_child(uint32_t id, const char *path) {
    HcclRootInfo root;
    HcclComm comm;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fread(&root, sizeof root, 1, file) != 1) _exit(2);
    fclose(file);
    aclrtStream stream;
    OK(aclrtSetDevice((int32_t)id));
    OK(aclrtCreateStream(&stream));
    OK((int)HcclCommInitRootInfo(2, &root, id, &comm));
    float *x = device_memory(1 << 20);
    for (int i = 0; i < 1 << 18; i++)
        x[i] = 2;
    OK((int)HcclAllReduce(x, x, 1 << 18, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_SUM, comm, stream));
    OK(aclrtSynchronizeStream(stream));
    if (x[0] != 5 || x[(1 << 18) - 1] != 5) _exit(3);
    kill(getpid(), SIGKILL);
}

static void a_killed_rank_ends_the_others(void **state) {
    char path[] = "/tmp/test_hccl_XXXXXX";
    HcclRootInfo root;
    HcclComm comm;
    aclrtStream stream;
    pid_t child;
    struct timespec start, end;
    int file = mkstemp(path), status;
    OK(aclrtSetDevice(0));
    OK(aclrtCreateStream(&stream));
    OK((int)HcclGetRootInfo(&root));
    assert_int_equal(write(file, &root, sizeof root), sizeof root);
    close(file);
    char *arguments[] = {"test_hccl", path, NULL};
    assert_int_equal(posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
    OK((int)HcclCommInitRootInfo(2, &root, 0, &comm));
    float *x = device_memory(1 << 20);
    for (int i = 0; i < 1 << 18; i++)
        x[i] = 3;
    OK((int)HcclAllReduce(x, x, 1 << 18, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_SUM, comm, stream));
    OK(aclrtSynchronizeStream(stream));
    assert_true(x[0] == 5 && x[(1 << 18) - 1] == 5);
    clock_gettime(CLOCK_MONOTONIC, &start);
    OK((int)HcclAllReduce(x, x, 1 << 18, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_SUM, comm, stream));
    FAILS(507057, "aclrtSynchronizeStream", "which is rank 1 on device 1, has ended",
          aclrtSynchronizeStream(stream));
    clock_gettime(CLOCK_MONOTONIC, &end);
    double s = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    if (s > UNIT_EVERY(20)) fail_msg("it took %g s", s);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    OK(aclrtFree(x));
    OK((int)HcclCommDestroy(comm));
    OK(aclrtDestroyStream(stream));
    OK(aclrtResetDevice(0));
    unlink(path);
}

int main(int argc, char **argv) {
    ranks_begin();
    if (argc > 1) as_child(1, argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_reduce_of_all_types),
        cmocka_unit_test(collectives_give_what_they_say),
        cmocka_unit_test(different_collectives_follow_one_another),
        cmocka_unit_test(messages_arrive_in_order),
        cmocka_unit_test(queued_calls_run_in_order),
        cmocka_unit_test(communicators_know_themselves),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(different_calls_are_found),
        cmocka_unit_test(a_killed_rank_ends_the_others),
        cmocka_unit_test(nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
