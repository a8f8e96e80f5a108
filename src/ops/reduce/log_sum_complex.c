/* log_sum_complex.c - log of the sum of e^x for complex numbers, whose sums no fold holds: every
 * result by itself, in double. The largest real part is taken out first. */
#include "base/pool.h"
#include "ops/reduce/fold.h"
#include <complex.h>
#include <math.h>

typedef struct job {
    const acn_tensor *x, *y;
    uint32_t mask;
    int64_t behind; /* elements of one result */
} job;

/* Offset of element |k| of what result |i| reduces. */
static int64_t offset_of(const job *j, int64_t i, int64_t k) {
    const acn_tensor *x = j->x;
    int64_t at = 0;
    for (int d = x->rank - 1; d >= 0; d--) {
        int64_t *index = (j->mask >> d & 1) ? &k : &i;
        at += *index % x->dims[d] * x->strides[d];
        *index /= x->dims[d];
    }
    return at;
}

static double complex element(const job *j, int64_t i, int64_t k) {
    acn_value v = acn_load_value((const char *)j->x->data +
                                     offset_of(j, i, k) * (int64_t)acn_dtype_bytes(j->x->dtype),
                                 j->x->dtype);
    return CMPLX(v.f, v.im);
}

static void one_result(void *context, int64_t i, int worker) {
    (void)worker;
    const job *j = context;
    double most = -INFINITY;
    double complex sum = 0;
    for (int64_t k = 0; k < j->behind; k++)
        most = fmax(most, creal(element(j, i, k)));
    if (!isfinite(most)) most = 0;
    for (int64_t k = 0; k < j->behind; k++)
        sum += cexp(element(j, i, k) - most);
    double complex y = clog(sum) + most;
    acn_store_value(acn_tensor_at(j->y, i), j->y->dtype,
                    (acn_value){.f = creal(y), .im = cimag(y)});
}

void acn_log_sum_complex(const acn_call *c, uint32_t mask, bool on_pool) {
    job j = {acn_in(c, 0), acn_out(c, 0), mask, 1};
    for (int d = 0; d < j.x->rank; d++)
        if (mask >> d & 1) j.behind *= j.x->dims[d];
    int64_t results = acn_tensor_count(j.y);
    if (on_pool) acn_pool_run(results, one_result, &j);
    for (int64_t i = 0; i < results && !on_pool; i++)
        one_result(&j, i, 0);
}
