/* moves.c - operators that are nothing but a set of copies: what their plan, run and level 0
 * share. See copy.h. */
#include "ops/layout/copy.h"

acn_moves *acn_moves_alloc(acn_call *c, int count) {
    acn_moves *moves = acn_plan_alloc(c, sizeof *moves + (size_t)count * sizeof moves->move[0]);
    c->plan->data = moves;
    return moves;
}

static int64_t offset_in(const acn_tensor *whole, const acn_tensor *view) {
    return (const char *)view->data - (const char *)whole->data;
}

acn_status acn_moves_add(acn_call *c, int to_tensor, const acn_tensor *to, int from_tensor,
                         const acn_tensor *from) {
    acn_moves *moves = c->plan->data;
    acn_move *move = &moves->move[moves->count];
    move->to = to_tensor;
    move->from = from_tensor;
    move->to_offset = offset_in(&c->tensors[to_tensor], to);
    move->from_offset = offset_in(&c->tensors[from_tensor], from);
    ACN_TRY(acn_copy_plan(&move->copy, to, from));
    moves->count++;
    c->plan->cost_us += acn_copy_cost_us(&move->copy);
    return ACN_OK;
}

acn_status acn_moves_add_walk(acn_call *c, int to_tensor, int from_tensor, int64_t from_offset,
                              const acn_walk *walk) {
    acn_moves *moves = c->plan->data;
    acn_move *move = &moves->move[moves->count];
    move->to = to_tensor;
    move->from = from_tensor;
    move->from_offset = from_offset;
    ACN_TRY(acn_copy_plan_walk(&move->copy, walk, c->tensors[to_tensor].dtype,
                               c->tensors[from_tensor].dtype));
    moves->count++;
    c->plan->cost_us += acn_copy_cost_us(&move->copy);
    return ACN_OK;
}

acn_status acn_moves_run(acn_call *c) {
    const acn_moves *moves = c->plan->data;
    for (int i = 0; i < moves->count; i++) {
        const acn_move *move = &moves->move[i];
        acn_copy_run(&move->copy, (char *)c->tensors[move->to].data + move->to_offset,
                     (const char *)c->tensors[move->from].data + move->from_offset);
    }
    return ACN_OK;
}

void acn_index_of(const acn_tensor *t, int64_t linear, int64_t *index) {
    for (int d = t->rank - 1; d >= 0; d--) {
        index[d] = linear % t->dims[d];
        linear /= t->dims[d];
    }
}

char *acn_tensor_at_index(const acn_tensor *t, const int64_t *index) {
    int64_t offset = 0;
    for (int d = 0; d < t->rank; d++)
        offset += index[d] * t->strides[d];
    return (char *)t->data + offset * (int64_t)acn_dtype_bytes(t->dtype);
}

acn_status acn_moves_run0(acn_call *c, acn_origin_fn origin) {
    for (int output = 0; output < acn_out_count(c, 0); output++) {
        const acn_tensor *to = acn_out_at(c, 0, output);
        int64_t n = acn_tensor_count(to), index[ACN_MAX_DIMS], from_index[ACN_MAX_DIMS];
        for (int64_t i = 0; i < n; i++) {
            acn_index_of(to, i, index);
            const acn_tensor *from = origin(c, output, index, from_index);
            acn_convert_element(acn_tensor_at_index(to, index), to->dtype,
                                acn_tensor_at_index(from, from_index), from->dtype);
        }
    }
    return ACN_OK;
}
