/* What happens to communicators when ranks die, hang, differ, or are not who they should be. Ranks
 * are processes here where one of them has to die, and threads otherwise. */
#include "hccl/why.h" /* before ranks.h, whose names it has as arguments */

#include "ranks.h"

#include "base/report.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const HcclDataType f32 = HCCL_DATA_TYPE_FP32;
static char root_path[] = "/tmp/test_hccl_troubles_XXXXXX";

static float *numbers(size_t n, float value) {
    float *memory = device_memory(n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        memory[i] = value;
    return memory;
}

static void lacks(const char *text, const char *word) {
    if (text == NULL || strstr(text, word) == NULL) fail_msg("\"%s\" lacks \"%s\"", text, word);
}

static void nap(int ms) {
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

/* Processes. */

typedef struct child {
    uint32_t id, count;
    HcclComm comm;
    aclrtStream stream;
} child;

/* Each makes rounds of AllReduce until one fails, in which the text must name |culprit|. */
static void until_failure(child *c, const char *culprit, float *x) {
    int code = 0;
    for (int i = 0; i < 100 && code == 0; i++) {
        int submitted = (int)HcclAllReduce(x, x, 1000, f32, HCCL_REDUCE_MAX, c->comm, c->stream);
        assert_true(submitted == 0 || submitted == HCCL_E_REMOTE);
        code = submitted != 0 ? submitted : aclrtSynchronizeStream(c->stream);
    }
    assert_true(code != 0);
    lacks(aclGetRecentErrMsg(), culprit);
    HcclResult error;
    OK((int)HcclGetCommAsyncError(c->comm, &error));
    assert_int_equal(error, HCCL_E_REMOTE);
}

/* Rank 2 is killed by ANYCANN_HCCL_FAULT. The others learn it, and go on without it. */
static void survive(child *c) {
    float *x = numbers(1000, 1);
    uint32_t left[] = {0, 1, 3}, place = c->id == 3 ? 2 : c->id;
    HcclCommConfig config;
    HcclComm group;
    until_failure(c, "which is rank 2 on device 2, has ended", x);
    HcclCommConfigInit(&config);
    OK((int)HcclCreateSubCommConfig(&c->comm, 3, left, 1, place, &config, &group));
    OK((int)HcclAllReduce(x, x, 1000, f32, HCCL_REDUCE_SUM, group, c->stream));
    OK(aclrtSynchronizeStream(c->stream));
    assert_true(x[0] == 3 && x[999] == 3);
    OK((int)HcclCommDestroy(group));
    OK(aclrtFree(x));
}

/* Rank 1 loses a signal: whoever waits for it gives up in time and tells the state of all. */
static void lose(child *c) {
    float *x = numbers(1000, 1);
    until_failure(c, "waited 1 s for rank", x);
    OK(aclrtFree(x));
}

static void be_late(child *c) {
    float *x = numbers(1000, 1);
    for (int i = 0; i < 3; i++)
        OK((int)HcclAllReduce(x, x, 1000, f32, HCCL_REDUCE_SUM, c->comm, c->stream));
    OK(aclrtSynchronizeStream(c->stream));
    assert_true(x[0] == 8);
    OK(aclrtFree(x));
}

/* Rank 1 dies while nobody calls anything. */
static void die_idle(child *c) {
    HcclResult error = HCCL_SUCCESS;
    if (c->id == 1) kill(getpid(), SIGKILL);
    while (error == HCCL_SUCCESS)
        OK((int)HcclGetCommAsyncError(c->comm, &error));
    assert_int_equal(error, HCCL_E_REMOTE);
    FAILS(HCCL_E_REMOTE, "HcclBarrier", "rank 1 on device 1, has ended",
          (int)HcclBarrier(c->comm, c->stream));
}

static const struct role {
    const char *name;
    void (*run)(child *c);
} roles[] = {{"survive", survive}, {"lose", lose}, {"be_late", be_late}, {"die_idle", die_idle}};

static void read_root(const char *path, HcclRootInfo *root) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fread(root, sizeof *root, 1, file) != 1) _exit(2);
    fclose(file);
}

