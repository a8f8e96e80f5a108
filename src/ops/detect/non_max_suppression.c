/* non_max_suppression.c - NonMaxSuppression: of boxes that lie over each other, the one with the
 * highest score stays. For each sample and class, boxes are taken from the highest score down; one
 * that overlaps a box already taken by more than the threshold is left out. */
#include "ops/layout/copy.h"
#include "ops/op.h"
#include <math.h>
#include <stdlib.h>

enum { BOXES, SCORES, MOST, OVERLAP, LEAST_SCORE };
enum { CENTER };

typedef struct suppression {
    int64_t samples, classes, boxes, most;
    double overlap, least_score;
    bool has_least, by_center;
} suppression;

typedef struct candidate {
    float score;
    int32_t box;
} candidate;

static double number(const acn_call *c, int slot, double fallback) {
    const acn_tensor *t = acn_in(c, slot);
    if (!t || acn_tensor_count(t) == 0) return fallback;
    acn_value v = acn_load_value(t->data, t->dtype);
    return acn_dtype_is_float(t->dtype) ? v.f : (double)v.i;
}

static acn_status infer(acn_call *c) {
    const acn_tensor *boxes = acn_in(c, BOXES), *scores = acn_in(c, SCORES), *y = acn_out(c, 0);
    if (boxes->rank != 3 || boxes->dims[2] != 4 || boxes->dims[1] > INT32_MAX)
        return acn_bad_input(c, BOXES, "expected [samples, boxes, 4]");
    if (scores->rank != 3 || scores->dims[0] != boxes->dims[0] || scores->dims[2] != boxes->dims[1])
        return acn_bad_input(c, SCORES, "expected [samples, classes, boxes]");
    for (int slot = MOST; slot <= LEAST_SCORE; slot++)
        if (acn_in(c, slot) && acn_tensor_count(acn_in(c, slot)) > 1)
            return acn_bad_input(c, slot, "expected one number");
    int64_t dims[] = {acn_tensor_count(scores), 3};
    if (y && y->rank == 2 && y->dims[0] > dims[0]) dims[0] = y->dims[0]; /* more room than needed */
    acn_out_is(c, 0, y ? y->dtype : ACN_I64, 2, dims);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    const acn_tensor *scores = acn_in(c, SCORES);
    c->plan->workspace_bytes =
        (uint64_t)scores->dims[2] * (sizeof(candidate) + sizeof(int32_t)) + 64;
    c->plan->cost_us = (uint32_t)(acn_tensor_count(scores) / 64 % 1000000000);
    return ACN_OK;
}

static suppression read_call(const acn_call *c) {
    const acn_tensor *scores = acn_in(c, SCORES), *least = acn_in(c, LEAST_SCORE);
    double most = number(c, MOST, 0);
    return (suppression){.samples = scores->dims[0],
                         .classes = scores->dims[1],
                         .boxes = scores->dims[2],
                         .most = most > 0 ? (int64_t)fmin(most, (double)scores->dims[2]) : 0,
                         .overlap = number(c, OVERLAP, 0),
                         .least_score = number(c, LEAST_SCORE, 0),
                         .has_least = least && acn_tensor_count(least) == 1,
                         .by_center = acn_attr_int(c, CENTER) != 0};
}

/* ---- overlap --------------------------------------------------------------------------------- */

static double element(const acn_tensor *t, int64_t a, int64_t b, int64_t i) {
    const int64_t index[] = {a, b, i};
    return acn_load_value(acn_tensor_at_index(t, index), t->dtype).f;
}

/* Low and high ends in two dimensions. */
static void corners(const acn_call *c, const suppression *s, int64_t sample, int64_t box,
                    double *low, double *high) {
    const acn_tensor *boxes = acn_in(c, BOXES);
    for (int d = 0; d < 2; d++) {
        double a = element(boxes, sample, box, d), b = element(boxes, sample, box, 2 + d);
        low[d] = s->by_center ? a - b / 2 : fmin(a, b);
        high[d] = s->by_center ? a + b / 2 : fmax(a, b);
    }
}

static bool overlaps(const acn_call *c, const suppression *s, int64_t sample, int64_t one,
                     int64_t other) {
    double low[2][2], high[2][2], shared = 1, area[2];
    corners(c, s, sample, one, low[0], high[0]);
    corners(c, s, sample, other, low[1], high[1]);
    for (int d = 0; d < 2; d++) {
        double width = fmin(high[0][d], high[1][d]) - fmax(low[0][d], low[1][d]);
        if (!(width > 0)) return false;
        shared *= width;
    }
    for (int i = 0; i < 2; i++)
        area[i] = (high[i][0] - low[i][0]) * (high[i][1] - low[i][1]);
    double whole = area[0] + area[1] - shared;
    /* In f32, as others compute it: thresholds are often met exactly. */
    return area[0] > 0 && area[1] > 0 && whole > 0 && (float)(shared / whole) > (float)s->overlap;
}

static bool is_free(const acn_call *c, const suppression *s, int64_t sample, int64_t box,
                    const int32_t *taken, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (overlaps(c, s, sample, box, taken[i])) return false;
    return true;
}

