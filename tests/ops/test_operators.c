/* test_operators.c - every registered operator against its level 0, on its own cases.
 *
 * Each case is run for all of its types, in three layouts, with ordinary and with special values,
 * at every ISA level of the machine, with one and two threads (which must agree bit for bit), and
 * in place where that is possible. An operator without cases fails.
 *
 *   test_operators [--table FILE] [OPERATOR...]     FILE gets a line of types for each operator
 */
#include "../unit/unit.h"
#include "base/pool.h"
#include "compare.h"
#include "ops/kernels/kernels.h"

enum { LARGE = 100000 / UNIT_EVERY(20), MAX_OPERATORS = 2048 };

static acn_dtypes passed[MAX_OPERATORS]; /* by operator: types in which a case ran */

typedef struct report {
    const acn_op *op;
    int failures, runs;
    char first[1024];
} report;

static void note(report *r, const test_case *c, const variant *v, const char *isa,
                 const char *what) {
    static const char *const layouts[] = {"contiguous", "strided", "broadcast"};
    if (r->failures++ > 0) return;
    snprintf(r->first, sizeof r->first, "%s %s, first type %s, %s to %s%s%s, %s: %s", r->op->name,
             c->text, acn_dtype_name(v->dtype), layouts[v->in], layouts[v->out],
             v->values == SPECIAL ? ", special values" : "", v->in_place ? ", in place" : "", isa,
             what);
}

/* At the level in use: one thread against level 0, two threads against one. */
static void check_level(report *r, const test_case *c, const variant *v, const subject *want) {
    const char *isa = acn_kernels_get()->isa;
    char problem[512];
    subject one, two;
    acn_pool_set_size(1);
    bool is_built = subject_build(&one, r->op, c, v);
    r->runs++;
    if (!is_built || !subject_run(&one) || !subject_is_clean(&one)) {
        note(r, c, v, isa, one.problem);
    } else if (!is_close(&one, want, c, problem, sizeof problem)) {
        note(r, c, v, isa, problem);
    } else {
        acn_pool_set_size(2);
        if (!subject_build(&two, r->op, c, v) || !subject_run(&two) || !subject_is_clean(&two))
            note(r, c, v, isa, two.problem);
        else if (!is_identical(&one, &two))
            note(r, c, v, isa, "two threads give another result than one");
        subject_release(&two);
    }
    subject_release(&one);
}

static void check_levels(report *r, const test_case *c, const variant *v, const subject *want) {
    const acn_kernels *const *levels;
    int count = acn_kernels_levels(&levels);
    for (int i = UNIT_EVERY(2) > 1 ? count - 1 : 0; i < count; i++) { /* or the best alone */
        acn_kernels_select(levels[i]->isa);
        check_level(r, c, v, want);
    }
}

static bool can_alias(const acn_op *op, const test_case *c) {
    return c->tolerance != CONTRACTION && c->in[0].kind == TENSORS && c->in_count > 0 &&
           !(op->flags & (ACN_OP_DYNAMIC_OUT | ACN_OP_MAY_OVERLAP));
}

/* a = op(a): the same as with an output of its own. */
static void check_in_place(report *r, const test_case *c, const variant *v, const subject *want) {
    variant in_place = *v;
    in_place.in_place = true;
    subject s;
    char problem[512];
    if (subject_build(&s, r->op, c, &in_place)) {
        if (!subject_run(&s) || !subject_is_clean(&s))
            note(r, c, &in_place, "best", s.problem);
        else if (!is_close(&s, want, c, problem, sizeof problem))
            note(r, c, &in_place, "best", problem);
    }
    subject_release(&s);
}

/* An output one element behind its input must be refused. */
static void check_overlap(report *r, const test_case *c, const variant *v) {
    variant in_place = *v;
    in_place.in_place = true;
    subject s;
    if (subject_build(&s, r->op, c, &in_place) && acn_tensor_count(acn_out(&s.call, 0)) > 1) {
        acn_out(&s.call, 0)->data =
            (char *)acn_out(&s.call, 0)->data + acn_dtype_bytes(acn_out(&s.call, 0)->dtype);
        if (acn_call_prepare(&s.call) == ACN_OK)
            note(r, c, v, "any", "an output that partly overlaps its input is accepted");
        else
            acn_error_take();
    }
    subject_release(&s);
}