/* What the environment says is checked with the first communicator. */
static int check_settings(void) {
    HcclRootInfo root;
    HcclConfigValue value;
    const char *words = getenv("TEST_WORDS");
    OK(aclrtSetDevice(0));
    if (words != NULL) {
        FAILS(HCCL_E_PARA, "HcclGetRootInfo", words, (int)HcclGetRootInfo(&root));
        return 0;
    }
    OK((int)HcclGetRootInfo(&root));
    assert_string_equal(root.internal, "10.1.2.3");
    OK((int)HcclGetConfig(HCCL_DETERMINISTIC, &value));
    assert_int_equal(value.value, 2);
    assert_int_equal(acn_report_open("ignored", "HCCL_RDMA_TC")->count, 1);
    assert_int_equal(acn_report_open("ignored", "HCCL_DETERMINISTIC")->count, 0);
    return 0;
}

static int as_child(char **words) {
    if (strcmp(words[0], "settings") == 0) return check_settings();

    child c = {.id = (uint32_t)atoi(words[1]), .count = (uint32_t)atoi(words[2])};
    HcclRootInfo root;
    read_root(words[3], &root);
    OK(aclrtSetDevice((int32_t)c.id));
    OK(aclrtCreateStream(&c.stream));
    if (strcmp(words[0], "die_early") == 0) {
        FAILS(HCCL_E_REMOTE, "HcclCommInitRootInfo", "has ended before all ranks had come",
              (int)HcclCommInitRootInfo(c.count, &root, c.id, &c.comm));
        return 0;
    }
    OK((int)HcclCommInitRootInfo(c.count, &root, c.id, &c.comm));
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (strcmp(roles[i].name, words[0]) == 0) roles[i].run(&c);
    OK((int)HcclCommDestroy(c.comm));
    OK(aclrtDestroyStream(c.stream));
    return 0;
}

static void write_root(void) {
    HcclRootInfo root;
    OK((int)HcclGetRootInfo(&root));
    FILE *file = fopen(root_path, "wb");
    assert_int_equal(fwrite(&root, sizeof root, 1, file), 1);
    fclose(file);
}

static pid_t start(const char *role, uint32_t id, uint32_t count, const char *errors) {
    char numbers_of[2][8];
    pid_t pid;
    posix_spawn_file_actions_t files;
    snprintf(numbers_of[0], 8, "%u", id);
    snprintf(numbers_of[1], 8, "%u", count);
    char *arguments[] = {"test_hccl_troubles",
                         (char *)(uintptr_t)role,
                         numbers_of[0],
                         numbers_of[1],
                         root_path,
                         NULL};
    posix_spawn_file_actions_init(&files);
    if (errors != NULL)
        posix_spawn_file_actions_addopen(&files, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", &files, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

static void finish(pid_t pid, int signal_number) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (signal_number != 0)
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signal_number);
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("process %d ended with %#x", (int)pid, (unsigned)status);
}

/* |dies|: the rank that is killed, or -1. */
static void play(const char *role, uint32_t count, int dies, const char *fault) {
    pid_t pids[RANKS];
    OK(aclrtSetDevice(0));
    write_root();
    if (fault != NULL) setenv("ANYCANN_HCCL_FAULT", fault, 1);
    for (uint32_t i = 0; i < count; i++)
        pids[i] = start(role, i, count, NULL);
    unsetenv("ANYCANN_HCCL_FAULT");
    for (uint32_t i = 0; i < count; i++)
        finish(pids[i], (int)i == dies ? SIGKILL : 0);
    OK(aclrtResetDevice(0));
}

static void survivors_go_on(void **state) { play("survive", 4, 2, "kill:2:9"); }
static void death_is_seen_by_asking(void **state) { play("die_idle", 2, 1, NULL); }
static void late_steps_change_nothing(void **state) { play("be_late", 2, -1, "delay:1:2:50"); }

