/* aipp.c - see aipp.h. */
#include "graph/import/aipp.h"

#include "ops/image/aipp.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading -----------------------------------------------------------------------------------
 */

static const struct {
    const char *key;
    size_t integer, number; /* where it goes; the other one is 0 */
} keys[] = {
#define INTEGER(key, field)                                                                        \
    { key, offsetof(acn_aipp_config, field), 0 }
#define NUMBER(key, field)                                                                         \
    { key, 0, offsetof(acn_aipp_config, field) }
    INTEGER("related_input_rank", related_input_rank),
    INTEGER("max_src_image_size", max_src_image_size),
    INTEGER("csc_switch", csc_switch),
    INTEGER("rbuv_swap_switch", rbuv_swap_switch),
    INTEGER("ax_swap_switch", ax_swap_switch),
    INTEGER("src_image_size_w", src_w),
    INTEGER("src_image_size_h", src_h),
    INTEGER("crop", crop),
    INTEGER("load_start_pos_w", crop_x),
    INTEGER("load_start_pos_h", crop_y),
    INTEGER("crop_size_w", crop_w),
    INTEGER("crop_size_h", crop_h),
    INTEGER("resize", resize),
    INTEGER("padding", padding),
    INTEGER("left_padding_size", pad_left),
    INTEGER("right_padding_size", pad_right),
    INTEGER("top_padding_size", pad_top),
    INTEGER("bottom_padding_size", pad_bottom),
    NUMBER("padding_value", padding_value),
    INTEGER("mean_chn_0", mean[0]),
    INTEGER("mean_chn_1", mean[1]),
    INTEGER("mean_chn_2", mean[2]),
    INTEGER("mean_chn_3", mean[3]),
    NUMBER("min_chn_0", min[0]),
    NUMBER("min_chn_1", min[1]),
    NUMBER("min_chn_2", min[2]),
    NUMBER("min_chn_3", min[3]),
    NUMBER("var_reci_chn_0", var_reci[0]),
    NUMBER("var_reci_chn_1", var_reci[1]),
    NUMBER("var_reci_chn_2", var_reci[2]),
    NUMBER("var_reci_chn_3", var_reci[3]),
    INTEGER("matrix_r0c0", matrix[0]),
    INTEGER("matrix_r0c1", matrix[1]),
    INTEGER("matrix_r0c2", matrix[2]),
    INTEGER("matrix_r1c0", matrix[3]),
    INTEGER("matrix_r1c1", matrix[4]),
    INTEGER("matrix_r1c2", matrix[5]),
    INTEGER("matrix_r2c0", matrix[6]),
    INTEGER("matrix_r2c1", matrix[7]),
    INTEGER("matrix_r2c2", matrix[8]),
    INTEGER("output_bias_0", output_bias[0]),
    INTEGER("output_bias_1", output_bias[1]),
    INTEGER("output_bias_2", output_bias[2]),
    INTEGER("input_bias_0", input_bias[0]),
    INTEGER("input_bias_1", input_bias[1]),
    INTEGER("input_bias_2", input_bias[2]),
};

static acn_aipp_config defaults(void) {
    return (acn_aipp_config){
        .var_reci = {1, 1, 1, 1},
        .matrix = {298, 516, 0, 298, -100, -208, 298, 0, 409},
        .output_bias = {16, 128, 128},
        .input_bias = {16, 128, 128},
    };
}

static acn_status bad(const char *what, const char *word) {
    return acn_fail(ACN_INVALID_ARGUMENT, "--insert_op_conf: %s \"%.64s\"", what, word);
}

/* The next word, without blanks, comments, and the colon behind a key; "" at the end. */
static void next_word(const char **at, char *word, size_t room) {
    size_t n = 0;
    for (;; ++*at) {
        if (**at == '#') *at += strcspn(*at, "\n");
        if (!**at || !strchr(" \t\r\n:,;", **at)) break;
    }
    if (**at == '{' || **at == '}') {
        word[n++] = *(*at)++;
    } else if (**at == '"') {
        for (++*at; **at && **at != '"'; ++*at)
            if (n + 1 < room) word[n++] = **at;
        if (**at) ++*at;
    } else {
        for (; **at && !strchr(" \t\r\n:,;{}#", **at); ++*at)
            if (n + 1 < room) word[n++] = **at;
    }
    word[n] = '\0';
}

