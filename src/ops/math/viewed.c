/* viewed.c - see viewed.h. */
#include "ops/math/viewed.h"

acn_tensor acn_part_of(const acn_tensor *t, int part) {
    acn_tensor view = *t;
    view.dtype = ACN_F32;
    view.data = (float *)t->data + part;
    for (int d = 0; d < t->rank; d++)
        view.strides[d] = t->strides[d] * 2;
    return view;
}

/* The tile machine takes tensors by their number in a call: |inner| is one that has the views. */
static void make_inner(const acn_call *c, acn_call *inner, acn_tensor *views) {
    const acn_viewed *v = c->op->family;
    *inner = *c;
    inner->tensors = views;
    inner->tensor_count = v->outputs + v->inputs;
    v->view(c, views);
}

acn_status acn_viewed_plan(acn_call *c) {
    static const int numbers[ACN_MAX_VIEWS] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    const acn_viewed *v = c->op->family;
    acn_tensor views[ACN_MAX_VIEWS];
    acn_call inner;
    make_inner(c, &inner, views);
    acn_program p = {0};
    v->emit(&p, c);
    acn_tile_plan *plan;
    ACN_TRY(acn_tile_bind(&inner, &p, numbers, numbers + v->outputs, v->inputs, &plan));
    c->plan->data = plan;
    return ACN_OK;
}

acn_status acn_viewed_run(acn_call *c) {
    acn_tensor views[ACN_MAX_VIEWS];
    acn_call inner;
    make_inner(c, &inner, views);
    acn_tile_run(c->plan->data, &inner);
    return ACN_OK;
}