static void lost_signals_end_in_time(void **state) {
    char path[] = "/tmp/test_hccl_errors_XXXXXX", text[8192] = "";
    pid_t pids[2];
    close(mkstemp(path));
    OK(aclrtSetDevice(0));
    write_root();
    setenv("ANYCANN_HCCL_FAULT", "drop:1:3", 1);
    setenv("HCCL_EXEC_TIMEOUT", "1", 1);
    for (uint32_t i = 0; i < 2; i++)
        pids[i] = start("lose", i, 2, path);
    unsetenv("ANYCANN_HCCL_FAULT");
    unsetenv("HCCL_EXEC_TIMEOUT");
    for (uint32_t i = 0; i < 2; i++)
        finish(pids[i], 0);
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    unlink(path);
    lacks(text, "and waits for rank 1 for ");
    lacks(text, "communicator anycann_");
    OK(aclrtResetDevice(0));
}

/* Rank 0 waits, rank 1 has come and is killed, rank 2 never comes. */
static void death_among_the_first(void **state) {
    OK(aclrtSetDevice(0));
    write_root();
    pid_t first = start("die_early", 0, 3, NULL), second = start("die_early", 2, 3, NULL);
    nap(500);
    kill(second, SIGKILL);
    finish(second, SIGKILL);
    finish(first, 0);
    OK(aclrtResetDevice(0));
}

/* Strangers and missing ranks. */

static void missing_ranks_are_named(void **state) {
    HcclRootInfo root;
    HcclComm comm;
    OK(aclrtSetDevice(0));
    OK((int)HcclGetRootInfo(&root));
    FAILS(HCCL_E_TIMEOUT, "HcclCommInitRootInfo", "1 of 3 ranks",
          (int)HcclCommInitRootInfo(3, &root, 1, &comm));
    OK((int)HcclGetRootInfo(&root));
    FAILS(HCCL_E_TIMEOUT, "HcclCommInitRootInfo", "missing: 0, 2",
          (int)HcclCommInitRootInfo(3, &root, 1, &comm));
    OK(aclrtResetDevice(0));
}

static void strangers_are_refused(void **state) {
    HcclRootInfo root, other;
    HcclComm comm;
    OK(aclrtSetDevice(0));
    OK((int)HcclGetRootInfo(&root));
    OK((int)HcclGetRootInfo(&other));
    assert_true(memcmp(&root, &other, sizeof root) != 0);
    /* Whoever guesses all but one digit of the random number. */
    char *digit = strchr(root.internal + 64, '\0') - 2;
    assert_true(strncmp(root.internal + 64, "anycann-", 8) == 0);
    *digit = *digit == '3' ? '4' : '3';
    FAILS(HCCL_E_PARA, "HcclCommInitRootInfo", "shares nothing under the key",
          (int)HcclCommInitRootInfo(1, &root, 0, &comm));
    /* Of another version. */
    memcpy(&root, &other, sizeof root);
    char *mark = memmem(root.internal, sizeof root, "AnyCANN HCCL", 12);
    assert_non_null(mark);
    mark[13]++;
    FAILS(HCCL_E_PARA, "HcclCommInitRootInfo", "not what HcclGetRootInfo",
          (int)HcclCommInitRootInfo(1, &root, 0, &comm));
    OK((int)HcclCommInitRootInfo(1, &other, 0, &comm));
    OK((int)HcclCommDestroy(comm));
    OK(aclrtResetDevice(0));
}

static void wrong_faults_are_refused(void **state) {
    pid_t pid;
    OK(aclrtSetDevice(0));
    write_root();
    setenv("ANYCANN_HCCL_FAULT", "explode:1:3", 1);
    pid = start("be_late", 0, 1, "/dev/null");
    unsetenv("ANYCANN_HCCL_FAULT");
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    OK(aclrtResetDevice(0));
}