static acn_status set_word(acn_aipp_config *config, const char *key, const char *value) {
    static const char *const formats[] = {
        [ACN_AIPP_YUV420SP] = "YUV420SP_U8",
        [ACN_AIPP_XRGB8888] = "XRGB8888_U8",
        [ACN_AIPP_RGB888] = "RGB888_U8",
        [ACN_AIPP_YUV400] = "YUV400_U8",
    };
    if (strcmp(key, "aipp_mode") == 0) {
        config->is_dynamic = strcmp(value, "dynamic") == 0;
        return config->is_dynamic || strcmp(value, "static") == 0 ? ACN_OK
                                                                  : bad("unknown mode", value);
    }
    if (strcmp(key, "related_input_name") == 0) {
        snprintf(config->related_input_name, sizeof config->related_input_name, "%s", value);
        return ACN_OK;
    }
    if (strcmp(key, "input_format") != 0) return bad("unknown key", key);
    for (int i = ACN_AIPP_YUV420SP; i <= ACN_AIPP_YUV400; i++)
        if (strcmp(formats[i], value) == 0) {
            config->input_format = i;
            return ACN_OK;
        }
    return bad("this device does not know the format", value);
}

static acn_status set_value(acn_aipp_config *config, const char *key, const char *value) {
    char *end;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].key, key) != 0) continue;
        double number = strtod(value, &end);
        bool is_word = end == value || *end;
        if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
            number = value[0] == 't';
            is_word = false;
        }
        if (is_word || number < -1e9 || number > 1e9) return bad("this is no number:", value);
        if (keys[i].number)
            *(double *)((char *)config + keys[i].number) = number;
        else
            *(int64_t *)((char *)config + keys[i].integer) = (int64_t)number;
        return ACN_OK;
    }
    return set_word(config, key, value);
}

/* What stands between the braces. */
static acn_status read_op(const char **at, acn_aipp_config *config) {
    char key[256], value[256];
    for (;;) {
        next_word(at, key, sizeof key);
        if (strcmp(key, "}") == 0) break;
        if (!key[0] || key[0] == '{') return bad("a brace is missing near", key);
        next_word(at, value, sizeof value);
        if (!value[0] || strchr("{}", value[0])) return bad("there is no value for", key);
        ACN_TRY(set_value(config, key, value));
    }
    if (config->resize)
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED, "--insert_op_conf: resize does not work");
    if (!config->is_dynamic && !config->input_format)
        return acn_fail(ACN_INVALID_ARGUMENT, "--insert_op_conf: input_format is missing");
    if (config->is_dynamic && config->max_src_image_size <= 0)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "--insert_op_conf: dynamic AIPP needs max_src_image_size");
    return ACN_OK;
}

acn_status acn_aipp_find(const char *text, int index, const char *name, acn_aipp_config *out,
                         bool *out_found) {
    char word[256];
    *out_found = false;
    for (const char *at = text; at && *at;) {
        acn_aipp_config config = defaults();
        next_word(&at, word, sizeof word);
        if (!word[0]) break;
        if (strcmp(word, "aipp_op") != 0) return bad("expected aipp_op, not", word);
        next_word(&at, word, sizeof word);
        if (strcmp(word, "{") != 0) return bad("expected a brace, not", word);
        ACN_TRY(read_op(&at, &config));
        bool is_it = config.related_input_name[0] ? strcmp(config.related_input_name, name) == 0
                                                  : config.related_input_rank == index;
        if (is_it) *out = config;
        *out_found |= is_it;
    }
    return ACN_OK;
}

/* ---- the node ----------------------------------------------------------------------------------
 */

