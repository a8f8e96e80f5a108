/* unscale.c - ForeachNonFiniteCheckAndUnscale: all gradients times inv_scale, and found_inf = 1
 * when one of them was infinite or NaN. The mixed precision trainer's step over all parameters. */
#include "base/pool.h"
#include "ops/reduce/reduce.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { GRADS, FOUND, INVERSE, CHUNK = 32 * ACN_READ_TILE };

typedef struct member {
    acn_walk walk; /* operand 0: the gradient */
    acn_reader reader;
    acn_convert_fn store;
    int64_t count, first_chunk;
} member;

typedef struct unscale_plan {
    int count;
    int64_t chunks;
    member *member;
} unscale_plan;

static acn_status infer(acn_call *c) {
    for (int s = FOUND; s <= INVERSE; s++)
        if (acn_tensor_count(acn_in(c, s)) != 1) return acn_bad_input(c, s, "expected one element");
    if (acn_out_count(c, 0) != acn_in_count(c, GRADS))
        return acn_fail(ACN_INVALID_ARGUMENT, "expected as many outputs as gradients");
    for (int i = 0; i < acn_in_count(c, GRADS); i++)
        if (!acn_tensor_same_shape(acn_in_at(c, GRADS, i), acn_out_at(c, 0, i)))
            return acn_bad_input(c, GRADS, "tensor %d has another shape than its output", i);
    acn_out_like(c, 1, ACN_F32, acn_in(c, FOUND));
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    unscale_plan *p = acn_plan_alloc(c, sizeof *p);
    int count = acn_in_count(c, GRADS);
    if (p) p->member = acn_plan_alloc(c, sizeof *p->member * (size_t)(count + 1));
    if (!p || !p->member) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    p->count = count;
    int64_t elements = 0;
    for (int i = 0; i < count; i++) {
        const acn_tensor *x = acn_in_at(c, GRADS, i);
        member *m = &p->member[i];
        acn_walk_init(&m->walk, 2, x->rank, x->dims);
        acn_walk_set(&m->walk, 0, acn_out_at(c, 0, i));
        acn_walk_set(&m->walk, 1, x);
        acn_walk_sort(&m->walk, 0);
        acn_walk_merge(&m->walk);
        m->count = acn_tensor_count(x);
        m->first_chunk = p->chunks;
        m->store = acn_kernels_get()->store[x->dtype][ACN_K_F32];
        acn_reader_find(&m->reader, ACN_K_F32, x->dtype);
        p->chunks += (m->count + CHUNK - 1) / CHUNK;
        elements += m->count;
    }
    p->member[count].first_chunk = p->chunks;
    c->plan->data = p;
    c->plan->cost_us = (uint32_t)(elements / 2000 & 0x7fffffff);
    return ACN_OK;
}

typedef struct task {
    const acn_call *call;
    const acn_kernels *kernels;
    float scale[ACN_READ_TILE];
    _Atomic bool found;
} task;

