/* Memory in collectives: unequal parts of it, mapped memory, memory that a communicator is told
 * about, and collectives that a graph holds. */
#include "ranks.h"

#include "base/report.h"
#include "hccl/hccl_ex.h"

static const HcclDataType f32 = HCCL_DATA_TYPE_FP32;

/* Unequal parts: rank k has 3 k elements of value, so rank 0 has none. */

static void gather_unequal(rank *r) {
    uint64_t counts[RANKS], offsets[RANKS];
    float *all = device_memory(256 * sizeof(float)), *part = device_memory(64 * sizeof(float));
    for (uint64_t i = 0; i < r->count; i++)
        counts[i] = 3 * i, offsets[i] = 20 * i + 1;
    for (int in_place = 0; in_place < 2; in_place++) {
        float *mine = in_place ? all + offsets[r->id] : part;
        for (int i = 0; i < 256; i++)
            all[i] = -1;
        for (uint64_t i = 0; i < counts[r->id]; i++)
            mine[i] = (float)(100 * r->id + i);
        OK((int)HcclAllGatherV(mine, counts[r->id], all, counts, offsets, f32, r->comm, r->stream));
        wait_for(r);
        for (uint64_t i = 0; i < 20 * r->count; i++) {
            uint64_t of = i / 20, at = i % 20;
            bool is_set = at >= 1 && at <= 3 * of;
            assert_true(all[i] == (is_set ? (float)(100 * of + at - 1) : -1));
        }
    }
    FAILS(HCCL_E_PARA, "HcclAllGatherV", "expected the same",
          (int)HcclAllGatherV(part, 77, all, counts, offsets, f32, r->comm, r->stream));
    if (r->id > 0)
        FAILS(HCCL_E_PARA, "HcclAllGatherV", "overlap",
              (int)HcclAllGatherV(all + offsets[r->id] + 1, counts[r->id], all, counts, offsets,
                                  f32, r->comm, r->stream));
    OK(aclrtFree(all));
    OK(aclrtFree(part));
}

static void scatter_unequal(rank *r) {
    uint64_t counts[RANKS], offsets[RANKS], p = r->count;
    float *all = device_memory(256 * sizeof(float)), *part = device_memory(64 * sizeof(float));
    for (uint64_t i = 0; i < p; i++)
        counts[i] = 3 * i + (i > 1), offsets[i] = 20 * i;
    for (int variant = 0; variant < 4; variant++) {
        bool in_place = variant % 2, is_max = variant / 2;
        float *mine = in_place ? all + offsets[r->id] : part;
        for (uint64_t i = 0; i < 20 * p; i++)
            all[i] = (float)(1000 * (r->id + 1) + i);
        OK((int)HcclReduceScatterV(all, counts, offsets, mine, counts[r->id], f32,
                                   is_max ? HCCL_REDUCE_MAX : HCCL_REDUCE_SUM, r->comm, r->stream));
        wait_for(r);
        for (uint64_t i = 0; i < counts[r->id]; i++) {
            uint64_t at = 20 * r->id + i;
            uint64_t wanted = is_max ? 1000 * p + at : 500 * p * (p + 1) + p * at;
            assert_true(mine[i] == (float)wanted);
        }
    }
    FAILS(HCCL_E_PARA, "HcclReduceScatterV", "op is 9",
          (int)HcclReduceScatterV(all, counts, offsets, part, counts[r->id], f32, (HcclReduceOp)9,
                                  r->comm, r->stream));
    OK(aclrtFree(all));
    OK(aclrtFree(part));
}

static void unequal_parts(void **state) {
    for (uint32_t ranks = 1; ranks <= RANKS; ranks++) {
        on_ranks(ranks, gather_unequal, 0);
        on_ranks(ranks, scatter_unequal, 0);
    }
}

/* Mapped memory: two pieces, put behind the addresses in the order in which they lie in the device,
 * or the other way round. */

enum { UNIT = 2 << 20 };

typedef struct mapped {
    char *address;
    aclrtDrvMemHandle handles[2];
} mapped;

static mapped map_pieces(int device, bool is_turned) {
    aclrtPhysicalMemProp prop = {.location = {(uint32_t)device, ACL_MEM_LOCATION_TYPE_DEVICE}};
    mapped m;
    void *address;
    OK(aclrtReserveMemAddress(&address, 2 * (size_t)UNIT, 0, NULL, 0));
    m.address = address;
    for (int i = 0; i < 2; i++)
        OK(aclrtMallocPhysical(&m.handles[i], UNIT, &prop, 0));
    for (int i = 0; i < 2; i++)
        OK(aclrtMapMem(m.address + i * UNIT, UNIT, 0, m.handles[is_turned ? 1 - i : i], 0));
    return m;
}

