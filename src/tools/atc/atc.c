/* atc.c - `atc`: converts a trained model for offline use. Options, printed lines and exit status
 * are CANN's; what is converted is the core's business (doors/anycann/convert.h). */
#define _GNU_SOURCE
#include "doors/anycann/convert.h"
#include "tools/tool.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHAPES = 64, FAILED = 255 };

typedef struct request {
    const char *model, *output, *soc, *framework, *mode, *om, *shapes;
    char command[4096];
} request;

typedef struct option_row {
    const char *name;
    size_t field;      /* in request, when it changes something here */
    const char *group; /* of the usage text */
    const char *meaning;
} option_row;

#define FIELD(name) offsetof(request, name)
enum { HINT = 0x7fffffff, REFUSED = 0x7ffffffe }; /* accepted and without effect; not done yet */

static const option_row rows[] = {
    {"mode", FIELD(mode), "General", "0: make a .om (default); 6: print what a .om holds"},
    {"model", FIELD(model), "Input", "the .onnx file"},
    {"framework", FIELD(framework), "Input", "5: ONNX"},
    {"om", FIELD(om), "Input", "the .om file of mode 6"},
    {"input_shape", FIELD(shapes), "Input", "\"in1:n,c,h,w;in2:...\""},
    {"input_format", HINT, "Input", "NCHW, NCDHW or ND"},
    {"output", FIELD(output), "Output", "path of the result, without .om"},
    {"soc_version", FIELD(soc), "Target", "such as Ascend910B1"},
    {"log", HINT, "General", "debug, info, warning, error or null"},
    {"precision_mode", HINT, "Model Tuning", "this device computes in the model's own types"},
    {"precision_mode_v2", HINT, "Model Tuning", "this device computes in the model's own types"},
    {"op_select_implmode", HINT, "Operator Tuning", "high_precision, high_performance ..."},
    {"optypelist_for_implmode", HINT, "Operator Tuning", "operators that the mode is for"},
    {"buffer_optimize", HINT, "Model Tuning", "no effect here"},
    {"jit_compile", HINT, "Operator Tuning", "no effect here"},
    {"deterministic", HINT, "Operator Tuning", "results always are"},
    {"dynamic_batch_size", REFUSED, "Input", "not done yet"},
    {"dynamic_image_size", REFUSED, "Input", "not done yet"},
    {"dynamic_dims", REFUSED, "Input", "not done yet"},
    {"insert_op_conf", REFUSED, "Input", "not done yet"},
    {"input_fp16_nodes", REFUSED, "Input", "not done yet"},
    {"out_nodes", REFUSED, "Output", "not done yet"},
    {"output_type", REFUSED, "Output", "not done yet"},
    {"singleop", REFUSED, "Input", "not done yet"},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* ---- what it prints -------------------------------------------------------------------------- */

static int usage(void) {
    static const char *const groups[] = {"General",      "Input",           "Output", "Target",
                                         "Model Tuning", "Operator Tuning", NULL};
    puts("usage: atc <args>");
    for (const char *const *group = groups; *group; group++) {
        printf("\n%s:\n", *group);
        for (int i = 0; i < ROWS; i++)
            if (strcmp(rows[i].group, *group) == 0)
                printf("  --%-24s %s\n", rows[i].name, rows[i].meaning);
    }
    return ACN_EXIT_FINE;
}

/* |text| NULL: what the core recorded. */
static int failed(const char *text) {
    acn_tool_error_fn *error = (acn_tool_error_fn *)acn_core_function("acn_tool_error");
    puts("ATC run failed, Please check the detail log, Try 'atc --help' for more information");
    const char *recorded = text ? text : error();
    puts(recorded ? recorded
                  : "E19999: Internal error!\n        Unknown error occurred. Please "
                    "check the log.");
    return FAILED;
}

static int refuse(const char *code, const char *format, const char *option, const char *value,
                  const char *why) {
    char text[1024], message[768];
    snprintf(message, sizeof message, format, value, option, why);
    snprintf(text, sizeof text, "%s: %s", code, message);
    return failed(text);
}

static int refuse_value(const char *option, const char *value, const char *why) {
    return refuse("E10001", "Value [%s] for parameter [--%s] is invalid. Reason: %s.", option,
                  value, why);
}

/* ---- options --------------------------------------------------------------------------------- */

/* 0, or the exit status of a mistake that has been told. */
static int read_options(int argc, char **argv, request *r) {
    struct option options[ROWS + 2] = {{"help", no_argument, NULL, 'h'}};
    for (int i = 0; i < ROWS; i++)
        options[i + 1] = (struct option){rows[i].name, required_argument, NULL, 256 + i};
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') exit(usage());
        if (c == '?')
            return refuse("E10041", "%s is no parameter of atc%s%s", "", argv[optind - 1],
                          "; atc --help lists them");
        const option_row *row = &rows[c - 256];
        if (row->field == REFUSED)
            return refuse_value(row->name, optarg, "this parameter is not supported yet");
        if (row->field != HINT) *(const char **)((char *)r + row->field) = optarg;
    }
    if (optind < argc)
        return refuse("E10041", "%s is no parameter of atc%s%s", "", argv[optind],
                      "; atc --help lists them");
    return 0;
}

