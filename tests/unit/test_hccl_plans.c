/* Plans of collectives: every algorithm is proved for all numbers of ranks, and the proof finds
 * what is wrong with algorithms that are. */
#include "unit.h"

#include "base/status.h"
#include "hccl/prove.h"
#include <time.h>

enum { ALL_RANKS = 64 };

static void prove(const acn_algorithm *algorithm, acn_collective collective, uint32_t ranks) {
    bool has_root = acn_collective_has_root(collective);
    uint32_t step = ranks > 12 ? ranks - 1 : 1; /* of many roots the first and the last */
    for (uint32_t root = 0; root < (has_root ? ranks : 1); root += step)
        for (int in_place = 0; in_place <= acn_collective_can_be_in_place(collective); in_place++)
            if (acn_prove(algorithm, collective, ranks, root, in_place) != ACN_OK)
                fail_msg("%s", acn_error_take());
}

static void every_algorithm_is_right(void **state) {
    int count = 0;
    ACN_FOR_EACH(algorithm, algorithm) {
        for (int c = 0; c < ACN_COLLECTIVES; c++)
            for (uint32_t ranks = 1; ranks <= ALL_RANKS; ranks += UNIT_EVERY(7))
                if (algorithm->collectives >> c & 1u)
                    prove(algorithm, (acn_collective)c, ranks), count++;
    }
    assert_true(count > 0);
}

/* Two of the larger numbers, others in each run. */
static void larger_numbers_are_right_too(void **state) {
    unsigned seed = (unsigned)time(NULL);
    ACN_FOR_EACH(algorithm, algorithm) {
        for (int c = 0; c < ACN_COLLECTIVES; c++)
            for (int i = 0; i < 2; i++) {
                uint32_t more = (uint32_t)rand_r(&seed) % (ACN_PROVE_RANKS - ALL_RANKS);
                uint32_t ranks = ALL_RANKS + 1 + more, root = (uint32_t)rand_r(&seed) % ranks;
                if ((algorithm->collectives >> c & 1u) == 0) continue;
                if (!acn_collective_has_root((acn_collective)c)) root = 0;
                if (acn_prove(algorithm, (acn_collective)c, ranks, root,
                              i == 1 && acn_collective_can_be_in_place((acn_collective)c)) !=
                    ACN_OK)
                    fail_msg("%s", acn_error_take());
            }
    }
}

static void every_collective_has_an_algorithm(void **state) {
    for (int c = 0; c < ACN_COLLECTIVES; c++) {
        const acn_algorithm *chosen;
        assert_int_equal(acn_algorithm_choose((acn_collective)c, 4, 1 << 20, NULL, &chosen),
                         ACN_OK);
        assert_int_equal(acn_algorithm_choose((acn_collective)c, 4, 8, "none", &chosen), ACN_OK);
    }
}

static void the_choice_follows_size_and_name(void **state) {
    const acn_algorithm *chosen;
    assert_int_equal(acn_algorithm_choose(ACN_ALL_REDUCE, 4, 64, NULL, &chosen), ACN_OK);
    assert_string_equal(chosen->name, "mesh_one_shot");
    assert_int_equal(acn_algorithm_choose(ACN_ALL_REDUCE, 4, 64 << 20, NULL, &chosen), ACN_OK);
    assert_string_equal(chosen->name, "mesh");
    assert_int_equal(acn_algorithm_choose(ACN_ALL_REDUCE, 4, 64, "ring", &chosen), ACN_OK);
    assert_string_equal(chosen->name, "ring");
    /* A ring does no AlltoAll. */
    assert_int_equal(acn_algorithm_choose(ACN_ALL_TO_ALL, 4, 64, "ring", &chosen), ACN_OK);
    assert_string_equal(chosen->name, "mesh_one_shot");
}

/* What can be wrong: star's Broadcast, each time without one of its parts. */

static enum { NOTHING, READ_WAIT, LEAVE_WAIT, COPY, SIGNAL, HALF, TERMS, INPUT } fault;