static void settings_are_checked(void **state) {
    static const struct {
        const char *name, *value, *words;
    } wrong[] = {
        {"HCCL_BUFFSIZE", "0", "HCCL_BUFFSIZE is \"0\"; expected at least 1"},
        {"HCCL_DETERMINISTIC", "rue", "HCCL_DETERMINISTIC is \"rue\"; expected false, true"},
        {"HCCL_IF_IP", "300.1.1.1", "expected an IPv4 or IPv6 address"},
        {"HCCL_SOCKET_FAMILY", "AF_INET7", "HCCL_SOCKET_FAMILY is"},
        {"HCCL_IF_BASE_PORT", "80", "expected 1024 to 65520"},
        {"HCCL_HOST_SOCKET_PORT_RANGE", "60000-50000", "HCCL_HOST_SOCKET_PORT_RANGE is"},
        {"HCCL_RDMA_TC", "130", "expected 0 to 255, a multiple of 4"},
        {"HCCL_RDMA_SL", "8x", "HCCL_RDMA_SL is \"8x\""},
        {"HCCL_DFS_CONFIG", "cluster_heart:on", "HCCL_DFS_CONFIG is"},
        {"HCCL_INTER_HCCS_DISABLE", "1", "expected TRUE, FALSE"},
        {"HCCL_ALG_MULTIPLE_DIMENSION_SPLIT_RATIO", "half", "expected a number"},
        {"HCCL_INTRA_ROCE_ENABLE", "0", "expected exactly one of them"},
    };
    static const struct {
        const char *name, *value;
    } right[] = {{"HCCL_BUFFSIZE", "200"},
                 {"HCCL_DETERMINISTIC", "strict"},
                 {"HCCL_IF_IP", "10.1.2.3"},
                 {"HCCL_HOST_SOCKET_PORT_RANGE", "60000-60010,61000"},
                 {"HCCL_RDMA_TC", "132"},
                 {"HCCL_DFS_CONFIG", "cluster_heartbeat:on,inconsistent_check:first"},
                 {"HCCL_INTRA_ROCE_ENABLE", "1"}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        setenv(wrong[i].name, wrong[i].value, 1);
        setenv("TEST_WORDS", wrong[i].words, 1);
        finish(start("settings", 0, 1, NULL), 0);
        unsetenv(wrong[i].name);
    }
    unsetenv("TEST_WORDS");
    for (size_t i = 0; i < COUNT_OF(right); i++)
        setenv(right[i].name, right[i].value, 1);
    finish(start("settings", 0, 1, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(right); i++)
        unsetenv(right[i].name);
}

/* Calls that differ. */

static void differ(rank *r) {
    float *x = numbers(4096, 1);
    bool is_first = r->id == 0;
    HcclComm c = r->comm;
    static const char *const words[] = {"root", "the name", "elements of f32 from rank 1",
                                        "expects 8 elements of i32"};
    switch (r->argument) {
    case 0:
        OK((int)HcclBroadcast(x, 8, f32, is_first ? 0 : 1, c, r->stream));
        break;
    case 1: /* another order */
        for (int i = 0; i < 2; i++) {
            int answer = is_first == (i == 0)
                             ? (int)HcclBroadcast(x, 8, f32, 0, c, r->stream)
                             : (int)HcclAllReduce(x, x, 8, f32, HCCL_REDUCE_SUM, c, r->stream);
            /* The other rank may find it before the second call. */
            if (i == 0 || answer != HCCL_E_REMOTE) OK(answer);
        }
        break;
    case 2: /* a message shorter than what is expected */
        if (is_first)
            OK((int)HcclRecv(x, 9, f32, 1, c, r->stream));
        else
            OK((int)HcclSend(x, 8, f32, 0, c, r->stream));
        break;
    case 3:
        if (is_first)
            OK((int)HcclRecv(x, 8, HCCL_DATA_TYPE_INT32, 1, c, r->stream));
        else
            OK((int)HcclSend(x, 8, f32, 0, c, r->stream));
        break;
    }
    int code = aclrtSynchronizeStream(r->stream);
    const char *text = aclGetRecentErrMsg();
    HcclResult error = HCCL_SUCCESS;
    while (error == HCCL_SUCCESS) /* who had nothing to wait for hears of it later */
        OK((int)HcclGetCommAsyncError(c, &error));
    if (code == 0) FAILS(HCCL_E_REMOTE, "HcclBarrier", "", (int)HcclBarrier(c, r->stream));
    if (code != 0) lacks(text, words[r->argument]);
    OK(aclrtFree(x));
}

static void different_calls_are_found(void **state) {
    for (int what = 0; what < 4; what++)
        on_ranks(2, differ, what);
}

/* Asking why. */

static pthread_barrier_t asked;

static void hang(rank *r) {
    float *x = numbers(64, 1);
    if (r->id == 0) OK((int)HcclAllReduce(x, x, 5, f32, HCCL_REDUCE_SUM, r->comm, r->stream));
    if (r->id == 1) OK((int)HcclRecv(x, 5, f32, 0, r->comm, r->stream));
    pthread_barrier_wait(&asked);
    pthread_barrier_wait(&asked); /* and answered */
    OK(aclrtDeviceTaskAbort((int32_t)r->id, 0));
    aclrtSynchronizeStream(r->stream);
    OK(aclrtFree(x));
}

/* Until both waits have lasted long enough to be told. */
static void *ask(void *data) {
    char **text = data;
    size_t size;
    pthread_barrier_wait(&asked);
    for (int i = 0; i < 600 && (*text == NULL || strstr(*text, "which 2 wait") == NULL); i++) {
        int communicators = 0, waiting = 0;
        nap(50);
        free(*text);
        FILE *file = open_memstream(text, &size);
        assert_int_equal(acn_why_ask(getpid(), file, &communicators, &waiting), ACN_OK);
        fclose(file);
        assert_true(communicators > 0); /* this one, and those that other tests left open */
    }
    pthread_barrier_wait(&asked);
    return NULL;
}

/* Rank 0 waits for rank 1 or 2, rank 1 for rank 0's message, rank 2 does nothing. */
static void hangs_are_explained(void **state) {
    char *text = NULL;
    pthread_t asker;
    pthread_barrier_init(&asked, NULL, 4);
    pthread_create(&asker, NULL, ask, &text);
    on_ranks(3, hang, 0);
    pthread_join(asker, NULL);
    pthread_barrier_destroy(&asked);
    lacks(text, "of 3 ranks, of which 2 wait");
    lacks(text, "is in AllReduce 1 (5 f32) and waits for rank ");
    lacks(text, "is in Recv and waits for rank 0 for ");
    lacks(text, "device 2): is in no call; its last collective was none");
    /* Which of them rank 0 waits for first is its algorithm's affair. */
    if (strstr(text, "waits for rank 1") != NULL)
        lacks(text, "they wait for one another: rank 0 in AllReduce 1 (5 f32), rank 1 in Recv");
    else
        lacks(text, "all wait for rank 2");
    free(text);
    assert_int_equal(acn_why_ask(1 << 22, stdout, &(int){0}, &(int){0}), ACN_NAME_NOT_FOUND);
}

int main(int argc, char **argv) {
    setenv("HCCL_CONNECT_TIMEOUT", argc > 1 ? "60" : "1", 1);
    ranks_begin();
    if (argc > 1) return as_child(argv + 1);
    close(mkstemp(root_path));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survivors_go_on),           cmocka_unit_test(death_is_seen_by_asking),
        cmocka_unit_test(late_steps_change_nothing), cmocka_unit_test(lost_signals_end_in_time),
        cmocka_unit_test(death_among_the_first),     cmocka_unit_test(missing_ranks_are_named),
        cmocka_unit_test(strangers_are_refused),     cmocka_unit_test(wrong_faults_are_refused),
        cmocka_unit_test(settings_are_checked),      cmocka_unit_test(different_calls_are_found),
        cmocka_unit_test(hangs_are_explained),       cmocka_unit_test(nothing_is_left),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(root_path);
    return failed;
}
