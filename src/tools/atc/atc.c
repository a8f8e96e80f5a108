/* atc.c - `atc`: converts a trained model for offline use. Options, printed lines and exit status
 * are CANN's; what is converted is the core's business (doors/anycann/convert.h). */
#define _GNU_SOURCE
#include "tools/atc/atc.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- what it prints -------------------------------------------------------------------------- */

static const char *title_of(const char *code) {
    static const struct {
        const char *code, *title;
    } titles[] = {
        {"E10002", "Invalid_Argument_Tensor_Input_Shape"},
        {"E10009", "Invalid_Argument_Tensor_Dynamic_Shape"},
        {"E10016", "Invalid_Argument_Operator_Name"},
        {"E10018", "Invalid_Argument_Tensor_Dynamic_Shape"},
        {"E10032", "File_Operation_Error_Parse"},
        {"E10035", "Invalid_Argument_Tensor_Dynamic_Shape"},
        {"E10036", "Invalid_Argument_Tensor_Dynamic_Shape"},
        {"E10037", "Invalid_Argument_Tensor_Dynamic_Shape"},
        {"E10039", "Invalid_Argument_Tensor_Dynamic_Shape"},
        {"E10040", "Invalid_Argument_Tensor_Input_Shape"},
        {"E10041", "Invalid_Argument_Model"},
        {"E10045", "Invalid_Argument_Tensor_Dynamic_Shape"},
        {"E10055", "Not_Supported"},
        {"E10501", "Not_Supported_Operator"},
        {"E13001", "File_Operation_Error_Open"},
        {"E13004", "File_Operation_Error_Write"},
        {"E19999", "Inner_Error"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (strcmp(titles[i].code, code) == 0) return titles[i].title;
    return "Invalid_Argument";
}

static int print_failure(const char *code, const char *text) {
    struct timespec now;
    struct tm local;
    char when[32];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(when, sizeof when, "%Y-%m-%d-%H:%M:%S", &local);
    long us = now.tv_nsec / 1000;
    puts("ATC run failed, Please check the detail log, Try 'atc --help' for more information");
    printf("[PID: %d] %s.%03ld.%03ld %s(%s): %s\n", (int)getpid(), when, us / 1000, us % 1000,
           title_of(code), code, text);
    return ACN_ATC_FAILED;
}

int acn_atc_fail(const char *code, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return print_failure(code, text);
}

int acn_atc_fail_core(void) {
    acn_tool_error_fn *text = (acn_tool_error_fn *)acn_core_function("acn_tool_error");
    acn_tool_error_fn *code = (acn_tool_error_fn *)acn_core_function("acn_tool_error_code");
    return print_failure(code(), text());
}

static int succeeded(void) {
    puts("ATC run success, welcome to the next use.");
    return ACN_EXIT_FINE;
}

static int missing_option(const char *name) {
    return acn_atc_fail("E10054", "[--%s] is required; give it.", name);
}

/* ---- mode 6 -----------------------------------------------------------------------------------
 */

enum { MAX_FACTS = 32 };

typedef struct facts {
    char keys[MAX_FACTS][48], values[MAX_FACTS][4096];
    int count;
} facts;

static void take_fact(void *context, const char *const *cells) {
    facts *f = context;
    if (f->count == MAX_FACTS) return;
    snprintf(f->keys[f->count], sizeof f->keys[0], "%s", cells[0]);
    snprintf(f->values[f->count++], sizeof f->values[0], "%s", cells[1]);
}

static const char *fact(const facts *f, const char *key) {
    for (int i = 0; i < f->count; i++)
        if (strcmp(f->keys[i], key) == 0) return f->values[i];
    return "-1";
}

/* 0, or the exit status. */
static int show(const char *path) {
    static facts f;
    acn_tool_om_info_fn *info = (acn_tool_om_info_fn *)acn_core_function("acn_tool_om_info");
    f.count = 0;
    if (info(path, take_fact, &f) != 0) return acn_atc_fail_core();
    puts("============ Display Model Info start ============");
    printf("Original Atc command line: %s\n", fact(&f, "atc_cmdline"));
    printf("system   info: atc_version[%s], soc_version[%s], framework_type[%s].\n",
           fact(&f, "atc_version"), fact(&f, "soc_version"), fact(&f, "framework_type"));
    printf("resource info: memory_size[%s B], weight_size[%s B], stream_num[%s], event_num[%s].\n",
           fact(&f, "memory_size"), fact(&f, "weight_size"), fact(&f, "stream_num"),
           fact(&f, "event_num"));
    printf("om       info: modeldef_size[%s B], weight_data_size[%s B], tbe_kernels_size[%s B], "
           "cust_aicpu_kernel_store_size[0 B], task_info_size[%s B], so_store_size[0 B].\n",
           fact(&f, "modeldef_size"), fact(&f, "weight_data_size"), fact(&f, "tbe_kernels_size"),
           fact(&f, "task_info_size"));
    puts("============ Display Model Info end   ============");
    return 0;
}

static int show_only(const acn_atc *atc) {
    const char *path = acn_atc_option(atc, "om");
    if (!path) return missing_option("om");
    int mistake = show(path);
    puts("...");
    return mistake ? mistake : succeeded();
}

/* ---- mode 0 -----------------------------------------------------------------------------------
 */

static int check_together(const acn_atc *atc) {
    if (acn_atc_option(atc, "precision_mode") && acn_atc_option(atc, "precision_mode_v2"))
        return acn_atc_fail("E10056", "The parameters [--precision_mode] and [--precision_mode_v2] "
                                      "cannot be set together.");
    return 0;
}

static int convert_operators(const acn_atc *atc) {
    static const char *const others[] = {"framework", "model", "insert_op_conf"};
    acn_tool_single_ops_fn *run =
        (acn_tool_single_ops_fn *)acn_core_function("acn_tool_single_ops");
    const acn_tool_single request = {.path = acn_atc_option(atc, "singleop"),
                                     .folder = acn_atc_option(atc, "output"),
                                     .soc = acn_atc_option(atc, "soc_version"),
                                     .command = atc->command};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (acn_atc_option(atc, others[i]))
            return acn_atc_fail("E10047",
                                "The parameters [--singleop] and [--%s] are mutually exclusive.",
                                others[i]);
    if (!request.folder || !request.soc)
        return missing_option(request.folder ? "soc_version" : "output");
    int code = run(&request);
    puts("...");
    return code ? acn_atc_fail_core() : succeeded();
}

static int convert(const acn_atc *atc) {
    acn_tool_convert_fn *run = (acn_tool_convert_fn *)acn_core_function("acn_tool_convert");
    const acn_tool_conversion conversion = {
        .options = atc->options, .option_count = atc->option_count, .command = atc->command};
    int mistake = check_together(atc);
    if (mistake) return mistake;
    acn_convert_progress(true);
    int code = run(&conversion);
    acn_convert_progress(false);
    const char *displays = acn_atc_option(atc, "display_model_info");
    puts("...");
    if (code != 0) return acn_atc_fail_core();
    if (displays && strcmp(displays, "1") == 0) {
        char path[4200];
        snprintf(path, sizeof path, "%s.om", acn_atc_option(atc, "output"));
        mistake = show(path);
    }
    return mistake ? mistake : succeeded();
}

/* ---- modes 1, 5 and 3
 * ------------------------------------------------------------------------------
 */

/* Without a framework |om| is a .om; with one it is a source model. */
static int write_json(const acn_atc *atc) {
    acn_tool_json_fn *run = (acn_tool_json_fn *)acn_core_function("acn_tool_json");
    const char *om = acn_atc_option(atc, "om"), *json = acn_atc_option(atc, "json");
    const char *framework = acn_atc_option(atc, "framework");
    if (!om || !json) return missing_option(om ? "json" : "om");
    if (framework && strcmp(framework, "5") != 0)
        return acn_atc_fail("E10007",
                            "Value [%s] of parameter [--framework] is not supported; it "
                            "must be 5 (ONNX).",
                            framework);
    int code = run(om, framework ? ACN_TOOL_ONNX : ACN_TOOL_OM, json);
    puts("...");
    return code ? acn_atc_fail_core() : succeeded();
}

static int write_dump_json(const acn_atc *atc) {
    acn_tool_json_fn *run = (acn_tool_json_fn *)acn_core_function("acn_tool_json");
    const char *om = acn_atc_option(atc, "om"), *json = acn_atc_option(atc, "json");
    if (!om || !json) return missing_option(om ? "json" : "om");
    size_t size = strlen(om);
    if (size < 4 || strcmp(om + size - 4, ".txt") != 0)
        return acn_atc_fail("E10001",
                            "Value [%s] for parameter [--om] is invalid. Reason: with --mode=5 it "
                            "is a graph that DUMP_GE_GRAPH wrote, and its name must end in .txt.",
                            om);
    int code = run(om, ACN_TOOL_DUMP, json);
    puts("...");
    return code ? acn_atc_fail_core() : succeeded();
}

static int check_only(const acn_atc *atc) {
    acn_tool_check_fn *run = (acn_tool_check_fn *)acn_core_function("acn_tool_check");
    const char *model = acn_atc_option(atc, "model"), *report = acn_atc_option(atc, "check_report");
    if (!model) return missing_option("model");
    int code = run(model, report ? report : "check_result.json");
    puts("...");
    return code ? acn_atc_fail_core() : succeeded();
}

/* The core reads its level when it is loaded. */
static void set_log(const acn_atc *atc) {
    static const char *const levels[] = {"debug", "info", "warning", "error", "null"};
    const char *level = acn_atc_option(atc, "log");
    char number[] = "0";
    for (int i = 0; level && i < 5; i++, number[0]++)
        if (strcmp(levels[i], level) == 0) {
            setenv("ASCEND_GLOBAL_LOG_LEVEL", number, 1);
            setenv("ASCEND_SLOG_PRINT_TO_STDOUT", i < 4 ? "1" : "0", 1);
        }
}

int main(int argc, char **argv) {
    static acn_atc atc;
    size_t used = 0;
    for (int i = 0; i < argc && used < sizeof atc.command; i++)
        used += (size_t)snprintf(atc.command + used, sizeof atc.command - used, "%s%s",
                                 i ? " " : "", argv[i]);
    puts("ATC start working now, please wait for a moment.");
    fflush(stdout);
    int mistake = acn_atc_read(argc, argv, &atc);
    if (mistake) return mistake;
    set_log(&atc);
    const char *mode = acn_atc_option(&atc, "mode");
    if (!mode || strcmp(mode, "0") == 0)
        return acn_atc_option(&atc, "singleop") ? convert_operators(&atc) : convert(&atc);
    if (strcmp(mode, "1") == 0) return write_json(&atc);
    if (strcmp(mode, "3") == 0) return check_only(&atc);
    if (strcmp(mode, "5") == 0) return write_dump_json(&atc);
    if (strcmp(mode, "6") == 0) return show_only(&atc);
    return acn_atc_fail("E10001",
                        "Value [%s] for parameter [--mode] is invalid. Reason: 0, 1, 3, 5 and 6 "
                        "are supported on this device.",
                        mode);
}
