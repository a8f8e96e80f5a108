/* trans_data.c - Identity: a copy between formats, private ones included. Elements are only moved,
 * and padding of a private format is zeros, so every way there and back gives the same bits. */
#include "ops/formats.h"
#include "ops/layout/copy.h"
#include <string.h>

enum { MOST_PARTS = 16 }; /* a split dimension has whole blocks and a rest */

typedef struct part {
    acn_copy copy;
    int64_t to, from; /* offsets in bytes */
} part;

typedef struct identity {
    int count;
    size_t clear_bytes; /* of a padded output */
    part part[MOST_PARTS];
} identity;

static acn_status layout_of(const acn_tensor *t, acn_format_layout *out) {
    if (acn_format_is_known(t->format))
        return acn_format_layout_of(t->format, t->rank, t->dims, out);
    *out = (acn_format_layout){.rank = t->rank};
    memcpy(out->block, t->strides, sizeof t->strides);
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    acn_format_layout layout;
    const acn_tensor *x = acn_in(c, 0);
    ACN_TRY(layout_of(x, &layout));
    acn_out_like(c, 0, x->dtype, x);
    if (acn_out(c, 0)) ACN_TRY(layout_of(acn_out(c, 0), &layout));
    return ACN_OK;
}

/* Distances of elements in dimension |d|, block by block or not. */
static void push(acn_walk *walk, const acn_format_layout *to, const acn_format_layout *from, int d,
                 int64_t blocks, int64_t count, int64_t bytes) {
    const acn_format_layout *side[2] = {to, from};
    int64_t outer[2], inner[2];
    for (int k = 0; k < 2; k++) {
        const acn_format_layout *l = side[k];
        outer[k] = bytes * (l->is_split[d] ? l->block[d] : l->block[d] * ACN_FORMAT_BLOCK);
        inner[k] = bytes * (l->is_split[d] ? l->inner[d] : l->block[d]);
    }
    acn_walk_push(walk, blocks, outer);
    acn_walk_push(walk, count, inner);
}

static int64_t offset(const acn_format_layout *l, int d, int64_t element) {
    if (!l->is_split[d]) return element * l->block[d];
    return element / ACN_FORMAT_BLOCK * l->block[d] + element % ACN_FORMAT_BLOCK * l->inner[d];
}

/* Part |number| has, for the i-th split dimension, bit i: whole blocks or the rest. */
static acn_status plan_part(const acn_call *c, const acn_format_layout *to,
                            const acn_format_layout *from, int number, identity *p) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t bytes = (int64_t)acn_dtype_bytes(x->dtype), to_offset = 0, from_offset = 0;
    acn_walk walk;
    acn_walk_init(&walk, 2, 0, NULL);
    for (int d = 0, split = 0; d < x->rank; d++) {
        if (!to->is_split[d] && !from->is_split[d]) {
            const int64_t strides[2] = {to->block[d] * bytes, from->block[d] * bytes};
            acn_walk_push(&walk, x->dims[d], strides);
            continue;
        }
        int64_t whole = x->dims[d] / ACN_FORMAT_BLOCK, rest = x->dims[d] % ACN_FORMAT_BLOCK;
        if (number >> split++ & 1) {
            if (rest == 0) return ACN_OK;
            to_offset += offset(to, d, whole * ACN_FORMAT_BLOCK) * bytes;
            from_offset += offset(from, d, whole * ACN_FORMAT_BLOCK) * bytes;
            push(&walk, to, from, d, 1, rest, bytes);
        } else {
            if (whole == 0) return ACN_OK;
            push(&walk, to, from, d, whole, ACN_FORMAT_BLOCK, bytes);
        }
    }
    part *out = &p->part[p->count++];
    out->to = to_offset;
    out->from = from_offset;
    return acn_copy_plan_walk(&out->copy, &walk, x->dtype, x->dtype);
}

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    identity *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    acn_format_layout to, from;
    ACN_TRY(layout_of(x, &from));
    ACN_TRY(layout_of(y, &to));
    int splits = 0;
    for (int d = 0; d < x->rank; d++)
        splits += to.is_split[d] || from.is_split[d];
    for (int number = 0; number < 1 << splits && number < MOST_PARTS; number++)
        ACN_TRY(plan_part(c, &to, &from, number, p));
    if (acn_format_is_known(y->format))
        p->clear_bytes = (size_t)acn_format_elements(&to) * acn_dtype_bytes(y->dtype);
    for (int i = 0; i < p->count; i++)
        c->plan->cost_us += acn_copy_cost_us(&p->part[i].copy);
    c->plan->data = p;
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const identity *p = c->plan->data;
    char *to = acn_out(c, 0)->data;
    if (p->clear_bytes) memset(to, 0, p->clear_bytes);
    for (int i = 0; i < p->count; i++)
        acn_copy_run(&p->part[i].copy, to + p->part[i].to,
                     (const char *)acn_in(c, 0)->data + p->part[i].from);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    acn_format_layout to, from;
    ACN_TRY(layout_of(x, &from));
    ACN_TRY(layout_of(y, &to));
    size_t bytes = acn_dtype_bytes(x->dtype);
    if (acn_format_is_known(y->format))
        memset(y->data, 0, (size_t)acn_format_elements(&to) * bytes);
    int64_t index[ACN_MAX_DIMS];
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        int64_t to_at = 0, from_at = 0;
        acn_index_of(x, i, index);
        for (int d = 0; d < x->rank; d++) {
            to_at += offset(&to, d, index[d]);
            from_at += offset(&from, d, index[d]);
        }
        memcpy((char *)y->data + (size_t)to_at * bytes,
               (const char *)x->data + (size_t)from_at * bytes, bytes);
    }
    return ACN_OK;
}

ACN_OP(Identity) = {
    .name = "Identity",
    .doc = "y = x, between any two formats, private ones included",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .flags = ACN_OP_ANY_FORMAT,
    .cases = "[2,20,3,5] [35,17] [] [0,3]",
};