static void unmap_pieces(mapped *m) {
    for (int i = 0; i < 2; i++) {
        OK(aclrtUnmapMem(m->address + i * UNIT));
        OK(aclrtFreePhysical(m->handles[i]));
    }
    OK(aclrtReleaseMemAddress(m->address));
}

static void use_mapped(rank *r) {
    enum { N = 3000 };
    mapped m = map_pieces((int)r->id, r->argument);
    float *x = (float *)(void *)(m.address + UNIT - N * sizeof(float) / 2),
          *y = device_memory(4 * N);
    uint32_t next = (r->id + 1) % r->count, previous = (r->id + r->count - 1) % r->count;
    for (int i = 0; i < N; i++)
        x[i] = (float)(r->id * 10 + (uint32_t)i);
    OK((int)HcclAllReduce(x, x, N, f32, HCCL_REDUCE_SUM, r->comm, r->stream));
    wait_for(r);
    for (int i = 0; i < N; i++)
        assert_true(x[i] == (float)(30 + 3 * i));
    for (int i = 0; i < N; i++)
        x[i] = (float)r->id;
    OK((int)HcclBroadcast(x, N, f32, 1, r->comm, r->stream));
    wait_for(r);
    assert_true(x[0] == 1 && x[N - 1] == 1);
    for (int i = 0; i < N; i++)
        x[i] = (float)(r->id + 5);
    OK((int)HcclGroupStart());
    OK((int)HcclSend(x, N, f32, next, r->comm, r->stream));
    OK((int)HcclRecv(y, N, f32, previous, r->comm, r->stream));
    OK((int)HcclGroupEnd());
    OK((int)HcclGroupStart());
    OK((int)HcclSend(y, N, f32, next, r->comm, r->stream));
    OK((int)HcclRecv(x, N, f32, previous, r->comm, r->stream));
    OK((int)HcclGroupEnd());
    wait_for(r);
    uint32_t before = (previous + r->count - 1) % r->count;
    assert_true(y[0] == (float)(previous + 5) && y[N - 1] == (float)(previous + 5));
    assert_true(x[0] == (float)(before + 5) && x[N - 1] == (float)(before + 5));
    FAILS(HCCL_E_PARA, "HcclBroadcast", "not all of which aclrtMapMem",
          (int)HcclBroadcast(x, 4 * UNIT, f32, 1, r->comm, r->stream));
    OK(aclrtFree(y));
    unmap_pieces(&m);
}

static void memory_of_map_mem(void **state) {
    /* Only pieces that are turned need copies. */
    acn_report_slot *copies = acn_report_open("api", "collectives that copied mapped memory");
    on_ranks(3, use_mapped, 1);
    assert_int_equal(copies->count, 3 * 5);
    on_ranks(3, use_mapped, 0);
    assert_int_equal(copies->count, 3 * 5);
}

/* Memory that a communicator is told about. */

static void register_memory(rank *r) {
    char *x = device_memory(1 << 20), host[64];
    void *handle, *again, *other;
    size_t offset;
    uint32_t peers[] = {0, 1, 7};
    OK((int)HcclCommRegister(r->comm, x, 4096, &handle, 0));
    FAILS(HCCL_E_PARA, "HcclCommRegister", "already",
          (int)HcclCommRegister(r->comm, x + 100, 8, &again, 0));
    FAILS(HCCL_E_PARA, "HcclCommRegister", "host memory",
          (int)HcclCommRegister(r->comm, host, 64, &again, 0));
    FAILS(HCCL_E_PARA, "HcclCommRegister", "size is 0",
          (int)HcclCommRegister(r->comm, x + 8192, 0, &again, 0));
    OK((int)HcclCommExchangeMem(r->comm, handle, peers, 2));
    FAILS(HCCL_E_PARA, "HcclCommExchangeMem", "peerRankNum is 3",
          (int)HcclCommExchangeMem(r->comm, handle, peers, 3));
    FAILS(HCCL_E_PARA, "HcclCommExchangeMem", "peerRanks[0] is 7",
          (int)HcclCommExchangeMem(r->comm, handle, peers + 2, 1));
    OK((int)HcclCommSymWinRegister(r->comm, x, 1 << 16, &other, 0));
    OK((int)HcclCommSymWinGet(r->comm, x + 1000, 10, &again, &offset));
    assert_true(again == other && offset == 1000);
    FAILS(HCCL_E_NOT_FOUND, "HcclCommSymWinGet", "does not lie",
          (int)HcclCommSymWinGet(r->comm, x + 1000, 1 << 16, &again, &offset));
    FAILS(HCCL_E_PARA, "HcclCommSymWinDeregister", "does not exist",
          (int)HcclCommSymWinDeregister(handle));
    OK((int)HcclCommSymWinDeregister(other));
    OK((int)HcclCommDeregister(r->comm, handle));
    FAILS(HCCL_E_PARA, "HcclCommDeregister", "does not exist",
          (int)HcclCommDeregister(r->comm, handle));
    OK((int)HcclCommRegister(r->comm, x, 4096, &handle, 0)); /* ends with the communicator */
    OK(aclrtFree(x));
}