static void check_variant(report *r, const test_case *c, const variant *v) {
    subject want;
    if (!subject_build(&want, r->op, c, v) || !subject_run0(&want) || !subject_is_clean(&want)) {
        note(r, c, v, "level 0", want.problem);
    } else {
        check_levels(r, c, v, &want);
        if (v->in == v->out && can_alias(r->op, c)) check_in_place(r, c, v, &want);
    }
    subject_release(&want);
}

static void check_case(report *r, const test_case *c, acn_dtypes *out_types) {
    static const variant variants[] = {{.in = CONTIGUOUS, .out = CONTIGUOUS},
                                       {.in = STRIDED, .out = STRIDED},
                                       {.in = REPEATED, .out = CONTIGUOUS},
                                       {.in = STRIDED, .out = CONTIGUOUS},
                                       {.in = CONTIGUOUS, .out = CONTIGUOUS, .values = SPECIAL},
                                       {.in = STRIDED, .out = STRIDED, .values = SPECIAL}};
    acn_dtypes types = case_types(r->op, c);
    for (int dtype = 0; dtype < ACN_DTYPE_COUNT; dtype++) {
        if (!ACN_HAS(types, dtype)) continue;
        bool is_first = (types & (ACN_T(dtype) - 1)) == 0;
        if (UNIT_EVERY(2) > 1 && !is_first && case_elements(c) > LARGE) continue;
        int failures = r->failures;
        for (size_t i = 0; i < COUNT_OF(variants); i++) {
            bool may_be_special = c->tolerance == ELEMENTWISE || c->tolerance == COMPOUND;
            if (UNIT_EVERY(2) > 1) may_be_special = false; /* values change no address */
            if (variants[i].values == SPECIAL && !may_be_special) continue;
            if (i > 0 && case_elements(c) > LARGE) continue;
            variant v = variants[i];
            v.dtype = (acn_dtype)dtype;
            check_variant(r, c, &v);
        }
        variant first = {.dtype = (acn_dtype)dtype};
        if (can_alias(r->op, c)) check_overlap(r, c, &first);
        if (r->failures == failures) *out_types |= ACN_T(dtype);
    }
}

static void test_operator(void **state) {
    int index = (int)(intptr_t)*state;
    report r = {.op = acn_op_at(index)};
    if (!r.op->cases) fail_msg("%s has no cases", r.op->name);
    if (!r.op->run0) fail_msg("%s has no level 0", r.op->name);
    const char *cursor = r.op->cases;
    test_case c = {0};
    int more;
    while ((more = next_case(&cursor, &c)) > 0)
        check_case(&r, &c, &passed[index]);
    if (more < 0) fail_msg("%s: this case cannot be read: %s", r.op->name, c.text);
    if (r.failures) fail_msg("%d of %d runs failed; the first: %s", r.failures, r.runs, r.first);
    if (!r.runs) fail_msg("%s: no case fits its types", r.op->name);
}

/* ---- the program ----------------------------------------------------------------------------- */

static void write_table(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) return;
    fprintf(file, "operator\ttypes\n");
    for (int i = 0; i < acn_op_count(); i++) {
        fprintf(file, "%s\t", acn_op_at(i)->name);
        for (int d = 0; d < ACN_DTYPE_COUNT; d++)
            if (ACN_HAS(passed[i], d)) fprintf(file, "%s ", acn_dtype_name((acn_dtype)d));
        fprintf(file, "\n");
    }
    fclose(file);
}

static bool is_wanted(const char *name, int argc, char **argv) {
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--table") == 0)
            i++;
        else if (any = true, strcmp(argv[i], name) == 0)
            return true;
    }
    return !any;
}

int main(int argc, char **argv) {
    static struct CMUnitTest tests[MAX_OPERATORS];
    size_t count = 0;
    for (int i = 0; i < acn_op_count() && i < MAX_OPERATORS; i++)
        if (is_wanted(acn_op_at(i)->name, argc, argv))
            tests[count++] = (struct CMUnitTest){.name = acn_op_at(i)->name,
                                                 .test_func = test_operator,
                                                 .initial_state = (void *)(intptr_t)i};
    int failures = _cmocka_run_group_tests("operators", tests, count, NULL, NULL);
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--table") == 0) write_table(argv[i + 1]);
    return failures ? 1 : 0;
}
