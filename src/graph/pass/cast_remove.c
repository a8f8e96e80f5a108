/* cast_remove.c - a type and back: nothing is lost on the way through a wider one.
 *
 *     Cast(Cast(x, wider), x's type)      ->      x
 *     Cast(Cast(x, wider), other)         ->      Cast(x, other)
 */
#include "graph/pass/rewrite.h"

/* Whether |to| holds every number of |from|. */
static bool holds(acn_dtype to, acn_dtype from) {
    static const struct {
        acn_dtype from;
        acn_dtypes to;
    } rows[] = {
        {ACN_F16, ACN_T(ACN_F32) | ACN_T(ACN_F64)},
        {ACN_BF16, ACN_T(ACN_F32) | ACN_T(ACN_F64)},
        {ACN_F32, ACN_T(ACN_F64)},
        {ACN_I8, ACN_T(ACN_I16) | ACN_T(ACN_I32) | ACN_T(ACN_I64) | ACN_T(ACN_F16) |
                     ACN_T(ACN_F32) | ACN_T(ACN_F64)},
        {ACN_U8, ACN_T(ACN_I16) | ACN_T(ACN_I32) | ACN_T(ACN_I64) | ACN_T(ACN_F16) |
                     ACN_T(ACN_F32) | ACN_T(ACN_F64)},
        {ACN_I16, ACN_T(ACN_I32) | ACN_T(ACN_I64) | ACN_T(ACN_F32) | ACN_T(ACN_F64)},
        {ACN_I32, ACN_T(ACN_I64) | ACN_T(ACN_F64)},
        {ACN_BOOL, ACN_T(ACN_I8) | ACN_T(ACN_U8) | ACN_T(ACN_I32) | ACN_T(ACN_I64) |
                       ACN_T(ACN_F16) | ACN_T(ACN_F32) | ACN_T(ACN_F64)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].from == from) return ACN_HAS(rows[i].to, to);
    return false;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        if (!acn_node_is(n, "Cast")) continue;
        const acn_net_node *before = acn_maker(acn_node_in(n, 0), "Cast");
        if (before == NULL) continue;
        acn_net_value *x = acn_node_in(before, 0), *y = acn_node_out(n, 0);
        if (!holds(acn_node_out(before, 0)->tensor.dtype, x->tensor.dtype)) continue;
        count->matched++;
        if (x->tensor.dtype == y->tensor.dtype) {
            count->effective += acn_replace_value(net, y, x);
        } else {
            acn_change_input(n, 0, x);
            count->effective++;
        }
    }
    return ACN_OK;
}

ACN_PASS(cast_remove) = {
    .name = "CastRemovePass",
    .doc = "Casts to a wider type and back are left out",
    .stage = ACN_PASS_CLEAN,
    .run = run,
};
