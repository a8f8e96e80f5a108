/* options.c - atc's options: one row each. What the core acts on, it checks itself; here are the
 * names, the values of those that have a list of them, and what has no effect on this device. */
#define _GNU_SOURCE
#include "tools/atc/atc.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

typedef enum option_kind {
    USED,
    HINT,    /* accepted: it is about an NPU, and changes no result */
    REFUSED, /* would change results, and is not done */
} option_kind;

typedef struct option_row {
    const char *name;
    option_kind kind;
    const char *group;  /* of the usage text */
    const char *values; /* with blanks around each; NULL: any */
    const char *meaning;
} option_row;

static const option_row rows[] = {
    {"mode", USED, "General", " 0 1 3 5 6 7 30 ",
     "0: make a .om (default); 1: a model as JSON; 3: check only; 5: a dumped graph as JSON; 6: "
     "what a .om holds"},
    {"log", USED, "General", " debug info warning error null ", "how much atc itself logs"},
    {"model", USED, "Input", NULL, "the .onnx file"},
    {"framework", USED, "Input", " 0 1 3 5 ", "5: ONNX"},
    {"weight", HINT, "Input", NULL, "ignored: an ONNX model has its weights"},
    {"om", USED, "Input", NULL, "the file that modes 1, 5 and 6 read"},
    {"input_shape", USED, "Input", NULL,
     "\"in1:n,c,h,w;in2:...\"; -1 or 1~8 leaves a size open until it runs"},
    {"input_format", USED, "Input", NULL, "NCHW, NCDHW or ND"},
    {"dynamic_batch_size", USED, "Input", NULL, "\"1,2,4\": sizes for a leading -1"},
    {"dynamic_image_size", USED, "Input", NULL, "\"h,w;h,w\": sizes for -1 in place of H and W"},
    {"dynamic_dims", USED, "Input", NULL, "\"a,b;a,b\": sizes for all -1, in order"},
    {"input_hint_shape", HINT, "Input", NULL, "no effect here"},
    {"input_shape_range", REFUSED, "Input", NULL, "use --input_shape with ranges"},
    {"insert_op_conf", USED, "Input", NULL, "file that says how images become an input (AIPP)"},
    {"input_fp16_nodes", USED, "Input", NULL, "\"in1;in2\": inputs that will be fed as float16"},
    {"is_input_adjust_hw_layout", REFUSED, "Input", NULL, "not done yet"},
    {"singleop", USED, "Input", NULL, "JSON of operators; each becomes a .om in folder --output"},
    {"op_name_map", HINT, "Input", NULL, "no effect here"},
    {"output", USED, "Output", NULL, "path of the result, without .om"},
    {"json", USED, "Output", NULL, "path of the JSON of modes 1 and 5"},
    {"out_nodes", USED, "Output", NULL, "\"node:0;node:1\" or names of tensors: what to give back"},
    {"output_type", USED, "Output", NULL, "FP32, FP16, ...; \"node:0:FP16;...\" with --out_nodes"},
    {"is_output_adjust_hw_layout", REFUSED, "Output", NULL, "not done yet"},
    {"check_report", USED, "Output", NULL, "path of mode 3's report"},
    {"display_model_info", USED, "Output", " 0 1 ", "1: print mode 6's lines after success"},
    {"external_weight", REFUSED, "Output", " 0 1 2 ", "not done yet"},
    {"save_original_model", HINT, "Output", NULL, "no effect here"},
    {"soc_version", USED, "Target", NULL, "such as Ascend910B1"},
    {"core_type", HINT, "Target", " AiCore VectorCore ", "no effect here"},
    {"aicore_num", HINT, "Target", NULL, "no effect here"},
    {"virtual_type", HINT, "Target", " 0 1 ", "no effect here"},
    {"host_env_os", HINT, "Target", NULL, "no effect here"},
    {"host_env_cpu", HINT, "Target", NULL, "no effect here"},
    {"fusion_switch_file", USED, "Feature", NULL,
     "file of passes that are off: \"Name:off\", one a line, or JSON"},
    {"optimization_switch", HINT, "Feature", NULL, "no effect here"},
    {"oo_level", HINT, "Feature", NULL, "no effect here"},
    {"oo_constant_folding", HINT, "Feature", " true false ", "no effect here"},
    {"oo_dead_code_elimination", HINT, "Feature", " true false ", "no effect here"},
    {"enable_scope_fusion_passes", HINT, "Feature", NULL, "no effect here"},
    {"static_model_ops_lower_limit", HINT, "Feature", NULL, "no effect here"},
    {"raw_ge_options", REFUSED, "Feature", NULL, "not done yet"},
    {"enable_single_stream", HINT, "Feature", NULL, "no effect here"},
    {"ac_parallel_enable", HINT, "Feature", " 0 1 ", "no effect here"},
    {"multi_stream_parallel_mode", HINT, "Feature", NULL, "no effect here"},
    {"topo_sorting_mode", HINT, "Feature", NULL, "no effect here"},
    {"h2d_overlapped_with_compute", HINT, "Feature", NULL, "no effect here"},
    {"tiling_schedule_optimize", HINT, "Feature", " 0 1 ", "no effect here"},
    {"cluster_config", REFUSED, "Feature", NULL, "not done yet"},
    {"precision_mode", USED, "Model Tuning",
     " force_fp16 force_fp32 cube_fp16in_fp32out allow_mix_precision allow_fp32_to_fp16 "
     "must_keep_origin_dtype allow_mix_precision_fp16 allow_mix_precision_bf16 "
     "allow_fp32_to_bf16 ",
     "this device computes in the model's own types"},
    {"precision_mode_v2", USED, "Model Tuning",
     " fp16 origin cube_fp16in_fp32out mixed_float16 mixed_bfloat16 cube_hif8 mixed_hif8 ",
     "this device computes in the model's own types"},
    {"modify_mixlist", HINT, "Model Tuning", NULL, "no effect here"},
    {"keep_dtype", HINT, "Model Tuning", NULL, "types always are the model's own"},
    {"customize_dtypes", REFUSED, "Model Tuning", NULL, "not done yet"},
    {"allow_hf32", HINT, "Model Tuning", " true false ", "no effect here"},
    {"buffer_optimize", HINT, "Model Tuning", " l1_optimize l2_optimize off_optimize ",
     "no effect here"},
    {"disable_reuse_memory", HINT, "Model Tuning", " 0 1 ", "no effect here"},
    {"auto_tune_mode", REFUSED, "Model Tuning", NULL, "CANN has no such tuning any more"},
    {"enable_small_channel", HINT, "Model Tuning", " 0 1 ", "no effect here"},
    {"enable_compress_weight", HINT, "Model Tuning", " true false ", "no effect here"},
    {"compress_weight_conf", HINT, "Model Tuning", NULL, "no effect here"},
    {"compression_optimize_conf", REFUSED, "Model Tuning", NULL, "not done yet"},
    {"sparsity", HINT, "Model Tuning", " 0 1 ", "no effect here"},
    {"enable_attr_compression", HINT, "Model Tuning", " true false ", "no effect here"},
    {"op_select_implmode", USED, "Operator Tuning",
     " high_precision high_performance high_precision_for_all high_performance_for_all ",
     "no effect here: operators have one precision"},
    {"optypelist_for_implmode", HINT, "Operator Tuning", NULL, "operators that the mode is for"},
    {"op_precision_mode", HINT, "Operator Tuning", NULL, "no effect here"},
    {"jit_compile", HINT, "Operator Tuning", " 0 1 2 ", "no effect here"},
    {"deterministic", HINT, "Operator Tuning", " 0 1 ", "results always are"},
    {"deterministic_level", HINT, "Operator Tuning", " 0 1 2 3 ", "results always are"},
    {"atomic_clean_policy", HINT, "Operator Tuning", " 0 1 ", "no effect here"},
    {"is_weight_clip", HINT, "Operator Tuning", " 0 1 ", "no effect here"},
    {"shape_generalized_build_mode", HINT, "Operator Tuning", " shape_generalized shape_precise ",
     "no effect here"},
    {"op_compiler_cache_dir", HINT, "Operator Tuning", NULL, "no effect here"},
    {"op_compiler_cache_mode", HINT, "Operator Tuning", " enable disable force ", "no effect here"},
    {"op_bank_path", HINT, "Operator Tuning", NULL, "no effect here"},
    {"mdl_bank_path", HINT, "Operator Tuning", NULL, "no effect here"},
    {"device_id", HINT, "Operator Tuning", NULL, "no effect here"},
    {"dump_mode", USED, "Debug", " 0 1 ", "no effect here"},
    {"op_debug_level", HINT, "Debug", " 0 1 2 3 4 ", "no effect here"},
    {"op_debug_config", HINT, "Debug", NULL, "no effect here"},
    {"debug_dir", HINT, "Debug", NULL, "no effect here"},
    {"status_check", HINT, "Debug", " 0 1 ", "no effect here"},
    {"quant_dumpable", HINT, "Debug", NULL, "no effect here"},
    {"export_compile_stat", USED, "Debug", " 0 1 2 ",
     "1: fusion_result.json says what passes did (default); 0: it is not written"},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void usage(void) {
    static const char *const groups[] = {"General", "Input",        "Output",          "Target",
                                         "Feature", "Model Tuning", "Operator Tuning", "Debug"};
    puts("usage: atc <args>");
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        printf("\n%s:\n", groups[g]);
        for (int i = 0; i < ROWS; i++)
            if (strcmp(rows[i].group, groups[g]) == 0)
                printf("  --%-28s %s\n", rows[i].name, rows[i].meaning);
    }
}

