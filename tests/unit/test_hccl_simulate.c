/* The simulator against the formulas: among machines that have nothing but links, a collective
 * takes alpha a + beta n b + gamma n g; in one server, hand-overs, copies and sums. */
#include "unit.h"

#include "base/status.h"
#include "hccl/simulate.h"
#include <math.h>

static acn_machine of_links(double latency_s, double byte_s, double sum_s) {
    acn_machine m = {.server_ranks = 1, .link_latency_s = latency_s, .link_byte_s = byte_s};
    for (int i = 0; i < ACN_RATES; i++)
        m.reduced_byte_s[i] = sum_s;
    return m;
}

static double simulate(const acn_machine *m, const char *name, acn_collective c, uint32_t ranks,
                       uint64_t bytes) {
    double s = -1;
    const acn_algorithm *algorithm = acn_algorithm_find(name);
    assert_non_null(algorithm);
    assert_int_equal(acn_simulate(m, algorithm, c, ranks, 0, bytes, &s), ACN_OK);
    return s;
}

static void about(double x, double wanted) {
    if (fabs(x - wanted) > 1e-5 * wanted) fail_msg("%.9g; expected %.9g", x, wanted);
}

/* As facts have them, written once more. */
static void known_formulas(void **state) {
    const double a = 5e-6, b = 1e-10, g = 3e-11;
    const uint64_t n = 3 << 20;
    acn_machine m = of_links(a, b, g);
    for (uint32_t p = 2; p <= 200; p = p * 3 / 2 + 1) {
        double share = (p - 1.0) / p, levels = ceil(log2(p));
        about(simulate(&m, "ring", ACN_ALL_REDUCE, p, n),
              2 * (p - 1) * a + 2 * share * (double)n * b + share * (double)n * g);
        about(simulate(&m, "ring", ACN_ALL_GATHER, p, n), (p - 1) * a + share * (double)n * b);
        for (int i = 0; i < 2; i++) {
            const char *name = i == 0 ? "NB" : "NHR";
            about(simulate(&m, name, ACN_ALL_REDUCE, p, n),
                  2 * levels * a + 2 * share * (double)n * b + share * (double)n * g);
            about(simulate(&m, name, ACN_REDUCE_SCATTER, p, n),
                  levels * a + share * (double)n * b + share * (double)n * g);
            about(simulate(&m, name, ACN_ALL_GATHER, p, n), levels * a + share * (double)n * b);
        }
        about(simulate(&m, "pairwise", ACN_ALL_TO_ALL, p, n), (p - 1) * a + share * (double)n * b);
        about(simulate(&m, "mesh", ACN_ALL_REDUCE, p, n),
              2 * a + 2.0 / p * (double)n * b + share * (double)n * g);
        about(simulate(&m, "star", ACN_BROADCAST, p, n), a + (double)n * b);
    }
}

/* Never more than each term's own longest path together, never less than one of them. */
static void every_algorithm_keeps_its_terms(void **state) {
    const double a = 2e-6, b = 2e-10, g = 5e-11, n = 1 << 20;
    acn_machine m = of_links(a, b, g);
    ACN_FOR_EACH(algorithm, algorithm) {
        for (int c = 0; c < ACN_COLLECTIVES; c++)
            for (uint32_t p = 2; p <= 70; p += 7) {
                if ((algorithm->collectives >> c & 1u) == 0) continue;
                acn_terms t = algorithm->terms((acn_collective)c, p);
                double most = t.alpha * a + t.beta * n * b + t.gamma * n * g, s;
                assert_int_equal(acn_simulate(&m, algorithm, (acn_collective)c, p, 0, 1 << 20, &s),
                                 ACN_OK);
                if (s > most * 1.00001 || s < t.alpha * a || s < t.beta * n * b * 0.99999)
                    fail_msg("%s, %s, %u: %g of %g", algorithm->name,
                             acn_collective_name((acn_collective)c), p, s, most);
            }
    }
}

static void one_server(void **state) {
    acn_machine m = {.handover_s = 1e-6, .call_s = 5e-6};
    for (int i = 0; i < ACN_RATES; i++) {
        m.copied_byte_s[i] = 1e-10;
        m.reduced_byte_s[i] = 2e-10;
    }
    double n = 1 << 20;
    about(simulate(&m, "mesh", ACN_ALL_REDUCE, 4, 1 << 20),
          5e-6 + 3e-6 + 0.75 * n * 1e-10 + 0.75 * n * 2e-10);
    about(simulate(&m, "mesh_one_shot", ACN_ALL_GATHER, 4, 1 << 20),
          5e-6 + 1e-6 + 1.25 * n * 1e-10);
    const acn_algorithm *chosen;
    assert_int_equal(acn_machine_choose(&m, ACN_ALL_REDUCE, 4, 1024, NULL, &chosen), ACN_OK);
    assert_string_equal(chosen->name, "mesh_one_shot");
    assert_int_equal(acn_machine_choose(&m, ACN_ALL_REDUCE, 4, 64 << 20, NULL, &chosen), ACN_OK);
    assert_string_equal(chosen->name, "mesh");
    assert_int_not_equal(acn_machine_choose(&m, ACN_ALL_TO_ALL, 4, 8, "ring", &chosen), ACN_OK);
    assert_non_null(strstr(acn_error_take(), "no algorithm \"ring\" does AlltoAll"));
}

/* Within a server nothing travels on links, between two of them everything does. */
static void servers(void **state) {
    acn_machine m = of_links(1e-3, 0, 0);
    m.server_ranks = 4;
    m.handover_s = 1e-9;
    double s = simulate(&m, "ring", ACN_ALL_GATHER, 4, 1024);
    assert_true(s < 1e-6);
    s = simulate(&m, "star", ACN_BROADCAST, 8, 1024);
    assert_true(s >= 1e-3 && s < 1.1e-3);
}

static void thousands_of_ranks(void **state) {
    acn_machine m = of_links(5e-6, 1e-10, 0);
    double n = 64 << 20, p = 2048;
    about(simulate(&m, "NHR", ACN_ALL_REDUCE, 2048, 64 << 20),
          22 * 5e-6 + 2 * (p - 1) / p * n * 1e-10);
    double s;
    assert_int_not_equal(acn_simulate(&m, acn_algorithm_find("ring"), ACN_ALL_GATHER, 0, 0, 8, &s),
                         ACN_OK);
    assert_int_not_equal(
        acn_simulate(&m, acn_algorithm_find("ring"), ACN_ALL_GATHER, 70000, 0, 8, &s), ACN_OK);
}

static void calibration_measures(void **state) {
    acn_machine m = {0};
    assert_int_equal(acn_machine_calibrate(&m), ACN_OK);
    assert_true(m.handover_s > 0 && m.handover_s < 1);
    for (int i = 0; i < ACN_RATES; i++)
        assert_true(m.copied_byte_s[i] > 0 && m.reduced_byte_s[i] > 0 && m.copied_byte_s[i] < 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_formulas),     cmocka_unit_test(every_algorithm_keeps_its_terms),
        cmocka_unit_test(one_server),         cmocka_unit_test(servers),
        cmocka_unit_test(thousands_of_ranks), cmocka_unit_test(calibration_measures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
