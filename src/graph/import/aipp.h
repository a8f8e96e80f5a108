/* aipp.h - pictures before the network: an input that an AIPP configuration names takes images, and
 * an Aipp node makes of them what the model takes. */
#ifndef ACN_GRAPH_IMPORT_AIPP_H
#define ACN_GRAPH_IMPORT_AIPP_H

#include "graph/import/importer.h"

#define ACN_AIPP_INPUT "ascend_dynamic_aipp_data"

/* One aipp_op of the file; domi.AippOpParams. */
typedef struct acn_aipp_config {
    bool is_dynamic;
    int64_t related_input_rank, max_src_image_size;
    char related_input_name[256];
    int64_t input_format, csc_switch, rbuv_swap_switch, ax_swap_switch;
    int64_t src_w, src_h, crop, crop_x, crop_y, crop_w, crop_h, resize;
    int64_t padding, pad_left, pad_right, pad_top, pad_bottom;
    double padding_value;
    int64_t mean[4];
    double min[4], var_reci[4];
    int64_t matrix[9], output_bias[3], input_bias[3];
} acn_aipp_config;

/* The part of |text|, protobuf's text form of domi.InsertNewOps, that is about input |index| called
 * |name|. */
acn_status acn_aipp_find(const char *text, int index, const char *name, acn_aipp_config *out,
                         bool *out_found);

/* Makes the inputs and the node; |value| becomes what the model's own input would be. |params|: the
 * input that brings the parameters, or NULL. */
acn_status acn_aipp_insert(acn_net *net, const acn_aipp_config *config, const acn_onnx_value *v,
                           int rank, const int64_t *dims, acn_net_value **out_image,
                           acn_net_value **out_params, acn_net_value **out_value);

#endif
