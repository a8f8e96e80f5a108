/* touch.h - which memory a call reads and writes. */
#ifndef ACN_OPS_TOUCH_H
#define ACN_OPS_TOUCH_H

#include "ops/op.h"
#include "runtime/stream.h"

/* False when the view is in too many pieces to be told one by one; none of it is told then. */
bool acn_tensor_touches(const acn_tensor *t, bool is_write, acn_touch_fn touch, void *context);
/* Of a prepared call; false when some of its tensors were left out. */
bool acn_call_touches(const acn_call *c, acn_touch_fn touch, void *context);

#endif
