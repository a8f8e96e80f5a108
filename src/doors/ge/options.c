/* options.c - options of the graph engine's C++ interface. What decides about the model is read
 * where it is used; here keys and values are checked. */
#include "base/report.h"
#include "doors/ge/status.h"

#include <stdio.h>
#include <string.h>

typedef struct rule {
    const char *key;
    const char *values; /* separated by blanks; NULL: any */
} rule;

static const rule rules[] = {
    {"ge.exec.precision_mode",
     "force_fp16 force_fp32 cube_fp16in_fp32out allow_mix_precision allow_fp32_to_fp16 "
     "must_keep_origin_dtype allow_mix_precision_fp16 allow_mix_precision_bf16 "
     "allow_fp32_to_bf16"},
    {"ge.exec.precision_mode_v2",
     "fp16 origin cube_fp16in_fp32out mixed_float16 mixed_bfloat16 cube_hif8 mixed_hif8"},
    {"ge.opSelectImplmode", "high_precision high_performance high_precision_for_all "
                            "high_performance_for_all"},
    {"ge.deterministic", "0 1"},
    {"ge.externalWeight", "0 1 2"},
    {"ge.graphRunMode", "0 1"},
    {"input_format", "NCHW NHWC ND NCDHW NDHWC"},
};

/* Names without the prefix "ge.". */
static const char *const bare[] = {
    "input_shape",
    "input_format",
    "input_shape_range",
    "op_name_map",
    "is_dynamic_input",
    "is_input_adjust_hw_layout",
    "output",
    "is_output_adjust_hw_layout",
    "dynamic_batch_size",
    "enable_scope_fusion_passes",
    "dynamic_image_size",
    "dynamic_dims",
    "ac_parallel_enable",
    "compress_weight_conf",
    "log",
    "input_data_names",
    "op_debug_config",
    "op_debug_option",
    "out_nodes",
    "input_fp16_nodes",
    "stream_sync_timeout",
    "event_sync_timeout",
};

static bool holds_word(const char *words, const char *word) {
    size_t n = strlen(word);
    for (const char *at = words; n && (at = strstr(at, word)) != NULL; at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0')) return true;
    return false;
}

static bool is_known(const char *key) {
    if (strncmp(key, "ge.", 3) == 0) return true;
    for (size_t i = 0; i < sizeof bare / sizeof *bare; i++)
        if (strcmp(bare[i], key) == 0) return true;
    return false;
}

static acn_status check(const acn_ge_option *option) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (strcmp(rules[i].key, option->key) != 0) continue;
        if (rules[i].values && !holds_word(rules[i].values, option->value))
            return acn_fail(ACN_INVALID_ARGUMENT, "option %s is \"%s\"; expected one of: %s",
                            option->key, option->value, rules[i].values);
    }
    return ACN_OK;
}

uint32_t acn_ge_check_build_options(const char *api, const acn_ge_option *options, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!is_known(options[i].key))
            return acn_ge_answer(
                api, acn_fail(ACN_INVALID_ARGUMENT,
                              "option \"%s\" is unknown; take a constant of ge::ir_option",
                              options[i].key));
    return acn_ge_check_options(api, options, count);
}

/* All calculation is done in the types that the model has, so no option makes it less exact. */
uint32_t acn_ge_check_options(const char *api, const acn_ge_option *options, size_t count) {
    for (size_t i = 0; i < count; i++) {
        acn_status status = check(&options[i]);
        if (status != ACN_OK) return acn_ge_answer(api, status);
        if (strcmp(options[i].key, "input_shape") != 0 && strcmp(options[i].key, "ge.socVersion"))
            acn_report_count(acn_report_open("hint", options[i].key), 0);
    }
    return 0;
}