/* Of images of w x h; planes of colours lie below the one of brightness. */
static acn_status add_image(acn_net *net, const acn_aipp_config *config, const char *name,
                            int64_t n, int64_t w, int64_t h, acn_net_value **out) {
    if (config->is_dynamic)
        return acn_net_new_value(net, name, ACN_U8, 1, &config->max_src_image_size, out);
    int64_t pixel = acn_aipp_frame_bytes((int)config->input_format, 2, 2) / 4;
    bool is_planar = config->input_format == ACN_AIPP_YUV420SP;
    const int64_t dims[] = {n, is_planar ? h * 3 / 2 : h, w, is_planar ? 1 : pixel};
    return acn_net_new_value(net, name, ACN_U8, 4, dims, out);
}

static void put_numbers(acn_node_builder *b, const char *attr, const double *values) {
    float list[4];
    for (int i = 0; i < 4; i++)
        list[i] = (float)values[i];
    acn_node_floats(b, attr, list, 4);
}

static void put_parameters(acn_node_builder *b, const acn_aipp_config *config, int64_t w,
                           int64_t h) {
    const int64_t source[] = {w, h};
    const int64_t crop[] = {config->crop_x, config->crop_y, config->crop_w ? config->crop_w : w,
                            config->crop_h ? config->crop_h : h};
    const int64_t padding[] = {config->pad_top, config->pad_bottom, config->pad_left,
                               config->pad_right};
    int64_t bias[6];
    memcpy(bias, config->output_bias, sizeof config->output_bias);
    memcpy(bias + 3, config->input_bias, sizeof config->input_bias);
    acn_node_int(b, "input_format", config->input_format);
    acn_node_ints(b, "src_image_size", source, 2);
    acn_node_int(b, "csc_switch", config->csc_switch);
    acn_node_int(b, "rbuv_swap_switch", config->rbuv_swap_switch);
    acn_node_int(b, "ax_swap_switch", config->ax_swap_switch);
    acn_node_ints(b, "matrix", config->matrix, 9);
    acn_node_ints(b, "bias", bias, 6);
    if (config->crop) acn_node_ints(b, "crop", crop, 4);
    if (config->padding) acn_node_ints(b, "padding", padding, 4);
    acn_node_ints(b, "mean", config->mean, 4);
    put_numbers(b, "min", config->min);
    put_numbers(b, "var_reci", config->var_reci);
}

acn_status acn_aipp_insert(acn_net *net, const acn_aipp_config *config, const acn_onnx_value *v,
                           int rank, const int64_t *dims, acn_net_value **out_image,
                           acn_net_value **out_params, acn_net_value **out_value) {
    if (rank != 4 || (v->dtype != ACN_F32 && v->dtype != ACN_F16 && v->dtype != ACN_U8))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "--insert_op_conf: input \"%s\" takes no images; expected (n, c, h, w) of "
                        "float32, float16 or uint8",
                        v->name);
    int64_t w = config->src_w ? config->src_w : dims[3],
            h = config->src_h ? config->src_h : dims[2];
    const int64_t params_bytes =
        (int64_t)sizeof(acn_aipp_head) + dims[0] * (int64_t)sizeof(acn_aipp_image);
    acn_tensor features;
    acn_node_builder b;
    *out_params = NULL;
    ACN_TRY(add_image(net, config, v->name, dims[0], w, h, out_image));
    if (config->is_dynamic)
        ACN_TRY(acn_net_new_value(net, ACN_AIPP_INPUT, ACN_U8, 1, &params_bytes, out_params));
    acn_tensor_init(&features, NULL, v->dtype, rank, dims);
    acn_node_begin(&b, net, "Aipp", v->name);
    acn_node_input(&b, "images", *out_image);
    acn_node_input(&b, "params", *out_params);
    if (!config->is_dynamic) put_parameters(&b, config, w, h);
    acn_node_float(&b, "padding_value", config->padding_value);
    acn_node_output(&b, "features", v->dtype, &features);
    return acn_node_end(&b, out_value);
}