static void unscale_run(task *t, const member *m, char *to, const char *from, int64_t n) {
    int last = m->walk.rank - 1;
    int64_t to_step = m->walk.strides[0][last], step = m->walk.strides[1][last];
    int64_t bytes = m->reader.bytes;
    _Alignas(64) char room[ACN_READ_TILE * 8], packed[ACN_READ_TILE * 4];
    _Alignas(64) float scaled[ACN_READ_TILE];
    const void *x = acn_reader_get(&m->reader, from, step, n, room);
    uint8_t finite[ACN_READ_TILE], all = 1;
    t->kernels->micro[ACN_U_IS_FINITE][ACN_K_F32](finite, x, NULL, NULL, n);
    t->kernels->reduce[ACN_R_ALL][ACN_K_B8](&all, finite, n);
    if (!all) atomic_store_explicit(&t->found, true, memory_order_relaxed);
    t->kernels->micro[ACN_U_MUL][ACN_K_F32](scaled, x, t->scale, NULL, n);
    bool is_packed = to_step == bytes;
    m->store(is_packed ? to : packed, scaled, n);
    for (int64_t i = 0; !is_packed && i < n; i++)
        memcpy(to + i * to_step, packed + i * bytes, (size_t)bytes);
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    task *t = context;
    const unscale_plan *p = t->call->plan->data;
    int low = 0, high = p->count;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        *(p->member[middle].first_chunk <= chunk ? &low : &high) = middle;
    }
    const member *m = &p->member[low];
    const char *x = acn_in_at(t->call, GRADS, low)->data;
    char *y = acn_out_at(t->call, 0, low)->data;
    int last = m->walk.rank - 1;
    int64_t from = (chunk - m->first_chunk) * CHUNK, end = from + CHUNK, inner = m->walk.dims[last];
    if (end > m->count) end = m->count;
    acn_walk_at at;
    acn_walk_seek(&m->walk, last, from / inner, &at);
    int64_t i = from % inner;
    while (from < end) {
        int64_t n = inner - i < end - from ? inner - i : end - from;
        if (n > ACN_READ_TILE) n = ACN_READ_TILE;
        unscale_run(t, m, y + at.offset[0] + i * m->walk.strides[0][last],
                    x + at.offset[1] + i * m->walk.strides[1][last], n);
        from += n;
        i += n;
        if (i < inner) continue;
        i = 0;
        acn_walk_next(&m->walk, last, &at);
    }
}

static acn_status run(acn_call *c) {
    const unscale_plan *p = c->plan->data;
    task t = {.call = c, .kernels = acn_kernels_get()};
    const acn_tensor *inverse = acn_in(c, INVERSE), *found = acn_in(c, FOUND);
    float scale = (float)acn_load_value(inverse->data, inverse->dtype).f;
    t.kernels->fill(t.scale, &scale, sizeof scale, ACN_READ_TILE);
    float flag = *(const float *)found->data;
    acn_pool_run(p->chunks, run_chunk, &t);
    *(float *)acn_out(c, 1)->data = atomic_load(&t.found) ? 1 : flag;
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *inverse = acn_in(c, INVERSE);
    float scale = (float)acn_load_value(inverse->data, inverse->dtype).f;
    float found = *(const float *)acn_in(c, FOUND)->data;
    for (int i = 0; i < acn_in_count(c, GRADS); i++) {
        const acn_tensor *x = acn_in_at(c, GRADS, i), *y = acn_out_at(c, 0, i);
        for (int64_t at = 0; at < acn_tensor_count(x); at++) {
            acn_value v = acn_load_value(acn_tensor_at(x, at), x->dtype);
            if (!isfinite(v.f)) found = 1;
            acn_store_value(acn_tensor_at(y, at), y->dtype, (acn_value){.f = v.f * scale});
        }
    }
    *(float *)acn_out(c, 1)->data = found;
    return ACN_OK;
}

#define GRADIENTS (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16))
ACN_OP(ForeachNonFiniteCheckAndUnscale) = {
    .name = "ForeachNonFiniteCheckAndUnscale",
    .doc = "Gradients times inv_scale; found_inf becomes 1 when one was infinite or NaN.",
    .in = {{"scaled_grads", GRADIENTS, ACN_LIST},
           {"found_inf", ACN_T(ACN_F32), 0},
           {"inv_scale", ACN_T(ACN_F32), ACN_UNALIASED}},
    .out = {{"grads_out", GRADIENTS, ACN_LIST}, {"found_inf_out", ACN_T(ACN_F32), 0}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "{[2,3],[4],[],[0]},f32[1]@0..0,f32[1]@0..1->{[2,3],[4],[],[0]} "
             "{[5,7],[1030]},f32[]@0..0,f32[1]@2..2->{[5,7],[1030]} "
             "{f32[70000],[3]},f32[1]@1..1,f32[1]->{[70000],[3]}",
};
