/* models.c - `anycann convert` and `anycann bench`: models for people. atc is for scripts that were
 * written for CANN; convert is the same conversion with what is usual filled in. */
#define _GNU_SOURCE
#include "doors/anycann/convert.h"
#include "tools/tool.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { MAX_OPTIONS = 16 };

static int failed(void) {
    acn_tool_error_fn *text = (acn_tool_error_fn *)acn_core_function("acn_tool_error");
    return acn_say(ACN_EXIT_FINDINGS, "%s", text());
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- convert -----------------------------------------------------------------------------------
 */

static const struct option convert_options[] = {
    {"output", required_argument, NULL, 'o'},    {"shape", required_argument, NULL, 's'},
    {"batch", required_argument, NULL, 0},       {"image", required_argument, NULL, 0},
    {"dims", required_argument, NULL, 0},        {"outputs", required_argument, NULL, 0},
    {"output-type", required_argument, NULL, 0}, {"half-inputs", required_argument, NULL, 0},
    {"aipp", required_argument, NULL, 0},        {0},
};
/* atc's names for the same. */
static const char *const atc_names[] = {
    "output",    "input_shape", "dynamic_batch_size", "dynamic_image_size", "dynamic_dims",
    "out_nodes", "output_type", "input_fp16_nodes",   "insert_op_conf",
};

static int convert_usage(void) {
    return acn_say(ACN_EXIT_USAGE,
                   "usage: convert MODEL.onnx [-o OUT.om] [-s \"in:1,3,224,224\"]\n"
                   "  --shape S        shapes of inputs; -1 or 1~8 leaves a size open\n"
                   "  --batch 1,2,4    sizes for a leading -1\n"
                   "  --image h,w;h,w  sizes for -1 in place of height and width\n"
                   "  --dims a,b;a,b   sizes for all -1, in order\n"
                   "  --outputs LIST   what to give back: node:0;node:1 or names of tensors\n"
                   "  --output-type T  FP32, FP16 ...\n"
                   "  --half-inputs L  inputs that are fed as float16: in1;in2\n"
                   "  --aipp FILE      how images become an input");
}

/* Without .om, as atc wants it; the caller frees. By default the model's own name, here. */
static char *output_stem(const char *model, const char *given) {
    const char *slash = strrchr(model, '/'), *name = given ? given : slash ? slash + 1 : model;
    const char *ending = given ? ".om" : ".onnx";
    size_t length = strlen(name), cut = strlen(ending);
    if (length > cut && strcmp(name + length - cut, ending) == 0) length -= cut;
    return strndup(name, length);
}

static int convert(acn_tool_option *options, int count, const char *stem) {
    acn_tool_convert_fn *run = (acn_tool_convert_fn *)acn_core_function("acn_tool_convert");
    const acn_tool_conversion conversion = {
        .options = options, .option_count = count, .command = "anycann convert"};
    char path[4096];
    struct stat about;
    double begun = now();
    acn_convert_progress(true);
    int code = run(&conversion);
    acn_convert_progress(false);
    if (code != 0) return failed();
    snprintf(path, sizeof path, "%s.om", stem);
    if (stat(path, &about) != 0) return acn_say(ACN_EXIT_FINDINGS, "%s: %s", path, strerror(errno));
    printf("%s: %.1f MB in %.1f s\n", path, (double)about.st_size / 1e6, now() - begun);
    return ACN_EXIT_FINE;
}

int acn_verb_convert(int argc, char **argv) {
    acn_tool_option options[MAX_OPTIONS] = {{"framework", "5"}, {"soc_version", "Ascend910B1"}};
    const char *soc = getenv("ANYCANN_SOC"), *output = NULL;
    int count = 2, row;
    if (soc && *soc) options[1].value = soc;
    for (int c; (c = getopt_long(argc, argv, "o:s:", convert_options, &row)) != -1;) {
        if (c == '?' || count + 2 >= MAX_OPTIONS) return convert_usage();
        if (c == 'o') row = 0;
        if (c == 's') row = 1;
        if (row == 0) output = optarg;
        if (row != 0) options[count++] = (acn_tool_option){atc_names[row], optarg};
    }
    if (optind != argc - 1) return convert_usage();
    char *stem = output_stem(argv[optind], output);
    if (!stem) return acn_say(ACN_EXIT_ENVIRONMENT, "no memory");
    options[count++] = (acn_tool_option){"model", argv[optind]};
    options[count++] = (acn_tool_option){"output", stem};
    int code = convert(options, count, stem);
    free(stem);
    return code;
}

/* ---- bench -------------------------------------------------------------------------------------
 */

static int bench_usage(void) {
    return acn_say(ACN_EXIT_USAGE,
                   "usage: bench MODEL.om [--seconds 2] [--gear 4] [--threads N] [--json]\n"
                   "  --gear G     of a model with gears: a batch size, h,w, or dimensions\n"
                   "  --threads N  of the device; default: all that the process may use");
}

typedef struct tables {
    acn_table *facts, *operators;
} tables;

static void take_fact(void *context, const char *const *cells) {
    acn_table_row(((tables *)context)->facts, cells);
}

static void take_operator(void *context, const char *const *cells) {
    acn_table_row(((tables *)context)->operators, cells);
}

static int bench(acn_tool_bench *request, bool is_json) {
    static const char *const fact_headings[] = {"measure", "value"};
    static const char *const headings[] = {"operator", "nodes", "ms", "percent", "first node"};
    acn_tool_bench_fn *run = (acn_tool_bench_fn *)acn_core_function("acn_tool_bench_model");
    tables t = {acn_table_new(2, fact_headings), acn_table_new(5, headings)};
    request->context = &t;
    request->fact = take_fact;
    request->operator_row = take_operator;
    int code = run(request);
    if (code == 0 && is_json) {
        fputs("{\"facts\": ", stdout);
        acn_table_print_object(t.facts, stdout);
        fputs(", \"operators\": ", stdout);
        acn_table_print(t.operators, stdout, true);
        puts("}");
    } else if (code == 0) {
        acn_table_print(t.facts, stdout, false);
        putchar('\n');
        acn_table_print(t.operators, stdout, false);
    }
    acn_table_free(t.facts);
    acn_table_free(t.operators);
    return code ? failed() : ACN_EXIT_FINE;
}

int acn_verb_bench(int argc, char **argv) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"gear", required_argument, NULL, 'g'},
                                            {"threads", required_argument, NULL, 't'},
                                            {0}};
    acn_tool_bench request = {.seconds = 2};
    bool is_json = false;
    char *end = "";
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?') return bench_usage();
        if (c == 'j') is_json = true;
        if (c == 's') request.seconds = strtod(optarg, &end);
        if (c == 'g') request.gear = optarg;
        if (c == 't') setenv("OMP_NUM_THREADS", optarg, 1);
    }
    if (optind != argc - 1 || *end || request.seconds < 0) return bench_usage();
    request.path = argv[optind];
    return bench(&request, is_json);
}
