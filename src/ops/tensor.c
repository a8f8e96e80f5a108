/* tensor.c - strided views, scalars, and the slow exact element access of the level-0 oracles. */
#include "ops/tensor.h"
#include "base/float8.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

int64_t acn_tensor_count(const acn_tensor *t) {
    int64_t count = 1;
    for (int d = 0; d < t->rank; d++)
        count *= t->dims[d];
    return count;
}

bool acn_tensor_is_contiguous(const acn_tensor *t) {
    int64_t expected = 1;
    for (int d = t->rank - 1; d >= 0; d--) {
        if (t->dims[d] == 0) return true;
        if (t->dims[d] != 1 && t->strides[d] != expected) return false;
        expected *= t->dims[d];
    }
    return true;
}

bool acn_tensor_same_shape(const acn_tensor *a, const acn_tensor *b) {
    return a->rank == b->rank && memcmp(a->dims, b->dims, sizeof(int64_t) * (size_t)a->rank) == 0;
}

void acn_tensor_init(acn_tensor *t, void *data, acn_dtype dtype, int rank, const int64_t *dims) {
    *t = (acn_tensor){.data = data, .dtype = dtype, .format = 2, .rank = rank};
    int64_t stride = 1;
    for (int d = rank - 1; d >= 0; d--) {
        t->dims[d] = dims[d];
        t->strides[d] = stride;
        stride *= dims[d];
    }
}

void acn_tensor_extent(const acn_tensor *t, const char **out_low, const char **out_high) {
    int64_t last = 0;
    *out_low = *out_high = t->data;
    for (int d = 0; d < t->rank; d++) {
        if (t->dims[d] == 0) return;
        last += (t->dims[d] - 1) * t->strides[d];
    }
    *out_high = *out_low + (size_t)(last + 1) * acn_dtype_bytes(t->dtype);
}

char *acn_tensor_describe(const acn_tensor *t, char *buffer, size_t bytes) {
    size_t used = (size_t)snprintf(buffer, bytes, "[");
    for (int d = 0; d < t->rank && used < bytes; d++)
        used += (size_t)snprintf(buffer + used, bytes - used, d ? ", %lld" : "%lld",
                                 (long long)t->dims[d]);
    if (used < bytes) snprintf(buffer + used, bytes - used, "] %s", acn_dtype_name(t->dtype));
    return buffer;
}

bool acn_shape_broadcast(int *rank, int64_t *dims, int b_rank, const int64_t *b_dims) {
    if (b_rank > *rank) {
        int shift = b_rank - *rank;
        for (int d = *rank - 1; d >= 0; d--)
            dims[d + shift] = dims[d];
        for (int d = 0; d < shift; d++)
            dims[d] = 1;
        *rank = b_rank;
    }
    for (int d = 0; d < b_rank; d++) {
        int64_t *a = &dims[*rank - b_rank + d];
        if (*a == b_dims[d] || b_dims[d] == 1) continue;
        if (*a != 1) return false;
        *a = b_dims[d];
    }
    return true;
}

static int64_t saturate(double x) {
    if (isnan(x)) return 0;
    if (x >= 0x1p63) return INT64_MAX;
    if (x < -0x1p63) return INT64_MIN;
    return (int64_t)x;
}

double acn_scalar_f64(const acn_scalar *s) {
    switch (acn_dtype_category(s->dtype)) {
    case 2:
        return s->f;
    case 3:
        return s->c[0];
    default:
        return s->dtype == ACN_U64 ? (double)s->u : (double)s->i;
    }
}

int64_t acn_scalar_i64(const acn_scalar *s) {
    switch (acn_dtype_category(s->dtype)) {
    case 2:
        return saturate(s->f);
    case 3:
        return saturate(s->c[0]);
    default:
        return s->i;
    }
}

double acn_scalar_imag(const acn_scalar *s) { return acn_dtype_is_complex(s->dtype) ? s->c[1] : 0; }

static acn_value from_int(int64_t i) { return (acn_value){.f = (double)i, .i = i}; }
static acn_value from_float(double f) { return (acn_value){.f = f, .i = saturate(f)}; }

#define LOAD(type, address)                                                                        \
    (__extension__({                                                                               \
        type v_;                                                                                   \
        memcpy(&v_, address, sizeof v_);                                                           \
        v_;                                                                                        \
    }))

