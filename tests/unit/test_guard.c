/* ANYCANN_CHECK=memory: each kind of mistake is found and named, and what is right is let through.
 * Mistakes that end the program are made by this program started a second time. */
#include "client.h"

#include "aclnnop/aclnn_add.h"
#include "runtime/memory.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char heard[16384];

/* What |part| writes to stderr stands in |heard|. */
static int outcome_of(const char *part) {
    int out[2], status;
    pid_t pid;
    size_t used = 0;
    posix_spawn_file_actions_t actions;
    char *arguments[] = {"test_guard", (char *)part, NULL};
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 2);
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    for (ssize_t got; (got = read(out[0], heard + used, sizeof heard - 1 - used)) > 0;)
        used += (size_t)got;
    heard[used] = '\0';
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void hears(const char *words) {
    if (strstr(heard, words) == NULL) fail_msg("\"%s\" lacks \"%s\"", heard, words);
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static void touch(void) {
    volatile float *memory;
    OK(aclrtMalloc((void **)&memory, 1000, ACL_MEM_MALLOC_HUGE_FIRST));
    memory[3] = 1;
}

static void touch_reserved(void) {
    volatile char *memory;
    OK(aclrtReserveMemAddress((void **)&memory, 2 << 20, 0, NULL, 0));
    exit(memory[3]);
}

static char *volatile nowhere = (char *)8;
static void touch_nothing_of_ours(void) { *(volatile char *)nowhere = 1; }

static void on_my_fault(int number) { _exit(42); }
static void touch_with_a_handler(void) {
    volatile char *memory;
    signal(SIGSEGV, on_my_fault);
    OK(aclrtMalloc((void **)&memory, 1000, ACL_MEM_MALLOC_HUGE_FIRST));
    memory[0] = 1;
}

static void overrun(void) {
    void *memory;
    OK(aclrtMalloc(&memory, 1000, ACL_MEM_MALLOC_HUGE_FIRST));
    ((char *)acn_memory_view(memory))[1000 + 64] = 1; /* as a kernel of a client's might */
    OK(aclrtSynchronizeStream(NULL));
    OK(aclrtFree(memory));
}

static void write_after_free(void) {
    void *memory;
    OK(aclrtMalloc(&memory, 1000, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtFree(memory));
    ((char *)acn_memory_view(memory))[17] = 1;
    for (int i = 0; i < 1000; i++) { /* until its memory is wanted again */
        OK(aclrtMalloc(&memory, 1000, ACL_MEM_MALLOC_HUGE_FIRST));
        OK(aclrtFree(memory));
    }
}

static void nothing_wrong(void) {
    void *memory, *host;
    for (int i = 1; i < 3000; i++) {
        OK(aclrtMalloc(&memory, (size_t)(37 * i), ACL_MEM_MALLOC_HUGE_FIRST));
        /* CANN lets 32 bytes behind the end be used. */
        OK(aclrtMemset(memory, (size_t)(37 * i + 32), 3, (size_t)(37 * i + 32)));
        OK(aclrtFree(memory));
    }
    OK(aclrtMallocHost(&host, 5000));
    memset(host, 1, 5000);
    OK(aclrtFreeHost(host));
    OK(aclrtSynchronizeDevice());
}

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"touch", touch},
    {"touch reserved", touch_reserved},
    {"touch nothing of ours", touch_nothing_of_ours},
    {"touch with a handler", touch_with_a_handler},
    {"overrun", overrun},
    {"write after free", write_after_free},
    {"nothing wrong", nothing_wrong},
};

/* ---- the tests ------------------------------------------------------------------------------- */

static void host_code_that_touches_is_stopped(void **state) {
    int status = outcome_of("touch");
    assert_int_not_equal(status, 0); /* by SIGSEGV, unless a sanitizer has a handler of its own */
    hears("host code ");
    hears("block of 1056 bytes");
    hears("allocated by aclrtMalloc, called from");
    hears("touched from");
    status = outcome_of("touch reserved");
    assert_int_not_equal(status, 0);
    hears("reserved addresses");
}

