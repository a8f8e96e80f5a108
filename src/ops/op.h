/* op.h - THE definition of an operator, whatever door a program comes through.
 *
 *   infer  checks arguments, gives the outputs' shapes and dtypes   (aclnn phase 1, graph compile)
 *   check  checks values that change from call to call              (aclnn phase 1, never cached)
 *   plan   picks the kernel and the workspace                       (aclnn phase 1, cached)
 *   run    a pure function of the call, on the stream's thread      (aclnn phase 2, executor)
 *   run0   the same in naive scalar C: level 0, the oracle of all other levels
 *
 * An operator is one file that ends in ACN_OP(id) = {...}, plus its rows in api/aclnn.tsv. Doors
 * hold no operator code: they fill a call's slots from a row's binding and hand it over.
 */
#ifndef ACN_OPS_OP_H
#define ACN_OPS_OP_H

#include "base/arena.h"
#include "base/registry.h"
#include "ops/tensor.h"

enum { ACN_MAX_INPUTS = 24, ACN_MAX_OUTPUTS = 12, ACN_MAX_ATTRS = 16 };

typedef struct acn_call acn_call;
typedef struct acn_op acn_op;

typedef enum acn_param_flags {
    ACN_OPTIONAL = 1, /* may be absent */
    ACN_LIST = 2,     /* a list of tensors (GE's dynamic input) */
    ACN_SCALARISH =
        4, /* a door may bind an aclScalar: the input is then a 0-d tensor of weak type */
    ACN_UNALIASED = 8, /* no output may be the same view: it is still read while they are written */
} acn_param_flags;

typedef struct acn_param {
    const char *name;  /* GE's name */
    acn_dtypes dtypes; /* types a client may give; checked before infer */
    uint32_t flags;
} acn_param;

typedef enum acn_attr_kind {
    ACN_ATTR_NONE,
    ACN_ATTR_INT,
    ACN_ATTR_FLOAT,
    ACN_ATTR_BOOL,
    ACN_ATTR_STRING,
    ACN_ATTR_SCALAR, /* aclScalar: its value is no part of a plan's key */
    ACN_ATTR_INTS,
    ACN_ATTR_FLOATS,
    ACN_ATTR_BOOLS,
    ACN_ATTR_SCALARS,
    ACN_ATTR_DTYPE
} acn_attr_kind;

typedef struct acn_attr_param {
    const char *name;
    acn_attr_kind kind;
    double fallback; /* value when absent, for numbers */
    bool is_required;
    bool is_value; /* a plain number that changes from call to call (seeds, epsilons): no part of
                      a plan's key, so plan must not look at it */
} acn_attr_param;

struct acn_op {
    const char *name; /* GE's */
    const char *doc;
    acn_param in[ACN_MAX_INPUTS];
    acn_param out[ACN_MAX_OUTPUTS];
    acn_attr_param attr[ACN_MAX_ATTRS];
    /* infer and plan are skipped when the plan cache knows the call's key, so they must decide by
     * what the key holds: dtypes, shapes, strides, attributes. What it does not hold (the values of
     * weak inputs, ACN_ATTR_SCALAR, SCALARS and is_value attributes) is refused by check, which
     * runs in phase 1 of each call, after infer; optional. */
    acn_status (*infer)(acn_call *call);
    acn_status (*check)(const acn_call *call);
    acn_status (*plan)(acn_call *call);
    acn_status (*run)(acn_call *call);
    acn_status (*run0)(acn_call *call);
    const void *family; /* what a family's shared infer / plan / run reads (see elementwise.h) */
    uint32_t flags;
    const char *cases; /* see tests/ops: "f32[2,3] f16[0] ..." */
};

enum {
    ACN_OP_MAY_OVERLAP = 1, /* outputs may overlap inputs in any way (views, copies handle it) */
    ACN_OP_DYNAMIC_OUT = 2, /* outputs' true shapes are known after run */
    ACN_OP_CAN_BLOCK = 4,   /* never inline on a caller's thread */
    ACN_OP_ANY_FORMAT = 64, /* tensors may have private formats (formats.h) */
};