acn_value acn_load_value(const void *p, acn_dtype dtype) {
    acn_value v = {0};
    switch (dtype) {
    case ACN_F32:
        return from_float(LOAD(float, p));
    case ACN_F16:
        return from_float(acn_f16_to_f32(LOAD(uint16_t, p)));
    case ACN_BF16:
        return from_float(acn_bf16_to_f32(LOAD(uint16_t, p)));
    case ACN_E5M2:
        return from_float(acn_e5m2_to_f32(LOAD(uint8_t, p)));
    case ACN_E4M3:
        return from_float(acn_e4m3_to_f32(LOAD(uint8_t, p)));
    case ACN_F64:
        return from_float(LOAD(double, p));
    case ACN_I8:
        return from_int(LOAD(int8_t, p));
    case ACN_U8:
        return from_int(LOAD(uint8_t, p));
    case ACN_I16:
        return from_int(LOAD(int16_t, p));
    case ACN_U16:
        return from_int(LOAD(uint16_t, p));
    case ACN_I32:
        return from_int(LOAD(int32_t, p));
    case ACN_U32:
        return from_int(LOAD(uint32_t, p));
    case ACN_I64:
        return from_int(LOAD(int64_t, p));
    case ACN_U64:
        v.i = LOAD(int64_t, p);
        v.f = (double)(uint64_t)v.i;
        return v;
    case ACN_BOOL:
        return from_int(LOAD(uint8_t, p) != 0);
    case ACN_C64:
        v = from_float(LOAD(float, p));
        v.im = LOAD(float, (const char *)p + 4);
        return v;
    case ACN_C128:
        v = from_float(LOAD(double, p));
        v.im = LOAD(double, (const char *)p + 8);
        return v;
    default:
        return v;
    }
}

/* double -> f16 / bf16 through f32 would round twice; round to odd first, which makes it exact. */
static float narrow_to_odd(double x) {
    float y = (float)x;
    if (isnan(x) || isinf(y) || (double)y == x) return y;
    uint32_t bits = acn_f32_bits(y);
    if (fabs((double)y) > fabs(x)) bits--; /* back towards zero */
    return acn_f32_from_bits(bits | 1u);
}

#define STORE(type, address, value)                                                                \
    do {                                                                                           \
        type v_ = (type)(value);                                                                   \
        memcpy(address, &v_, sizeof v_);                                                           \
    } while (0)

void acn_store_value(void *p, acn_dtype dtype, acn_value v) {
    switch (dtype) {
    case ACN_F32:
        STORE(float, p, v.f);
        break;
    case ACN_F16:
        STORE(uint16_t, p, acn_f32_to_f16(narrow_to_odd(v.f)));
        break;
    case ACN_BF16:
        STORE(uint16_t, p, acn_f32_to_bf16(narrow_to_odd(v.f)));
        break;
    case ACN_E5M2:
        STORE(uint8_t, p, acn_f32_to_e5m2((float)v.f));
        break;
    case ACN_E4M3:
        STORE(uint8_t, p, acn_f32_to_e4m3((float)v.f));
        break;
    case ACN_F64:
        STORE(double, p, v.f);
        break;
    case ACN_I8:
    case ACN_U8:
        STORE(uint8_t, p, v.i);
        break;
    case ACN_I16:
    case ACN_U16:
        STORE(uint16_t, p, v.i);
        break;
    case ACN_I32:
    case ACN_U32:
        STORE(uint32_t, p, v.i);
        break;
    case ACN_I64:
    case ACN_U64:
        STORE(int64_t, p, v.i);
        break;
    case ACN_BOOL:
        STORE(uint8_t, p, v.i != 0);
        break;
    case ACN_C64:
        STORE(float, p, v.f);
        STORE(float, (char *)p + 4, v.im);
        break;
    case ACN_C128:
        STORE(double, p, v.f);
        STORE(double, (char *)p + 8, v.im);
        break;
    default:
        break;
    }
}

char *acn_tensor_at(const acn_tensor *t, int64_t linear) {
    int64_t offset = 0;
    for (int d = t->rank - 1; d >= 0; d--) {
        offset += linear % t->dims[d] * t->strides[d];
        linear /= t->dims[d];
    }
    return (char *)t->data + offset * (int64_t)acn_dtype_bytes(t->dtype);
}
