/* hccl_door.h - the end of every HCCL function: the internal status becomes HCCL's code, and the
 * function's name joins the recorded text. */
#ifndef ACN_DOORS_HCCL_DOOR_H
#define ACN_DOORS_HCCL_DOOR_H

#include "doors/door.h"
#include "hccl/collective.h"
#include "hccl/hccl_types.h"

HcclResult acn_hccl_code(const char *api, acn_status status);
#define ACN_HCCL(expr) acn_hccl_code(__func__, (expr))

#define ACN_HCCL_REQUIRE(pointer)                                                                  \
    do {                                                                                           \
        if ((pointer) == NULL)                                                                     \
            return ACN_HCCL(                                                                       \
                acn_fail(ACN_NULL_POINTER, "%s is NULL; expected a valid pointer", #pointer));     \
    } while (0)

/* The communicator |name| behind |handle|. */
#define ACN_HCCL_RESOLVE(handle, name)                                                             \
    acn_comm *name;                                                                                \
    ACN_HCCL_REQUIRE(handle);                                                                      \
    do {                                                                                           \
        acn_status resolved_ = acn_comm_resolve(handle, &name);                                    \
        if (resolved_ != ACN_OK) return ACN_HCCL(resolved_);                                       \
    } while (0)

/* |given| may be NULL, which sets nothing. |*out| points into |*room|. */
acn_status acn_hccl_read_config(const HcclCommConfig *given, HcclCommConfig *room,
                                acn_comm_options *out);

acn_status acn_hccl_dtype(HcclDataType type, acn_dtype *out);
acn_status acn_hccl_op(HcclReduceOp op, acn_combine_op *out);

#endif
