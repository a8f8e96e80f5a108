/* cases.c - the eleven collectives: how their buffers are cut, where each part of an output comes
 * from, and the call. */
#include "hccl_test.h"

#include <stdlib.h>
#include <string.h>

/* What a rank's input and output are: everything, its own part for all (a row of shares), or what
 * all have for it (a column). */
typedef enum form {
    WHOLE,    /* whole -> whole */
    GATHER,   /* own -> all ranks' */
    SPREAD,   /* all ranks' -> own */
    EXCHANGE, /* row -> column */
} form;

struct test_case {
    const char *name;
    form form;
    bool reduces, has_root, is_uneven;
    HcclResult (*call)(const test_run *run);
};

#define TYPE  run->options->type->code
#define OP    run->options->op
#define ROOT  run->options->root
#define WHERE run->comm, run->stream

static uint64_t share(const test_run *run, uint32_t row, uint32_t column) {
    return run->shares[(size_t)row * run->ranks + column];
}

static HcclResult all_reduce(const test_run *run) {
    return HcclAllReduce(run->in, run->out, run->whole, TYPE, OP, WHERE);
}
static HcclResult reduce(const test_run *run) {
    return HcclReduce(run->in, run->out, run->whole, TYPE, OP, ROOT, WHERE);
}
static HcclResult broadcast(const test_run *run) {
    void *buffer = run->rank == ROOT ? run->in : run->out;
    return HcclBroadcast(buffer, run->whole, TYPE, ROOT, WHERE);
}
static HcclResult all_gather(const test_run *run) {
    return HcclAllGather(run->in, run->out, share(run, 0, 0), TYPE, WHERE);
}
static HcclResult reduce_scatter(const test_run *run) {
    return HcclReduceScatter(run->in, run->out, share(run, 0, 0), TYPE, OP, WHERE);
}
static HcclResult scatter(const test_run *run) {
    return HcclScatter(run->in, run->out, share(run, 0, 0), TYPE, ROOT, WHERE);
}
static HcclResult all_to_all(const test_run *run) {
    uint64_t n = share(run, 0, 0);
    return HcclAlltoAll(run->in, n, TYPE, run->out, n, TYPE, WHERE);
}

/* A column of the matrix as an array of its own: |column| of shares or of what stands before. */
static void take_column(const test_run *run, const uint64_t *matrix, uint32_t column,
                        uint64_t *out) {
    for (uint32_t i = 0; i < run->ranks; i++)
        out[i] = matrix[(size_t)i * run->ranks + column];
}

static HcclResult all_gather_v(const test_run *run) {
    uint64_t counts[run->ranks], before[run->ranks];
    take_column(run, run->shares, run->rank, counts);
    take_column(run, run->before_in_column, run->rank, before);
    return HcclAllGatherV(run->in, share(run, run->rank, 0), run->out, counts, before, TYPE, WHERE);
}
static HcclResult reduce_scatter_v(const test_run *run) {
    size_t row = (size_t)run->rank * run->ranks;
    return HcclReduceScatterV(run->in, &run->shares[row], &run->before_in_row[row], run->out,
                              share(run, 0, run->rank), TYPE, OP, WHERE);
}
static HcclResult all_to_all_v(const test_run *run) {
    uint64_t counts[run->ranks], before[run->ranks];
    size_t row = (size_t)run->rank * run->ranks;
    take_column(run, run->shares, run->rank, counts);
    take_column(run, run->before_in_column, run->rank, before);
    return HcclAlltoAllV(run->in, &run->shares[row], &run->before_in_row[row], TYPE, run->out,
                         counts, before, TYPE, WHERE);
}
static HcclResult all_to_all_vc(const test_run *run) {
    return HcclAlltoAllVC(run->in, run->shares, TYPE, run->out, TYPE, WHERE);
}