/* "name:1,3,224,224;other:..." into |shapes|, whose names are cut out of |text|. */
static const char *read_shapes(char *text, acn_tool_shape *shapes, int *out_count) {
    char *rest = text;
    for (char *item; (item = strsep(&rest, ";")) != NULL;) {
        if (!*item) continue;
        char *colon = strrchr(item, ':');
        if (!colon) return "expected \"name:n,c,h,w\"";
        if (*out_count == MAX_SHAPES) return "too many inputs";
        acn_tool_shape *shape = &shapes[(*out_count)++];
        *shape = (acn_tool_shape){.name = item};
        *colon = '\0';
        char *numbers = colon + 1;
        for (char *number; *(colon + 1) && (number = strsep(&numbers, ",")) != NULL;) {
            char *end;
            if (shape->rank == 8) return "at most 8 dimensions work";
            shape->dims[shape->rank] = strtoll(number, &end, 10);
            if (end == number || *end || shape->dims[shape->rank++] < 0)
                return "dimensions are numbers, and known: ranges and -1 are not supported yet";
        }
    }
    return NULL;
}

/* ---- modes ----------------------------------------------------------------------------------- */

static int convert(request *r) {
    static acn_tool_shape shapes[MAX_SHAPES];
    int count = 0;
    char path[4096];
    if (!r->model) return refuse("E10007", "[--%s%s] is required%s", "", "model", "");
    if (!r->framework || strcmp(r->framework, "5") != 0)
        return refuse_value("framework", r->framework ? r->framework : "",
                            "5 (ONNX) is what is supported");
    if (!r->output) return refuse("E10054", "[--%s%s] is required%s", "", "output", "");
    if (!r->soc) return refuse("E10054", "[--%s%s] is required%s", "", "soc_version", "");
    if (strncmp(r->soc, "Ascend", 6) != 0)
        return refuse_value("soc_version", r->soc, "no such SoC; Ascend910B1 is one");
    size_t length = strlen(r->output);
    if (length == 0 || r->output[length - 1] == '/')
        return refuse("E10022", "Parameter [--%s%s] must end with a file name%s", "", "output", "");
    if (snprintf(path, sizeof path, "%s.om", r->output) >= (int)sizeof path)
        return refuse("E10021", "Parameter [--%s%s] is too long%s", "", "output", "");
    char *text = strdup(r->shapes ? r->shapes : "");
    const char *mistake = text ? read_shapes(text, shapes, &count) : "no memory";
    if (mistake) return refuse_value("input_shape", r->shapes, mistake);
    acn_tool_convert_fn *run = (acn_tool_convert_fn *)acn_core_function("acn_tool_convert");
    const acn_tool_conversion conversion = {r->model, path, r->command, r->soc, shapes, count};
    int code = run(&conversion);
    free(text);
    puts("...");
    if (code != 0) return failed(NULL);
    puts("ATC run success, welcome to the next use.");
    return ACN_EXIT_FINE;
}

typedef struct sizes {
    const char *keys[16];
    char values[16][32];
    int count;
} sizes;

static void take_size(void *context, const char *const *cells) {
    sizes *s = context;
    if (s->count == 16) return;
    s->keys[s->count] = cells[0];
    snprintf(s->values[s->count++], sizeof s->values[0], "%s", cells[1]);
}

static const char *size_of(const sizes *s, const char *key) {
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->keys[i], key) == 0) return s->values[i];
    return "-1";
}

static int show(const request *r) {
    sizes s = {.count = 0};
    if (!r->om) return refuse("E10007", "[--%s%s] is required%s", "", "om", "");
    acn_tool_om_info_fn *info = (acn_tool_om_info_fn *)acn_core_function("acn_tool_om_info");
    if (info(r->om, take_size, &s) != 0) return failed(NULL);
    puts("============ Display Model Info start ============");
    printf("resource info: memory_size[%s B], weight_size[%s B], stream_num[1], event_num[0].\n",
           size_of(&s, "memory_size"), size_of(&s, "weight_size"));
    printf("om       info: modeldef_size[%s B], weight_data_size[%s B], tbe_kernels_size[%s B], "
           "cust_aicpu_kernel_store_size[0 B], task_info_size[%s B], so_store_size[0 B].\n",
           size_of(&s, "modeldef_size"), size_of(&s, "weight_data_size"),
           size_of(&s, "tbe_kernels_size"), size_of(&s, "task_info_size"));
    puts("============ Display Model Info end   ============");
    puts("...\nATC run success, welcome to the next use.");
    return ACN_EXIT_FINE;
}

int main(int argc, char **argv) {
    request r = {.mode = "0"};
    size_t used = 0;
    for (int i = 0; i < argc && used < sizeof r.command; i++)
        used += (size_t)snprintf(r.command + used, sizeof r.command - used, "%s%s", i ? " " : "",
                                 argv[i]);
    puts("ATC start working now, please wait for a moment.");
    fflush(stdout);
    int mistake = read_options(argc, argv, &r);
    if (mistake) return mistake;
    if (strcmp(r.mode, "0") == 0) return convert(&r);
    if (strcmp(r.mode, "6") == 0) return show(&r);
    return refuse_value("mode", r.mode, "0 and 6 are supported");
}
