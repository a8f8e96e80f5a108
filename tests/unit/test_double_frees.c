/* Handles that two threads end at the same time: one of the two succeeds, the other is told, and
 * nothing is ended twice. */
#include "client.h"

#include "acl/acl_rt_memory_soma.h"
#include <pthread.h>

enum { ROUNDS = 300, ENDERS = 2 };

typedef struct race {
    int (*end)(void *handle);
    void *handle;
    pthread_barrier_t start, over;
    int codes[ENDERS];
    bool is_last;
} race;

typedef struct ender {
    race *race;
    int number;
    pthread_t thread;
} ender;

static void *end_again_and_again(void *data) {
    ender *e = data;
    race *r = e->race;
    if (aclrtSetDevice(0) != 0) return NULL;
    for (;;) {
        pthread_barrier_wait(&r->start);
        if (r->is_last) return NULL;
        r->codes[e->number] = r->end(r->handle);
        pthread_barrier_wait(&r->over);
    }
}

static void run_race(const char *what, int (*make)(void **), int (*end)(void *), int told) {
    race r = {.end = end};
    ender enders[ENDERS];
    pthread_barrier_init(&r.start, NULL, ENDERS + 1);
    pthread_barrier_init(&r.over, NULL, ENDERS + 1);
    for (int i = 0; i < ENDERS; i++) {
        enders[i] = (ender){.race = &r, .number = i};
        assert_int_equal(pthread_create(&enders[i].thread, NULL, end_again_and_again, &enders[i]),
                         0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        OK(make(&r.handle));
        pthread_barrier_wait(&r.start);
        pthread_barrier_wait(&r.over);
        int good = (r.codes[0] == 0) + (r.codes[1] == 0), other = r.codes[0] + r.codes[1];
        if (good != 1 || other != told)
            fail_msg("%s, round %d: the two answer %d and %d", what, round, r.codes[0], r.codes[1]);
    }
    r.is_last = true;
    pthread_barrier_wait(&r.start);
    for (int i = 0; i < ENDERS; i++)
        pthread_join(enders[i].thread, NULL);
    pthread_barrier_destroy(&r.start);
    pthread_barrier_destroy(&r.over);
}

static int make_event(void **out) { return aclrtCreateEvent(out); }
static int make_notify(void **out) { return aclrtCreateNotify(out, 0); }
static int make_memory(void **out) { return aclrtMalloc(out, 1000, ACL_MEM_MALLOC_HUGE_FIRST); }
static int make_host(void **out) { return aclrtMallocHost(out, 1000); }
static int make_physical(void **out) {
    aclrtPhysicalMemProp prop = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    return aclrtMallocPhysical(out, 2 << 20, &prop, 0);
}
static int make_range(void **out) { return aclrtReserveMemAddress(out, 2 << 20, 0, NULL, 0); }
static int make_pool(void **out) {
    aclrtMemPoolProps props = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    return aclrtMemPoolCreate(out, &props);
}
/* With work on it, so that both threads have to wait. */
static void nothing(void *data) {}
static int make_stream(void **out) {
    int code = aclrtCreateStream(out);
    return code != 0 ? code : aclrtLaunchHostFunc(*out, nothing, NULL);
}

static int end_pool(void *pool) { return aclrtMemPoolDestroy(pool); }

static void one_of_two_threads_ends_it(void **state) {
    run_race("event", make_event, aclrtDestroyEvent, ACL_ERROR_RT_INVALID_HANDLE);
    run_race("notify", make_notify, aclrtDestroyNotify, ACL_ERROR_RT_INVALID_HANDLE);
    run_race("stream", make_stream, aclrtDestroyStream, ACL_ERROR_RT_INVALID_HANDLE);
    run_race("memory", make_memory, aclrtFree, ACL_ERROR_RT_PARAM_INVALID);
    run_race("host", make_host, aclrtFreeHost, ACL_ERROR_RT_PARAM_INVALID);
    run_race("physical", make_physical, aclrtFreePhysical, ACL_ERROR_RT_INVALID_HANDLE);
    run_race("range", make_range, aclrtReleaseMemAddress, ACL_ERROR_RT_PARAM_INVALID);
    run_race("pool", make_pool, end_pool, ACL_ERROR_RT_INVALID_HANDLE);
}

/* All of it goes back, whoever gave it. */
static void what_threads_free_is_free(void **state) {
    size_t before, after, total;
    OK(aclrtGetMemInfo(ACL_HBM_MEM, &before, &total));
    run_race("memory", make_memory, aclrtFree, ACL_ERROR_RT_PARAM_INVALID);
    OK(aclrtGetMemInfo(ACL_HBM_MEM, &after, &total));
    assert_int_equal(before, after);
}

int main(void) {
    if (aclrtSetDevice(0) != 0) return 3;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_two_threads_ends_it),
        cmocka_unit_test(what_threads_free_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
