/* test_bounds.c - an index that names no element: the run fails, whatever the level and the number
 * of threads, with a text that names the input, the index and what was expected; and nothing
 * outside the output's elements is read or written (the sanitizers' build sees the reading). */
#include "../unit/unit.h"
#include "base/pool.h"
#include "base/status.h"
#include "ops/plan_cache.h"
#include "subject.h"

typedef struct wrong_index {
    const char *op, *text, *words;
    bool in_place; /* the output is the input, and must stay as it was */
} wrong_index;

static const wrong_index wrong[] = {
    {"GatherV2", "[6,7],i64[4]@6..6|axis=0",
     "indices holds index 6, its element 0; expected -6 to 5", false},
    {"GatherV2", "[6,7],i32[30000]@8..8|axis=1", "index 8, its element 0; expected -7 to 6", false},
    {"GatherV2", "[6,7],i64[]@-7..-7|axis=0", "index -7, its element 0; expected -6 to 5", false},
    {"GatherV2", "[0,7],i64[2]@0..0|axis=0", "index 0, its element 0; expected none", false},
    {"Embedding", "[6,7],i64[4]@6..6", "indices holds index 6", false},
    {"GatherElements", "[6,7],i64[3,7]@6..6|dim=0", "index holds index 6, its element 0", false},
    {"GatherElements", "[6,70000],i64[3,70000]@-7..-7|dim=0", "index holds index -7", false},
    {"Index", "[6,7,3],{i64[4]@0..5,i64[4]@7..7}", "indices[1] holds index 7", false},
    {"Index", "[6,7,3],{i64[4,2]@-7..-7}", "indices holds index -7", false},
    {"IndexPutV2", "[6,7],[4,7],{i64[4]@6..6}", "indices holds index 6", true},
    {"IndexPutV2", "[6,7],[4],{i64[4]@0..5,i64[4]@7..7}|accumulate=1", "indices[1] holds index 7",
     true},
    {"EmbeddingDenseGrad", "[4,5],i64[4]@4..4|num_weights=4",
     "indices holds index 4, its element 0; expected 0 to 3", false},
    {"EmbeddingDenseGrad", "[4,5],i32[4]@-1..-1|num_weights=4", "indices holds index -1", false},
    {"NLLLoss", "[6,5],i64[6]@5..5", "target holds index 5, its element 0; expected 0 to 4", false},
    {"ScatterList", "{f32[2,5,4],f32[2,5,4]},i64[2]@4..4,[2,2,2,4]->{f32[2,5,4],f32[2,5,4]}",
     "indice holds index 4, its element 0; expected 0 to 3", true},
    {"MaxUnpoolingGrad", "[2,4,4],[2,2,2],i64[2,2,2]@16..16|output_size=[4,4]",
     "index 16 is out of range for a plane of 16 elements", false},
    {"FusedLinearOnlineMaxSum",
     "f32[2,5],f32[3,5],i64[2]@9..9|vocab_start_index=5,vocab_end_index=11",
     "target holds index 9, its element 0; expected 5 to 7", false},
    {"VocabParallelGrad", "f32[2,7],f32[2],u8[1]@0..0,i64[2]@7..7", "masked_target holds index 7",
     false},
    {"GatherV3", "[3,6,7],i32[3,4]@6..6|axis=1,batch_dims=1", "indices holds index 6", false},
    {"CrossEntropyLoss", "[6,5],i64[6]@5..5|reduction=mean",
     "target holds index 5, its element 0; expected 0 to 4", false},
    {"CrossEntropyLossGrad", "[],[6,5],i64[6]@5..5|reduction=mean", "target holds index 5", false},
    {"NLLLossGrad", "[6,5],[],i64[6]@5..5,-,[]@1..9", "target holds index 5", false},
};

static void build(subject *s, const wrong_index *w) {
    const char *text = w->text;
    test_case c = {0};
    variant v = {.dtype = ACN_F32, .in_place = w->in_place};
    if (next_case(&text, &c) != 1) fail_msg("cannot read %s", w->text);
    if (!subject_build(s, acn_op_find(w->op), &c, &v)) fail_msg("%s: %s", w->op, s->problem);
}

static void expect_failure(subject *s, const wrong_index *w, bool (*run)(subject *)) {
    build(s, w);
    if (run(s)) fail_msg("%s %s: no error", w->op, w->text);
    if (!strstr(s->problem, w->words))
        fail_msg("%s %s: no \"%s\" in: %s", w->op, w->text, w->words, s->problem);
    if (!subject_is_clean(s)) fail_msg("%s %s: %s", w->op, w->text, s->problem);
    const block *b = &s->block[0];
    if (w->in_place) assert_memory_equal(b->before, acn_out(&s->call, 0)->data, b->bytes);
    subject_release(s);
}

static void test_wrong_indices(void **state) {
    static subject s;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (!wrong[i].in_place) expect_failure(&s, &wrong[i], subject_run0);
        for (int threads = 1; threads <= 2; threads++) {
            acn_pool_set_size(threads);
            expect_failure(&s, &wrong[i], subject_run);
        }
    }
}

/* The one that is told is the first in row-major order, though threads meet others before. */
static void test_the_first_is_told(void **state) {
    static subject s;
    static const wrong_index far = {"GatherV2", "[6,7],i64[3,20000]@0..5|axis=0", NULL, false};
    build(&s, &far);
    int64_t *indices = acn_in(&s.call, 1)->data;
    for (int64_t i = 59999; i >= 30001; i -= 3)
        indices[i] = i;
    memcpy(s.block[1].before, indices, s.block[1].bytes);
    for (int round = 0; round < 20; round++) {
        assert_false(subject_run(&s));
        free(s.workspace);
        s.workspace = NULL;
        acn_plan_release(s.call.plan);
        assert_non_null(strstr(s.problem, "index 30002, its element 30002"));
    }
    subject_release(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wrong_indices),
                                       cmocka_unit_test(test_the_first_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