/* ---- running --------------------------------------------------------------------------------- */

static void put(const acn_call *c, int64_t row, int64_t sample, int64_t klass, int64_t box) {
    const acn_tensor *y = acn_out(c, 0);
    const int64_t numbers[] = {sample, klass, box};
    size_t bytes = acn_dtype_bytes(y->dtype);
    for (int d = 0; d < 3; d++) {
        int64_t place =
            acn_tensor_is_contiguous(y) ? row * 3 + d : row * y->strides[0] + d * y->strides[1];
        acn_store_value((char *)y->data + place * (int64_t)bytes, y->dtype,
                        (acn_value){.i = numbers[d]});
    }
}

/* Highest first; of equal ones the first. */
static int compare(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->box < y->box ? -1 : 1;
}

static int64_t sort_candidates(const acn_call *c, const suppression *s, int64_t sample,
                               int64_t klass, candidate *all) {
    int64_t count = 0;
    for (int64_t i = 0; i < s->boxes; i++) {
        double score = element(acn_in(c, SCORES), sample, klass, i);
        if (isnan(score) || (s->has_least && !(score > s->least_score))) continue;
        all[count++] = (candidate){(float)score, (int32_t)i};
    }
    qsort(all, (size_t)count, sizeof *all, compare);
    return count;
}

static acn_status run(acn_call *c) {
    suppression s = read_call(c);
    candidate *all = c->workspace;
    int32_t *taken = (int32_t *)(all + s.boxes);
    int64_t rows = 0;
    for (int64_t i = 0; i < s.samples * s.classes; i++) {
        int64_t sample = i / s.classes, klass = i % s.classes, count = 0;
        int64_t candidates = sort_candidates(c, &s, sample, klass, all);
        for (int64_t k = 0; k < candidates && count < s.most; k++) {
            if (!is_free(c, &s, sample, all[k].box, taken, count)) continue;
            taken[count++] = all[k].box;
            put(c, rows++, sample, klass, all[k].box);
        }
    }
    acn_out_set_shape(c, 0, 2, (const int64_t[]){rows, 3});
    return ACN_OK;
}

/* The best of those that are left, again and again. */
static int64_t best_left(const acn_call *c, const suppression *s, int64_t sample, int64_t klass,
                         const bool *is_gone) {
    int64_t best = -1;
    double highest = 0;
    for (int64_t i = 0; i < s->boxes; i++) {
        double score = element(acn_in(c, SCORES), sample, klass, i);
        if (is_gone[i] || isnan(score) || (s->has_least && !(score > s->least_score))) continue;
        if (best < 0 || score > highest) best = i, highest = score;
    }
    return best;
}

static acn_status run0(acn_call *c) {
    suppression s = read_call(c);
    int64_t rows = 0;
    bool *is_gone = acn_arena_alloc(&c->arena, (size_t)s.boxes + 1);
    if (!is_gone) return acn_fail(ACN_BAD_ALLOC, "no host memory for level 0");
    for (int64_t i = 0; i < s.samples * s.classes; i++) {
        int64_t sample = i / s.classes, klass = i % s.classes, box;
        for (int64_t k = 0; k < s.boxes; k++)
            is_gone[k] = false;
        for (int64_t count = 0; count < s.most; count++) {
            if ((box = best_left(c, &s, sample, klass, is_gone)) < 0) break;
            put(c, rows++, sample, klass, box);
            for (int64_t k = 0; k < s.boxes; k++)
                is_gone[k] |= k == box || overlaps(c, &s, sample, k, box);
        }
    }
    acn_out_set_shape(c, 0, 2, (const int64_t[]){rows, 3});
    return ACN_OK;
}

#define FLOATS (ACN_T(ACN_F32) | ACN_T(ACN_F16))

ACN_OP(NonMaxSuppression) = {
    .name = "NonMaxSuppression",
    .doc = "Sample, class and number of each box that no better one of its class lies over",
    .in = {{"boxes", FLOATS, ACN_UNALIASED},
           {"scores", FLOATS, ACN_UNALIASED},
           {"max_output_size", ACN_T(ACN_I64) | ACN_T(ACN_I32), ACN_OPTIONAL},
           {"iou_threshold", FLOATS, ACN_OPTIONAL},
           {"score_threshold", FLOATS, ACN_OPTIONAL}},
    .out = {{"selected_indices", ACN_T(ACN_I64) | ACN_T(ACN_I32)}},
    .attr = {{"center_point_box", ACN_ATTR_BOOL}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .flags = ACN_OP_DYNAMIC_OUT,
    .cases = "f32[2,40,4]@0..1,f32[2,3,40]@0..1,i64[1]@5..9,f32[1]@0..1 "
             "f32[1,60,4]@0..1,f32[1,2,60]@0..1,i64[]@60..90,f32[1]@0..1,f32[1]@0..1|"
             "center_point_box=1 f32[1,0,4],f32[1,2,0],i64[1]@1..4 f32[1,9,4],f32[1,2,9]",
};
