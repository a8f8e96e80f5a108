/* capture.c - whether a stream is being captured. None ever is: capturing is not done yet. */
#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "runtime/stream.h"

aclError aclmdlRICaptureGetInfo(aclrtStream stream, aclmdlRICaptureStatus *status,
                                aclmdlRI *modelRI) {
    acn_stream *resolved;
    acn_status result = acn_stream_resolve(stream, &resolved);
    if (result == ACN_OK && status != NULL) *status = ACL_MODEL_RI_CAPTURE_STATUS_NONE;
    if (result == ACN_OK && modelRI != NULL) *modelRI = NULL;
    return ACN_ACL(result);
}