#define ACN_OP(id) ACN_REGISTER(op, id)

const acn_op *acn_op_find(const char *name);
int acn_op_count(void);
const acn_op *acn_op_at(int index); /* sorted by name */

/* ---- the call ------------------------------------------------------------------------------ */

typedef struct acn_attr_value {
    bool is_present;
    union {
        int64_t i; /* INT BOOL DTYPE */
        double f;
        const char *text;
        acn_scalar scalar;
        struct {
            const void *items; /* int64_t, float, uint8_t or acn_scalar */
            int64_t count;
        };
    };
} acn_attr_value;

/* What infer says of an output. The generic code then checks a client's tensor against it. */
typedef struct acn_meta {
    acn_dtype dtype; /* ACN_UNDEFINED: any dtype of the parameter's set (result is cast) */
    int32_t rank;    /* -1: not checked */
    int64_t dims[ACN_MAX_DIMS];
} acn_meta;

/* What plan leaves behind: immutable, shared by all calls of the same key through the plan cache.
 */
typedef struct acn_plan {
    acn_status (*run)(acn_call *call); /* op->run unless plan chose another */
    uint64_t workspace_bytes;
    uint32_t cost_us;
    void *data; /* operator's own, from |arena| */
    acn_arena arena;
    void (*release)(struct acn_plan *plan); /* of what |data| holds beside memory; may be NULL */
    /* private to call.c: key, references, hash chain */
    uint64_t hash;
    uint32_t references;
    uint32_t key_bytes;
    void *key;
} acn_plan;

enum { ACN_CALL_INLINE_TENSORS = 8 };

/* What the interface calls the slots (aclnn says "self" where GE says "x1"); for error texts. */
typedef struct acn_slot_names {
    const char *in[ACN_MAX_INPUTS], *out[ACN_MAX_OUTPUTS], *attr[ACN_MAX_ATTRS];
} acn_slot_names;

struct acn_call {
    const acn_op *op;
    const char *api;             /* public name, for counts */
    const acn_slot_names *names; /* NULL: the operator's own */
    /* Slot s of the operator's inputs holds tensors [in_first[s], in_first[s] + in_count[s]);
     * count 0 means absent. Outputs follow in the same way. */
    acn_tensor *tensors;
    int32_t tensor_count;
    int32_t in_first[ACN_MAX_INPUTS], in_count[ACN_MAX_INPUTS];
    int32_t out_first[ACN_MAX_OUTPUTS], out_count[ACN_MAX_OUTPUTS];
    /* A weak scalar input is tensor with data == &weak[slot] and strides 0. */
    uint32_t weak_inputs; /* bit per input slot */
    acn_attr_value attr[ACN_MAX_ATTRS];
    acn_meta meta[ACN_MAX_OUTPUTS]; /* written by infer */
    acn_plan *plan;
    void *workspace;
    acn_arena arena; /* dies with the call */
    acn_tensor inline_tensors[ACN_CALL_INLINE_TENSORS];
    double weak[ACN_MAX_INPUTS][2]; /* storage of weak scalars in their own dtype */
};

static inline const acn_tensor *acn_in(const acn_call *c, int slot) {
    return c->in_count[slot] ? &c->tensors[c->in_first[slot]] : NULL;
}
static inline const acn_tensor *acn_in_at(const acn_call *c, int slot, int i) {
    return &c->tensors[c->in_first[slot] + i];
}
static inline int acn_in_count(const acn_call *c, int slot) { return c->in_count[slot]; }
static inline acn_tensor *acn_out(const acn_call *c, int slot) {
    return c->out_count[slot] ? &c->tensors[c->out_first[slot]] : NULL;
}
static inline acn_tensor *acn_out_at(const acn_call *c, int slot, int i) {
    return &c->tensors[c->out_first[slot] + i];
}
static inline int acn_out_count(const acn_call *c, int slot) { return c->out_count[slot]; }
static inline bool acn_is_weak(const acn_call *c, int slot) {
    return (c->weak_inputs >> slot) & 1u;
}

