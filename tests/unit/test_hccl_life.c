/* Lives of communicators: ranks that are threads and processes in one of them, and many rounds of
 * making and ending, after which nothing more is open, mapped or allocated than before. The number
 * of rounds is the first argument. */
#include "ranks.h"

#include <dirent.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const HcclDataType f32 = HCCL_DATA_TYPE_FP32;
static char root_path[] = "/tmp/test_hccl_life_XXXXXX";
static int rounds = 1000 / UNIT_EVERY(20);

/* Two processes with two ranks each, which are threads: |argument| is the first of them. */

static HcclRootInfo mixed_root;

static void be_mixed(rank *r) {
    enum { N = 5001 };
    uint32_t id = r->id + (uint32_t)r->argument;
    HcclComm comm;
    OK(aclrtSetDevice((int32_t)id));
    aclrtStream stream;
    OK(aclrtCreateStream(&stream));
    OK((int)HcclCommInitRootInfo(4, &mixed_root, id, &comm));
    float *x = device_memory(4 * N * sizeof(float)), *y = device_memory(4 * N * sizeof(float));
    for (int i = 0; i < 4 * N; i++)
        x[i] = (float)(id * 10 + (uint32_t)i % 7);
    OK((int)HcclAllReduce(x, y, N, f32, HCCL_REDUCE_SUM, comm, stream));
    OK(aclrtSynchronizeStream(stream));
    for (int i = 0; i < N; i++)
        assert_true(y[i] == (float)(60 + 4 * (i % 7)));
    OK((int)HcclAllGather(x, y, N, f32, comm, stream));
    OK(aclrtSynchronizeStream(stream));
    for (int i = 0; i < 4 * N; i++)
        assert_true(y[i] == (float)(i / N * 10 + i % N % 7));
    OK((int)HcclAlltoAll(x, N, f32, y, N, f32, comm, stream));
    OK(aclrtSynchronizeStream(stream));
    for (int i = 0; i < 4 * N; i++)
        assert_true(y[i] == (float)(i / N * 10 + ((int)id * N + i % N) % 7));
    uint32_t next = (id + 1) % 4, previous = (id + 3) % 4;
    HcclSendRecvItem items[] = {{HCCL_SEND, x, N, f32, next}, {HCCL_RECV, y, N, f32, previous}};
    OK((int)HcclBatchSendRecv(items, 2, comm, stream));
    OK(aclrtSynchronizeStream(stream));
    assert_true(y[0] == (float)(previous * 10));
    OK((int)HcclCommDestroy(comm));
    OK(aclrtFree(x));
    OK(aclrtFree(y));
    OK(aclrtDestroyStream(stream));
    OK(aclrtResetDevice((int32_t)id));
    OK(aclrtSetDevice((int32_t)r->id));
}

static int as_child(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fread(&mixed_root, sizeof mixed_root, 1, file) != 1) return 2;
    fclose(file);
    run_ranks(2, NULL, be_mixed, 2);
    return 0;
}

static void threads_and_processes(void **state) {
    pid_t pid;
    int status;
    OK(aclrtSetDevice(0));
    OK((int)HcclGetRootInfo(&mixed_root));
    FILE *file = fopen(root_path, "wb");
    assert_int_equal(fwrite(&mixed_root, sizeof mixed_root, 1, file), 1);
    fclose(file);
    char *arguments[] = {"test_hccl_life", "child", root_path, NULL};
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
    run_ranks(2, NULL, be_mixed, 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    OK(aclrtResetDevice(0));
}

/* Rounds. */

typedef struct holdings {
    int files, mappings;
    long shared_kb, private_kb;
} holdings;

static holdings look(void) {
    holdings h = {0};
    char line[512];
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL)
        h.files++;
    closedir(folder);
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps) != NULL)
        h.mappings++;
    fclose(maps);
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status) != NULL) {
        sscanf(line, "RssShmem: %ld", &h.shared_kb);
        sscanf(line, "RssAnon: %ld", &h.private_kb);
    }
    fclose(status);
    return h;
}

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* One thread does all: each of its calls is for another device. */
static void rounds_leave_nothing(void **state) {
    enum { COUNT = 2 };
    int32_t devices[] = {0, 1};
    aclrtContext contexts[COUNT];
    aclrtStream streams[COUNT];
    float *memory[COUNT];
    HcclComm comms[COUNT];
    holdings before = {0}, after;
    for (uint32_t i = 0; i < COUNT; i++) {
        OK(aclrtSetDevice((int32_t)i));
        OK(aclrtGetCurrentContext(&contexts[i]));
        OK(aclrtCreateStream(&streams[i]));
        memory[i] = device_memory(4000);
        memset(memory[i], 0, 4000);
    }
    double begun = now_ms();
    for (int i = 0; i < rounds; i++) {
        if (i == rounds / 2) before = look(); /* all that is kept for good is there by then */
        OK((int)HcclCommInitAll(COUNT, devices, comms));
        for (uint32_t d = 0; d < COUNT; d++) {
            OK(aclrtSetCurrentContext(contexts[d]));
            OK((int)HcclAllReduce(memory[d], memory[d], 1000, f32, HCCL_REDUCE_MAX, comms[d],
                                  streams[d]));
        }
        for (uint32_t d = 0; d < COUNT; d++) {
            OK(aclrtSetCurrentContext(contexts[d]));
            OK(aclrtSynchronizeStream(streams[d]));
        }
        for (uint32_t d = 0; d < COUNT; d++)
            OK((int)HcclCommDestroy(comms[d]));
    }
    after = look();
    print_message(
        "%d rounds, %.3f ms each; files %d -> %d, mappings %d -> %d, shared %ld -> %ld kB, "
        "private %ld -> %ld kB\n",
        rounds, (now_ms() - begun) / rounds, before.files, after.files, before.mappings,
        after.mappings, before.shared_kb, after.shared_kb, before.private_kb, after.private_kb);
    assert_int_equal(after.files, before.files);
    assert_true(after.mappings <= before.mappings + 4);
    assert_true(after.shared_kb <= before.shared_kb + 256);
    assert_true(after.private_kb <= before.private_kb + 2048);
    for (uint32_t i = 0; i < COUNT; i++) {
        OK(aclrtSetCurrentContext(contexts[i]));
        OK(aclrtFree(memory[i]));
        OK(aclrtDestroyStream(streams[i]));
        OK(aclrtResetDevice((int32_t)i));
    }
}

int main(int argc, char **argv) {
    ranks_begin();
    if (argc > 2) return as_child(argv[2]);
    if (argc > 1) rounds = atoi(argv[1]);
    close(mkstemp(root_path));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_processes),
        cmocka_unit_test(rounds_leave_nothing),
        cmocka_unit_test(nothing_is_left),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(root_path);
    return failed;
}
