/* touch.c - which memory a call reads and writes, for those who check how streams are ordered. */
#include "ops/touch.h"

enum { MAX_RUNS = 256 };

typedef struct axis {
    int64_t size, stride_bytes;
} axis;

/* The axes that move, longest steps first; -1 when the view is empty. */
static int list_axes(const acn_tensor *t, axis *axes) {
    int count = 0;
    for (int d = 0; d < t->rank; d++) {
        if (t->dims[d] == 0) return -1;
        if (t->dims[d] == 1 || t->strides[d] == 0) continue;
        axis new = {t->dims[d], t->strides[d] * (int64_t)acn_dtype_bytes(t->dtype)};
        int at = count++;
        for (; at > 0 && axes[at - 1].stride_bytes < new.stride_bytes; at--)
            axes[at] = axes[at - 1];
        axes[at] = new;
    }
    return count;
}

bool acn_tensor_touches(const acn_tensor *t, bool is_write, acn_touch_fn touch, void *context) {
    if (acn_tensor_is_contiguous(t)) {
        int64_t bytes = acn_tensor_count(t) * (int64_t)acn_dtype_bytes(t->dtype);
        if (bytes > 0 && t->data != NULL) touch(context, t->data, (size_t)bytes, is_write);
        return true;
    }
    axis axes[ACN_MAX_DIMS];
    int count = list_axes(t, axes);
    if (count < 0 || t->data == NULL) return true;
    int64_t run_bytes = (int64_t)acn_dtype_bytes(t->dtype), runs = 1;
    for (; count > 0 && axes[count - 1].stride_bytes <= run_bytes; count--)
        run_bytes += (axes[count - 1].size - 1) * axes[count - 1].stride_bytes;
    for (int d = 0; d < count; d++) {
        if (axes[d].size > MAX_RUNS / runs) return false;
        runs *= axes[d].size;
    }
    for (int64_t run = 0; run < runs; run++) {
        const char *at = t->data;
        int64_t rest = run;
        for (int d = count - 1; d >= 0; d--) {
            at += rest % axes[d].size * axes[d].stride_bytes;
            rest /= axes[d].size;
        }
        touch(context, at, (size_t)run_bytes, is_write);
    }
    return true;
}

bool acn_call_touches(const acn_call *c, acn_touch_fn touch, void *context) {
    bool is_followed = true;
    for (int s = 0; s < ACN_MAX_INPUTS && c->op->in[s].name != NULL; s++)
        for (int i = 0; !acn_is_weak(c, s) && i < c->in_count[s]; i++)
            is_followed &= acn_tensor_touches(acn_in_at(c, s, i), false, touch, context);
    for (int s = 0; s < ACN_MAX_OUTPUTS && c->op->out[s].name != NULL; s++)
        for (int i = 0; i < c->out_count[s]; i++)
            is_followed &=
                acn_tensor_touches(&c->tensors[c->out_first[s] + i], true, touch, context);
    if (c->workspace != NULL && c->plan->workspace_bytes > 0)
        touch(context, c->workspace, c->plan->workspace_bytes, true);
    return is_followed;
}