static void other_faults_are_the_clients(void **state) {
    int status = outcome_of("touch nothing of ours");
    assert_int_not_equal(status, 0);
    assert_null(strstr(heard, "anycann: check"));
    status = outcome_of("touch with a handler");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

static void writes_where_nobody_may_are_found(void **state) {
    assert_int_equal(outcome_of("overrun"), 0);
    hears("behind the end of a block, at its byte 1064");
    hears("allocated by aclrtMalloc");
    assert_int_equal(outcome_of("write after free"), 0);
    hears("after it was freed, at its byte 17");
    hears("freed by aclrtFree");
}

static void what_is_right_is_let_through(void **state) {
    assert_int_equal(outcome_of("nothing wrong"), 0);
    assert_null(strstr(heard, "anycann"));
}

static void copies_and_fills_are_held_to_blocks(void **state) {
    char *memory, host[64];
    OK(aclrtMalloc((void **)&memory, 1000, ACL_MEM_MALLOC_HUGE_FIRST));
    FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtMemcpy", "beyond the end",
          aclrtMemcpy(host, 64, memory + 1020, 64, ACL_MEMCPY_DEVICE_TO_HOST));
    FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtMemset", "beyond the end",
          aclrtMemset(memory, 2000, 0, 2000));
    FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtSynchronizeStream", "beyond the end",
          (aclrtMemsetAsync(memory, 2000, 0, 2000, NULL), aclrtSynchronizeStream(NULL)));
    OK(aclrtFree(memory));
    FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtMemcpy", "is freed",
          aclrtMemcpy(memory, 64, host, 64, ACL_MEMCPY_HOST_TO_DEVICE));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtFree", "freed twice", aclrtFree(memory));
}

static void add(aclTensor *a, aclTensor *b, aclTensor *out) {
    uint64_t bytes;
    aclOpExecutor *executor;
    aclScalar *one = client_float(1);
    OK(aclnnAddGetWorkspaceSize(a, b, one, out, &bytes, &executor));
    OK(aclnnAdd(NULL, 0, executor, NULL));
    aclDestroyScalar(one);
}

static void operators_are_held_to_blocks(void **state) {
    void *memory;
    float values[4] = {1, 2, 3, 4};
    OK(aclrtMalloc(&memory, 16, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMemcpy(memory, 16, values, 16, ACL_MEMCPY_HOST_TO_DEVICE));
    aclTensor *right = TENSOR(memory, ACL_FLOAT, 4), *long_one = TENSOR(memory, ACL_FLOAT, 40);
    add(right, right, right);
    OK(aclrtSynchronizeStream(NULL));
    OK(aclrtMemcpy(values, 16, memory, 16, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_true(values[3] == 8);
    add(long_one, long_one, long_one);
    FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtSynchronizeStream", "x1 of aclnnAdd uses 160 bytes",
          aclrtSynchronizeStream(NULL));
    OK(aclrtFree(memory));
    add(right, right, right);
    FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtSynchronizeStream", "is freed",
          aclrtSynchronizeStream(NULL));
    aclDestroyTensor(right);
    aclDestroyTensor(long_one);
}

static void words_and_mapped_memory_work_as_ever(void **state) {
    char *address, byte = 0;
    aclrtDrvMemHandle handle;
    aclrtPhysicalMemProp prop = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    OK(aclrtMallocPhysical(&handle, 2 << 20, &prop, 0));
    OK(aclrtReserveMemAddress((void **)&address, 4 << 20, 0, NULL, 0));
    OK(aclrtMapMem(address, 2 << 20, 0, handle, 0));
    OK(aclrtMemset(address + 100, 1, 5, 1));
    OK(aclrtValueWrite(address + 104, 77, 0, NULL));
    OK(aclrtValueWait(address + 104, 77, 1, NULL));
    OK(aclrtSynchronizeStream(NULL));
    OK(aclrtMemcpy(&byte, 1, address + 104, 1, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_int_equal(byte, 77);
    FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtMemset", "mapped",
          aclrtMemset(address + (2 << 20) - 1, 2, 0, 2));
    OK(aclrtUnmapMem(address));
    OK(aclrtReleaseMemAddress(address));
    OK(aclrtFreePhysical(handle));
}

static void memory_info_tells_what_the_client_has(void **state) {
    size_t before, after, total;
    void *memory;
    OK(aclrtGetMemInfo(ACL_HBM_MEM, &before, &total));
    OK(aclrtMalloc(&memory, 10000, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtFree(memory));
    OK(aclrtGetMemInfo(ACL_HBM_MEM, &after, &total));
    assert_int_equal(before, after);
}

int main(int argc, char **argv) {
    setenv("ANYCANN_CHECK", "memory", 1);
    setenv("ASAN_OPTIONS", "handle_segv=0", 0); /* in such builds, too, a fault is a fault */
    setenv("TSAN_OPTIONS", "handle_segv=0", 0);
    if (aclrtSetDevice(0) != 0) return 3;
    for (size_t i = 0; argc > 1 && i < COUNT_OF(parts); i++)
        if (strcmp(argv[1], parts[i].name) == 0) return parts[i].run(), 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_code_that_touches_is_stopped),
        cmocka_unit_test(other_faults_are_the_clients),
        cmocka_unit_test(writes_where_nobody_may_are_found),
        cmocka_unit_test(what_is_right_is_let_through),
        cmocka_unit_test(copies_and_fills_are_held_to_blocks),
        cmocka_unit_test(operators_are_held_to_blocks),
        cmocka_unit_test(words_and_mapped_memory_work_as_ever),
        cmocka_unit_test(memory_info_tells_what_the_client_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
