/* ranks.h - what tests of collectives share: ranks as threads of one process, each with a device
 * and a stream. Programs call ranks_begin first. */
#ifndef ACN_TESTS_RANKS_H
#define ACN_TESTS_RANKS_H

#include "client.h"

#include "hccl/hccl.h"
#include "hccl/hccl_comm.h"
#include <pthread.h>

enum { RANKS = 4 };

typedef struct rank {
    uint32_t id, count; /* |count| ranks take part */
    HcclComm comm;
    aclrtStream stream;
    pthread_t thread;
    void (*body)(struct rank *rank);
    int argument;
} rank;

static void *rank_main(void *data) {
    rank *r = data;
    OK(aclrtSetDevice((int32_t)r->id));
    OK(aclrtCreateStream(&r->stream));
    r->body(r);
    OK(aclrtDestroyStream(r->stream));
    OK(aclrtResetDevice((int32_t)r->id));
    return NULL;
}

/* One thread a rank, on |comms|, which may be NULL. */
static inline void run_ranks(uint32_t count, const HcclComm *comms, void (*body)(rank *),
                             int argument) {
    rank ranks[RANKS];
    for (uint32_t i = 0; i < count; i++) {
        ranks[i] = (rank){.id = i, .count = count, .body = body, .argument = argument};
        ranks[i].comm = comms != NULL ? comms[i] : NULL;
        assert_int_equal(pthread_create(&ranks[i].thread, NULL, rank_main, &ranks[i]), 0);
    }
    for (uint32_t i = 0; i < count; i++)
        pthread_join(ranks[i].thread, NULL);
}

/* The same on communicators of HcclCommInitAll. */
static inline void on_ranks(uint32_t count, void (*body)(rank *), int argument) {
    HcclComm comms[RANKS];
    int32_t devices[RANKS] = {0, 1, 2, 3};
    OK(aclrtSetDevice(0));
    OK((int)HcclCommInitAll(count, devices, comms));
    run_ranks(count, comms, body, argument);
    for (uint32_t i = 0; i < count; i++)
        OK((int)HcclCommDestroy(comms[i]));
    OK(aclrtResetDevice(0));
}

static inline void *device_memory(size_t bytes) {
    void *memory;
    OK(aclrtMalloc(&memory, bytes + 64, ACL_MEM_MALLOC_HUGE_FIRST));
    return memory;
}

static inline void wait_for(rank *r) { OK(aclrtSynchronizeStream(r->stream)); }

static inline void ranks_begin(void) {
    setenv("ANYCANN_DEVICES", "4", 1);
    setenv("ANYCANN_MEMORY", "256M", 1);
    OK(aclInit(NULL));
}

/* To be the last test. */
static inline void nothing_is_left(void **state) {
    (void)state;
    assert_int_equal(acn_slab_live_count_of("communicator"), 0);
    assert_int_equal(acn_slab_live_count_of("collective"), 0);
}

#endif