int64_t acn_attr_int(const acn_call *c, int slot); /* INT BOOL DTYPE, with the fallback */
double acn_attr_float(const acn_call *c, int slot);
acn_scalar acn_attr_scalar(const acn_call *c, int slot);
const int64_t *acn_attr_ints(const acn_call *c, int slot, int64_t *out_count);

/* What |s| means to an attribute of |kind|, which is a single number. */
void acn_attr_set_scalar(acn_attr_kind kind, acn_attr_value *v, const acn_scalar *s);

/* For infer: sets an output's expected shape and dtype. */
void acn_out_is(acn_call *c, int slot, acn_dtype dtype, int rank, const int64_t *dims);
void acn_out_like(acn_call *c, int slot, acn_dtype dtype, const acn_tensor *like);
/* The shape is what attribute |attr| (INTS) says when present, else the client's choice. */
acn_status acn_out_is_attr(acn_call *c, int slot, acn_dtype dtype, int attr);
/* What the interface calls an input, for error texts. */
const char *acn_input_name(const acn_call *c, int slot);
/* Error with the parameter's public-facing name: "self is [2, 3] f32; expected ...". */
acn_status acn_bad_input(const acn_call *c, int slot, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
acn_status acn_bad_attr(const acn_call *c, int slot, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
/* -rank <= dim < rank -> 0..rank-1 (rank 0 counts as 1); fails naming attr |slot|. */
acn_status acn_wrap_dim(const acn_call *c, int slot, int64_t dim, int rank, int *out_dim);
/* How many of the last dimensions of input |input| are space: attribute |slot|, 1 to 3. One or two,
 * batch and channels, stand before them. */
acn_status acn_spatial_of(const acn_call *c, int slot, int input, int *out);
/* For run of operators with ACN_OP_DYNAMIC_OUT: the output's true shape, within the client's room.
 * A contiguous output stays contiguous: it is packed to its true shape. */
void acn_out_set_shape(acn_call *c, int slot, int rank, const int64_t *dims);
/* Zeroed memory that lives as long as the plan. */
void *acn_plan_alloc(acn_call *c, size_t bytes);

/* Error about an output that the client gave. */
acn_status acn_bad_output(const acn_call *c, int slot, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

/* ---- life of a call, used by doors (and later the graph executor) --------------------------- */

/* The door has filled op, api, slots and attributes. Checks parameters, runs infer, checks outputs
 * and overlap, plans (or finds the plan). On success call->plan is set. */
acn_status acn_call_prepare(acn_call *call);
/* Makes |call| empty (no slots filled) for |op|; cheap, touches only what must be set. */
void acn_call_init(acn_call *call, const acn_op *op);
/* Room for |count| tensors; inline up to ACN_CALL_INLINE_TENSORS, else from the call's arena. */
acn_status acn_call_reserve(acn_call *call, int count);
/* Fills input |slot| with a weak 0-d tensor of |scalar|. Its tensor slot must be reserved. */
void acn_call_set_weak(acn_call *call, int slot, int tensor_index, const acn_scalar *scalar);
/* The addresses' part of prepare's checks again, after some have changed. */
acn_status acn_call_check_overlap(const acn_call *call);
/* Only infer, for callers that want output shapes before they allocate (aclop V2, graph). */
acn_status acn_call_infer(acn_call *call);
/* Runs now, on this thread; counts it for `anycann report`. |workspace| has plan->workspace_bytes.
 */
acn_status acn_call_run(acn_call *call, void *workspace);
/* Releases the plan reference and arena. */
void acn_call_release(acn_call *call);
/* A second call with the same plan and tensors, for repeatable executors: the copy may run while
 * the original gets new addresses. */
acn_status acn_call_clone(acn_call *copy, const acn_call *call);

#endif
