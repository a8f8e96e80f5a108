/* Memory that runs out: every public call that needs some answers with a code and a text, leaves
 * nothing behind, and works when it is called again. Each scenario runs in children of fork, which
 * also meet what is only set up once, and then in this process, where what stays alive is counted.
 * One program a subject includes this once.
 */
#ifndef ACN_TESTS_SCARCE_SCENARIOS_H
#define ACN_TESTS_SCARCE_SCENARIOS_H

#include "scarce.h"

#include "client.h"

#include "ops/plan_cache.h"
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_SCENARIOS = 40, MOST_REQUESTS = 400, ATTEMPTS = 8, NO_HANDLE = -1 };

static aclrtStream stream;
static float x[24] = {1, 2, 3, 4, 5, 6, 7, 8};

/* Scenarios return the first code other than 0, and end what they made whatever happens. */
#define FIRST(call)                                                                                \
    do {                                                                                           \
        int code_ = (call);                                                                        \
        if (code == 0) code = code_;                                                               \
    } while (0)
#define MADE(handle) ((handle) ? 0 : NO_HANDLE)

#define DIMS(...) ((int64_t[]){__VA_ARGS__})

static inline void do_nothing(void *data) { (void)data; }

typedef struct scenario {
    const char *name;
    int (*run)(void);
    bool opens; /* makes its own surroundings */
} scenario;

static void set_up(void) {
    OK(aclInit(NULL));
    OK(aclrtSetDevice(0));
    OK(aclrtCreateStream(&stream));
}

/* What may be answered: out of host memory, of device memory, or success where the request was for
 * something that can be done without. */
static bool is_right(int code, const char **out_text) {
    *out_text = aclGetRecentErrMsg();
    if (code == 0) return true;
    if (!*out_text) *out_text = "no text";
    bool is_code = code == NO_HANDLE || code == 200000 || code == 207001 || code == 561101;
    return is_code && strcmp(*out_text, "no text") != 0;
}

/* Slow builds leave out most of the later requests. */
static int after(int n) { return n + (n < 8 ? 1 : UNIT_EVERY(6)); }

enum { MET = 0, NOTHING_LEFT = 10, WRONG = 20 };

static int in_child(const scenario *s, int n) {
    const char *text;
    if (!s->opens) set_up();
    scarce_arm(n);
    int code = s->run();
    bool was_met = scarce_disarm();
    if (!is_right(code, &text) || (code != 0 && !was_met)) {
        print_error("%s, request %d: answers %d: %s\n", s->name, n, code, text ? text : "");
        return WRONG;
    }
    code = s->run();
    if (code != 0) {
        text = aclGetRecentErrMsg();
        print_error("%s, after request %d: answers %d: %s\n", s->name, n, code, text ? text : "");
        return WRONG;
    }
    return was_met ? MET : NOTHING_LEFT;
}

/* From a fresh process: first uses fail, too. */
static void in_fresh_processes(void **state) {
    const scenario *s = *state;
    for (int n = 1; n < MOST_REQUESTS; n = after(n)) {
        int status = 0;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) _exit(in_child(s, n));
        waitpid(child, &status, 0);
        if (!WIFEXITED(status)) fail_msg("%s, request %d: signal %d", s->name, n, status);
        if (WEXITSTATUS(status) == NOTHING_LEFT) return;
        if (WEXITSTATUS(status) != MET) fail_msg("%s, request %d: see above", s->name, n);
    }
    fail_msg("%s asks for more than %d times", s->name, MOST_REQUESTS);
}

static void settle(void) {
    OK(aclrtSynchronizeDevice());
    acn_plan_cache_clear();
}

/* Blocks that the library holds after request |n| has failed, beyond those it held before. */
static long blocks_that_stay(const scenario *s, int n, bool *out_met) {
    const char *text;
    settle();
    client_count(NULL);
    long blocks = atomic_load(&scarce_blocks);
    scarce_arm(n);
    int code = s->run();
    *out_met = scarce_disarm();
    if (!is_right(code, &text)) fail_msg("%s, request %d: %d: %s", s->name, n, code, text);
    settle();
    if (client_compare(NULL)) fail_msg("%s, request %d: objects stay", s->name, n);
    return code != 0 ? atomic_load(&scarce_blocks) - blocks : 0;
}

/* A stream's thread that comes late makes another one start, and threads stay; a leak is there
 * each time. */
static void nothing_stays(void **state) {
    const scenario *s = *state;
    bool was_met = true;
    assert_int_equal(s->run(), 0);
    for (int n = 1; was_met; n = after(n)) {
        int attempts = 1;
        if (n >= MOST_REQUESTS) fail_msg("%s asks for more than %d times", s->name, n);
        while (blocks_that_stay(s, n, &was_met) > 0) {
            if (++attempts > ATTEMPTS) fail_msg("%s, request %d: blocks stay", s->name, n);
            usleep(1000); /* for threads to come to rest */
        }
    }
}

static int run_scenarios(const scenario *scenarios, size_t count) {
    setenv("ASCEND_GLOBAL_LOG_LEVEL", "4", 1); /* names of log files stay, once */
    static struct CMUnitTest cold[MOST_SCENARIOS], warm[MOST_SCENARIOS];
    assert_true(count <= MOST_SCENARIOS);
    size_t warm_count = 0;
    for (size_t i = 0; i < count; i++) {
        void *state = (void *)&scenarios[i];
        cold[i] = (struct CMUnitTest){
            .name = scenarios[i].name, .test_func = in_fresh_processes, .initial_state = state};
        if (!scenarios[i].opens)
            warm[warm_count++] = (struct CMUnitTest){
                .name = scenarios[i].name, .test_func = nothing_stays, .initial_state = state};
    }
    int failed = _cmocka_run_group_tests("first uses", cold, count, NULL, NULL);
    set_up();
    failed += _cmocka_run_group_tests("nothing stays", warm, warm_count, NULL, NULL);
    OK(aclrtDestroyStream(stream));
    OK(aclrtResetDevice(0));
    OK(aclFinalize());
    return failed;
}

#endif