static bool is_listed(const char *values, const char *value) {
    char wanted[64];
    int n = snprintf(wanted, sizeof wanted, " %s ", value);
    return n < (int)sizeof wanted && !strchr(value, ' ') && strstr(values, wanted) != NULL;
}

static int check(const option_row *row, const char *value) {
    char list[512];
    if (row->kind == REFUSED && strcmp(value, "0") != 0)
        return acn_atc_fail("E10055", "The parameter [--%s] is not supported on this device: %s.",
                            row->name, row->meaning);
    if (!row->values || is_listed(row->values, value)) return 0;
    snprintf(list, sizeof list, "%.*s", (int)strlen(row->values) - 2, row->values + 1);
    if (strcmp(row->name, "log") == 0)
        return acn_atc_fail("E10010",
                            "Value [%s] for parameter [--log] is invalid; expected one "
                            "of: %s.",
                            value, list);
    if (strcmp(row->values, " 0 1 ") == 0)
        return acn_atc_fail("E10006",
                            "Value [%s] for parameter [--%s] is invalid; it must be 1 or "
                            "0.",
                            value, row->name);
    return acn_atc_fail("E10007",
                        "Value [%s] of parameter [--%s] is not supported; it must be one "
                        "of: %s.",
                        value, row->name, list);
}

static int no_such(const char *word) {
    return acn_atc_fail("E10041", "%s is no parameter of atc; atc --help lists them.", word);
}

int acn_atc_read(int argc, char **argv, acn_atc *atc) {
    struct option options[ROWS + 3] = {{"help", no_argument, NULL, 'h'},
                                       {"h", no_argument, NULL, 'h'}};
    for (int i = 0; i < ROWS; i++)
        options[i + 2] = (struct option){rows[i].name, required_argument, NULL, 256 + i};
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            usage();
            exit(ACN_EXIT_FINE);
        }
        if (c == '?') return no_such(argv[optind - 1]);
        const option_row *row = &rows[c - 256];
        int mistake = check(row, optarg);
        if (mistake) return mistake;
        if (atc->option_count == ACN_ATC_MAX_OPTIONS) return no_such(optarg);
        atc->options[atc->option_count++] = (acn_tool_option){row->name, optarg};
    }
    return optind < argc ? no_such(argv[optind]) : 0;
}

const char *acn_atc_option(const acn_atc *atc, const char *name) {
    for (int i = atc->option_count - 1; i >= 0; i--)
        if (strcmp(atc->options[i].name, name) == 0) return atc->options[i].value;
    return NULL;
}