static void set_ranges(rank *r) {
    mapped m = map_pieces((int)r->id, 0);
    char *x = device_memory(64);
    FAILS(HCCL_E_PARA, "HcclCommSetMemoryRange", "no range of aclrtReserveMemAddress",
          (int)HcclCommSetMemoryRange(r->comm, x, 64, 0, 0));
    FAILS(HCCL_E_PARA, "HcclCommSetMemoryRange", "flags is 0x1",
          (int)HcclCommSetMemoryRange(r->comm, m.address, UNIT, 0, 1));
    FAILS(HCCL_E_NOT_FOUND, "HcclCommActivateCommMemory", "HcclCommSetMemoryRange",
          (int)HcclCommActivateCommMemory(r->comm, m.address, UNIT, 0, m.handles[0], 0));
    OK((int)HcclCommSetMemoryRange(r->comm, m.address, 2 * (size_t)UNIT, 0, 0));
    OK((int)HcclCommActivateCommMemory(r->comm, m.address + UNIT, UNIT, 0, m.handles[1], 0));
    FAILS(HCCL_E_PARA, "HcclCommActivateCommMemory", "does not exist",
          (int)HcclCommActivateCommMemory(r->comm, m.address, UNIT, 0, x, 0));
    FAILS(HCCL_E_NOT_FOUND, "HcclCommDeactivateCommMemory", "does not lie",
          (int)HcclCommDeactivateCommMemory(r->comm, m.address));
    OK((int)HcclCommDeactivateCommMemory(r->comm, m.address + UNIT));
    OK((int)HcclCommUnsetMemoryRange(r->comm, m.address));
    OK(aclrtFree(x));
    unmap_pieces(&m);
}

static void choose_cards(rank *r) {
    uint32_t ranks[] = {0, 1};
    bool backup[] = {false, true};
    OK((int)HcclCommWorkingDevNicSet(r->comm, ranks, backup, 1));
    FAILS(HCCL_E_NOT_SUPPORT, "HcclCommWorkingDevNicSet", "no second network card",
          (int)HcclCommWorkingDevNicSet(r->comm, ranks, backup, 2));
}

static void communicators_are_told_of_memory(void **state) {
    on_ranks(2, register_memory, 0);
    assert_int_equal(acn_slab_live_count_of("claim"), 0);
    on_ranks(2, set_ranges, 0);
    on_ranks(2, choose_cards, 0);
    assert_int_equal(acn_slab_live_count_of("claim"), 0);
}

/* Graphs. */

static void replay(rank *r) {
    enum { N = 5000, REPLAYS = 15 };
    float *x = device_memory(N * 4), *y = device_memory(N * 4 * RANKS);
    uint32_t next = (r->id + 1) % r->count, previous = (r->id + r->count - 1) % r->count;
    aclmdlRI graph;
    OK(aclmdlRICaptureBegin(r->stream, ACL_MODEL_RI_CAPTURE_MODE_RELAXED));
    OK((int)HcclAllReduce(x, x, N, f32, HCCL_REDUCE_SUM, r->comm, r->stream));
    OK((int)HcclAllGather(x, y, N, f32, r->comm, r->stream));
    OK((int)HcclGroupStart());
    OK((int)HcclSend(x, N, f32, next, r->comm, r->stream));
    OK((int)HcclRecv(y, N, f32, previous, r->comm, r->stream));
    OK((int)HcclGroupEnd());
    OK(aclmdlRICaptureEnd(r->stream, &graph));
    for (int i = 0; i < N; i++)
        x[i] = 1;
    float wanted = 1;
    for (int i = 0; i < REPLAYS; i++) {
        OK(aclmdlRIExecuteAsync(graph, r->stream));
        wanted *= (float)r->count;
        /* Between them a call that is not recorded. */
        if (i == 7) OK((int)HcclBarrier(r->comm, r->stream));
    }
    wait_for(r);
    assert_true(x[0] == wanted && x[N - 1] == wanted);
    for (uint32_t i = 0; i < r->count; i++)
        assert_true(y[i * N] == wanted && y[i * N + N - 1] == wanted);
    OK(aclmdlRIDestroy(graph));
    OK(aclrtFree(x));
    OK(aclrtFree(y));
}

static void graphs_hold_collectives(void **state) {
    on_ranks(2, replay, 0);
    on_ranks(3, replay, 0);
}

int main(void) {
    ranks_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unequal_parts),
        cmocka_unit_test(memory_of_map_mem),
        cmocka_unit_test(communicators_are_told_of_memory),
        cmocka_unit_test(graphs_hold_collectives),
        cmocka_unit_test(nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