static void plan_faulty(acn_plan *plan) {
    acn_place out = acn_mine(plan, ACN_OUT, 0);
    plan->whole_blocks = 2;
    if (plan->rank != plan->root) {
        if (fault != READ_WAIT) acn_plan_wait(plan, plan->root, 0);
        if (fault == INPUT) out.buffer = ACN_IN;
        if (fault != COPY)
            acn_plan_copy(plan, out, acn_at(plan->root, ACN_IN, 0), fault == HALF ? 1 : 2);
        if (fault != SIGNAL) acn_plan_signal(plan, 1);
    } else if (fault != LEAVE_WAIT) {
        acn_plan_wait_all(plan, 1);
    }
}

static acn_terms faulty_terms(acn_collective collective, uint32_t ranks) {
    return (acn_terms){1, fault == TERMS ? 0.5 : 1, 0, 2, 1};
}

static const acn_algorithm faulty = {
    .name = "faulty",
    .collectives = 1u << ACN_BROADCAST,
    .plan = plan_faulty,
    .terms = faulty_terms,
};

static void a_fault_is_found(void **state) {
    static const char *const words[] = {
        [READ_WAIT] = "reads without having waited for rank (0)",
        [LEAVE_WAIT] = "leaves while another may still read: rank (1)",
        [COPY] = "has no result in block (0)",
        [SIGNAL] = "waits for ever for rank (1)",
        [HALF] = "has no result in block (1)",
        [TERMS] = "its terms say 1, 0.5, 0, 2, 1",
        [INPUT] = "writes its input (0)",
    };
    fault = NOTHING;
    assert_int_equal(acn_prove(&faulty, ACN_BROADCAST, 3, 0, false), ACN_OK);
    for (size_t i = READ_WAIT; i < COUNT_OF(words); i++) {
        fault = i;
        assert_int_not_equal(acn_prove(&faulty, ACN_BROADCAST, 3, 0, false), ACN_OK);
        const char *text = acn_error_take();
        if (strstr(text, words[i]) == NULL) fail_msg("fault %zu: %s", i, text);
    }
}

/* Sums that every rank builds for itself, beginning with its own: right but not equal. */
static void plan_own_order(acn_plan *plan) {
    acn_place out = acn_mine(plan, ACN_OUT, 0), sum = acn_mine(plan, ACN_IN, 0);
    acn_plan_wait_all(plan, 0);
    for (uint32_t i = 1; i < plan->ranks; i++) {
        uint32_t other = acn_around(plan, (int64_t)plan->rank + i);
        acn_plan_reduce(plan, out, sum, acn_at(other, ACN_IN, 0), 1);
        sum = out;
    }
    acn_plan_signal(plan, 1);
    acn_plan_wait_all(plan, 1);
}

static acn_terms own_order_terms(acn_collective collective, uint32_t ranks) {
    return (acn_terms){1, 1, ranks - 1, 2, 0};
}

static void unequal_orders_and_races_are_found(void **state) {
    const acn_algorithm own_order = {
        .name = "own_order", .plan = plan_own_order, .terms = own_order_terms};
    assert_int_equal(acn_prove(&own_order, ACN_ALL_REDUCE, 2, 0, false), ACN_OK);
    assert_int_not_equal(acn_prove(&own_order, ACN_ALL_REDUCE, 3, 0, false), ACN_OK);
    assert_non_null(strstr(acn_error_take(), "added in another order than rank 0"));
    assert_int_not_equal(acn_prove(&own_order, ACN_ALL_REDUCE, 2, 0, true), ACN_OK);
    assert_non_null(strstr(acn_error_take(), "in place"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_is_right),
        cmocka_unit_test(larger_numbers_are_right_too),
        cmocka_unit_test(every_collective_has_an_algorithm),
        cmocka_unit_test(the_choice_follows_size_and_name),
        cmocka_unit_test(a_fault_is_found),
        cmocka_unit_test(unequal_orders_and_races_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