static const test_case cases[] = {
    {.name = "all_gather", .form = GATHER, .call = all_gather},
    {.name = "all_gatherv", .form = GATHER, .is_uneven = true, .call = all_gather_v},
    {.name = "all_reduce", .form = WHOLE, .reduces = true, .call = all_reduce},
    {.name = "alltoall", .form = EXCHANGE, .call = all_to_all},
    {.name = "alltoallv", .form = EXCHANGE, .is_uneven = true, .call = all_to_all_v},
    {.name = "alltoallvc", .form = EXCHANGE, .is_uneven = true, .call = all_to_all_vc},
    {.name = "broadcast", .form = WHOLE, .has_root = true, .call = broadcast},
    {.name = "reduce", .form = WHOLE, .reduces = true, .has_root = true, .call = reduce},
    {.name = "reduce_scatter", .form = SPREAD, .reduces = true, .call = reduce_scatter},
    {.name = "reduce_scatterv",
     .form = SPREAD,
     .reduces = true,
     .is_uneven = true,
     .call = reduce_scatter_v},
    {.name = "scatter", .form = SPREAD, .has_root = true, .call = scatter},
};

const test_case *test_case_find(const char *name) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (strcmp(cases[i].name, name) == 0) return &cases[i];
    return NULL;
}

bool test_case_reduces(const test_case *test) { return test->reduces; }

uint64_t test_case_room(uint64_t bytes, uint32_t ranks) { return bytes / 2 * 3 + 16 * ranks; }

/* Uneven ones have half as much, as much, or half as much again as an even one. */
void test_case_size(test_run *run, uint64_t bytes) {
    const test_case *test = run->test;
    uint32_t ranks = run->ranks;
    uint64_t each = bytes / run->options->type->bytes / ranks;
    run->whole = bytes / run->options->type->bytes;
    for (uint32_t row = 0; row < ranks; row++)
        for (uint32_t column = 0; column < ranks; column++) {
            uint32_t what = test->form == GATHER ? row : column;
            if (test->form == EXCHANGE) what = row + 2 * column;
            uint64_t count = test->is_uneven ? each * (what % 3 + 1) / 2 : each;
            run->shares[(size_t)row * ranks + column] = count;
        }
    for (uint32_t i = 0; i < ranks; i++) {
        uint64_t row_sum = 0, column_sum = 0;
        for (uint32_t k = 0; k < ranks; k++) {
            run->before_in_row[(size_t)i * ranks + k] = row_sum;
            run->before_in_column[(size_t)k * ranks + i] = column_sum;
            row_sum += share(run, i, k);
            column_sum += share(run, k, i);
        }
        if (i != run->rank) continue;
        run->row_total = row_sum;
        run->column_total = column_sum;
    }
}

uint64_t test_case_inputs(const test_run *run) {
    const test_case *test = run->test;
    if (test->form == WHOLE) return run->whole;
    return test->form == GATHER ? share(run, run->rank, 0) : run->row_total;
}

uint64_t test_case_bytes(const test_run *run) {
    bool is_whole = run->test->form == WHOLE;
    uint64_t most = run->test->form == GATHER ? run->column_total : run->row_total;
    return (is_whole ? run->whole : most) * run->options->type->bytes;
}

uint32_t test_case_pieces(const test_run *run, test_piece *out) {
    const test_case *test = run->test;
    uint32_t from = test->reduces ? run->ranks : ROOT, me = run->rank;
    bool has_none =
        test->has_root && (test->reduces ? me != ROOT : test->form == WHOLE && me == ROOT);
    if (has_none) return 0;
    if (test->form == WHOLE) {
        out[0] = (test_piece){from, 0, 0, run->whole};
        return 1;
    }
    if (test->form == SPREAD) {
        out[0] = (test_piece){from, run->before_in_row[me], 0, share(run, 0, me)};
        return 1;
    }
    for (uint32_t i = 0; i < run->ranks; i++) {
        size_t cell = (size_t)i * run->ranks + me;
        uint64_t from_at = test->form == GATHER ? 0 : run->before_in_row[cell];
        out[i] = (test_piece){i, from_at, run->before_in_column[cell], run->shares[cell]};
    }
    return run->ranks;
}

HcclResult test_case_call(const test_run *run) { return run->test->call(run); }
