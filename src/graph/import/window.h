/* window.h - what a node says of windows that move over an image: shared by convolution and
 * pooling.
 */
#ifndef ACN_GRAPH_IMPORT_WINDOW_H
#define ACN_GRAPH_IMPORT_WINDOW_H

#include "graph/import/importer.h"

typedef struct acn_onnx_window {
    int count; /* spatial dimensions */
    int64_t kernel[ACN_MAX_DIMS], stride[ACN_MAX_DIMS], dilation[ACN_MAX_DIMS];
    int64_t pads[2 * ACN_MAX_DIMS]; /* before and after each dimension, as pairs */
} acn_onnx_window;

/* One number for each spatial dimension, 1 at least; |fallback| when the node does not say. */
acn_status acn_onnx_spatial(const acn_onnx_call *c, const char *name, int count, int64_t fallback,
                            int64_t *out);
/* Padding before and after each dimension, as pairs. */
acn_status acn_onnx_padding(const acn_onnx_call *c, const acn_tensor *x, int count,
                            const int64_t *kernel, const int64_t *stride, const int64_t *dilation,
                            int64_t *out);
/* All of a pooling's window; its input is the node's first. */
acn_status acn_onnx_window_read(const acn_onnx_call *c, acn_onnx_window *out);

/* ---- op_conv.c ------------------------------------------------------------------------------- */

typedef struct acn_onnx_convolution {
    acn_onnx_window window; /* its kernel is the filter's */
    int64_t groups;
    int64_t output_padding[ACN_MAX_DIMS];
} acn_onnx_convolution;

acn_status acn_onnx_convolution_read(const acn_onnx_call *c, const acn_tensor *x,
                                     const acn_tensor *w, acn_onnx_convolution *out);
/* |bias| may be NULL. */
acn_status acn_onnx_convolution_build(acn_onnx_call *c, const acn_onnx_convolution *conv,
                                      bool is_transposed, acn_net_value *x, acn_net_value *filter,
                                      acn_net_value *bias, acn_net_value **out);

#endif
