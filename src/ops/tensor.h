/* tensor.h - a strided view, as operators see it, and the scalar value. */
#ifndef ACN_OPS_TENSOR_H
#define ACN_OPS_TENSOR_H

#include "base/status.h"
#include "ops/dtype.h"
#include <complex.h>

enum { ACN_MAX_DIMS = 8 };

typedef struct acn_tensor {
    void *data; /* address of element [0, 0, ...]: storage base plus offset */
    acn_dtype dtype;
    int32_t format; /* aclFormat */
    int32_t rank;
    int64_t dims[ACN_MAX_DIMS];
    int64_t strides[ACN_MAX_DIMS]; /* in elements; 0 repeats; never negative */
    /* The aclTensor behind the view, when a data-dependent output must tell its true shape. */
    struct acn_object_tensor *object; /* ops/object.h */
} acn_tensor;

/* A scalar argument keeps its value in the widest type of its category. */
typedef struct acn_scalar {
    acn_dtype dtype; /* as given: F64, I64, BOOL, C128 from torch_npu; any from C programs */
    union {
        double f;
        int64_t i;
        uint64_t u;
        double c[2]; /* real, imaginary */
    };
} acn_scalar;

int64_t acn_tensor_count(const acn_tensor *t); /* number of elements */
bool acn_tensor_is_contiguous(const acn_tensor *t);
bool acn_tensor_same_shape(const acn_tensor *a, const acn_tensor *b);
void acn_tensor_init(acn_tensor *t, void *data, acn_dtype dtype, int rank, const int64_t *dims);
/* Byte range [low, high) that the view touches; empty for empty views. */
void acn_tensor_extent(const acn_tensor *t, const char **out_low, const char **out_high);
/* "[2, 3] f32" into |buffer|; returns |buffer|. For error texts. */
char *acn_tensor_describe(const acn_tensor *t, char *buffer, size_t bytes);
/* Broadcast of |b| onto |dims| (PyTorch's rules); false if the shapes do not broadcast. */
bool acn_shape_broadcast(int *rank, int64_t *dims, int b_rank, const int64_t *b_dims);

double acn_scalar_f64(const acn_scalar *s);  /* real part */
int64_t acn_scalar_i64(const acn_scalar *s); /* floats truncate towards zero, saturating */
double acn_scalar_imag(const acn_scalar *s);

/* Slow element access for the level-0 oracles. Index -> address is the caller's. */
typedef struct acn_value {
    double f, im;
    int64_t i; /* exact for integers and bool */
} acn_value;
acn_value acn_load_value(const void *address, acn_dtype dtype);
/* Floats are rounded from |f| (once), integers wrap from |i|. */
void acn_store_value(void *address, acn_dtype dtype, acn_value value);
/* Address of the |linear|-th element in row-major order. */
char *acn_tensor_at(const acn_tensor *t, int64_t linear);

#endif
