/* binding.h - how a row of api/aclnn.tsv maps one public name's arguments onto an operator.
 *
 * The generator writes, for each row, the exported pair and a const acn_aclnn_row; everything else
 * is in binding.c: slots by name are resolved once, at first use.
 */
#ifndef ACN_DOORS_OPAPI_BINDING_H
#define ACN_DOORS_OPAPI_BINDING_H

#include "acl/acl_base.h"
#include "aclnn/acl_meta.h"
#include "ops/op.h"
#include <stdatomic.h>

typedef union acn_arg {
    const void *object; /* aclTensor, aclTensorList, aclScalar, aclIntArray ...; NULL if absent */
    int64_t i;
    double f;
    const char *text;
} acn_arg;

typedef enum acn_arg_kind {
    ACN_ARG_TENSOR,
    ACN_ARG_TENSOR_LIST,
    ACN_ARG_SCALAR,
    ACN_ARG_SCALAR_LIST,
    ACN_ARG_INTS,
    ACN_ARG_FLOATS,
    ACN_ARG_BOOLS,
    ACN_ARG_INT, /* any integer, enum or bool */
    ACN_ARG_FLOAT,
    ACN_ARG_STRING
} acn_arg_kind;

/* One use of an argument: in-place forms use one argument as input and output. */
typedef struct acn_bind {
    const char *slot; /* the operator's input, output or attribute; "-" when ignored */
    int8_t argument;  /* index in the call; -1: |constant| (written in the table as slot=#1) */
    int64_t constant;
} acn_bind;

typedef struct acn_bound acn_bound;

typedef struct acn_aclnn_row {
    const char *name; /* "aclnnAdd" */
    const char *op;   /* GE name */
    const char *const *argument_names;
    const uint8_t *argument_kinds; /* acn_arg_kind */
    const acn_bind *binds;
    uint8_t argument_count, bind_count;
} acn_aclnn_row;

/* A row's run-time side: resolved slots and the counters of `anycann report`. */
typedef struct acn_aclnn_entry {
    const acn_aclnn_row *row;
    _Atomic(const acn_bound *) bound;
} acn_aclnn_entry;

aclnnStatus acn_aclnn_prepare(acn_aclnn_entry *entry, const acn_arg *arguments,
                              uint64_t *workspace_size, aclOpExecutor **executor);
aclnnStatus acn_aclnn_execute(acn_aclnn_entry *entry, void *workspace, uint64_t workspace_size,
                              aclOpExecutor *executor, aclrtStream stream);

/* Resolves every row; fails naming the first that does not fit its operator. For tests. */
acn_status acn_aclnn_check_rows(void);

/* All rows, generated. */
extern acn_aclnn_entry *const acn_aclnn_entries[];
extern const int acn_aclnn_entry_count;

#endif
