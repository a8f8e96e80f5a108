/* hccl_test.h - the programs all_reduce_test and its ten sisters: one program, of which each knows
 * the name of its collective. They use public functions only, like any client. */
#ifndef ACN_TOOLS_HCCL_TEST_H
#define ACN_TOOLS_HCCL_TEST_H

#include <acl/acl.h>
#include <hccl/hccl.h>
#include <hccl/hccl_comm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* ---- options.c ------------------------------------------------------------------------------ */

typedef struct test_type {
    const char *name;
    HcclDataType code;
    size_t bytes;
    uint64_t exact; /* all whole numbers up to this are values */
} test_type;

typedef struct test_options {
    uint64_t min_bytes, max_bytes, step_bytes, step_factor; /* factor 0: by bytes */
    unsigned iterations, warm_ups, root, check, devices;    /* devices 0: as many as there are */
    unsigned ranks;                                         /* of --np; 0: a launcher's */
    HcclReduceOp op;
    const test_type *type;
    const char *root_file;
} test_options;

/* Ends the program for --help (0) and for options that it does not understand (2). */
void test_options_read(test_options *options, int argc, char **argv);

/* ---- launch.c ------------------------------------------------------------------------------- */

typedef struct test_launch test_launch;

/* Becomes one of the ranks: starts the others for --np, or asks the launcher's variables. */
test_launch *test_launch_begin(const test_options *options);
uint32_t test_launch_rank(const test_launch *launch);
uint32_t test_launch_ranks(const test_launch *launch);
/* Rank 0 gives, the others take. */
void test_launch_share(test_launch *launch, HcclRootInfo *root);
/* All have the root information. */
void test_launch_met(test_launch *launch);
/* The exit code of all ranks that are known here. */
int test_launch_end(test_launch *launch, int code);

/* ---- cases.c -------------------------------------------------------------------------------- */

typedef struct test_case test_case;

typedef struct test_run {
    const test_options *options;
    const test_case *test;
    uint32_t rank, ranks;
    HcclComm comm;
    aclrtStream stream;
    void *in, *out;
    /* Elements of one size of message: |whole| of collectives that cut nothing, or what each rank
     * (row) has for each (column), with sums of what stands before. */
    uint64_t whole;
    uint64_t *shares, *before_in_row, *before_in_column;
    uint64_t row_total, column_total; /* of this rank */
} test_run;

/* |count| elements of an output: those at |from_at| of the input of rank |from|, or the reduction
 * of all ranks' (from == ranks). */
typedef struct test_piece {
    uint32_t from;
    uint64_t from_at, at, count;
} test_piece;

const test_case *test_case_find(const char *name);
bool test_case_reduces(const test_case *test);
/* The most bytes of either buffer for messages of |bytes|. */
uint64_t test_case_room(uint64_t bytes, uint32_t ranks);
/* Sets sizes for a message of |bytes|, as far as they can be cut evenly. */
void test_case_size(test_run *run, uint64_t bytes);
uint64_t test_case_inputs(const test_run *run);
/* The bytes that count as the message's size. */
uint64_t test_case_bytes(const test_run *run);
/* At most one for each rank. */
uint32_t test_case_pieces(const test_run *run, test_piece *out);
HcclResult test_case_call(const test_run *run);

/* ---- numbers.c ------------------------------------------------------------------------------ */

/* Whether sums of all ranks are exact in the type: otherwise nothing is said about results. */
bool test_numbers_are_exact(const test_run *run);
/* |count| inputs of a rank; another |round| has other numbers. */
void test_numbers_fill(const test_run *run, void *memory, uint64_t count, uint32_t round);
/* How many elements are wrong; says on standard error which is the first, and with verbose check
 * the first few. */
uint64_t test_numbers_check(const test_run *run, const void *memory, uint32_t round);

/* ---- main.c --------------------------------------------------------------------------------- */

extern const char test_name[]; /* "all_reduce" */
_Noreturn void test_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
