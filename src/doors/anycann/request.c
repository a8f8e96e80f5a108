/* request.c - see request.h. Checks come in the order in which CANN makes them. */
#include "doors/anycann/request.h"

#include "doors/anycann/ge_error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LEAST_GEARS = 2, MOST_PATH = 4096 };

static const char *option(const acn_tool_conversion *c, const char *name) {
    for (int i = c->option_count - 1; i >= 0; i--)
        if (strcmp(c->options[i].name, name) == 0) return c->options[i].value;
    return NULL;
}

static acn_status bad_value(const char *name, const char *value, const char *why) {
    return acn_ge_fail("E10001", "Value [%s] for parameter [--%s] is invalid. Reason: %s.", value,
                       name, why);
}

static acn_status no_memory(void) {
    return acn_fail(ACN_BAD_ALLOC, "no host memory to read options");
}

/* ---- shapes: "name:n,c,h,w;other:1~8,-1" ------------------------------------------------------
 */

static acn_status bad_shape(const char *text, const char *why) {
    return acn_ge_fail("E10002",
                       "Value [%s] for parameter [--input_shape] is invalid. Reason: %s. Sample: "
                       "\"input_name1:n1,c1,h1,w1;input_name2:n2,c2,h2,w2\".",
                       text, why);
}

/* "8", "-1", or "1~8", where the end may be -1. Moves |*at| behind it. */
static bool read_dimension(const char **at, int64_t *dim, int64_t *range) {
    char *end;
    *dim = range[0] = range[1] = strtoll(*at, &end, 10);
    if (end == *at || *dim < -1) return false;
    if (*dim == -1) range[0] = 1;
    if (*end == '~') {
        const char *second = end + 1;
        range[1] = strtoll(second, &end, 10);
        if (end == second || range[1] < -1 || *dim < 0) return false;
        if (range[1] >= 0 && range[1] < range[0]) return false;
        *dim = range[0] == range[1] ? range[0] : -1;
    }
    *at = end;
    return true;
}

static acn_status read_shape(acn_request *r, const char *text, const char *item, size_t length) {
    acn_request_shape *shape = &r->shapes[r->shape_count++];
    const char *end = item + length, *colon = end;
    while (colon > item && colon[-1] != ':')
        colon--;
    if (colon == item) return bad_shape(text, "an item has no colon behind the input's name");
    char *name = acn_arena_copy(&r->arena, item, (size_t)(colon - item));
    if (name == NULL) return no_memory();
    name[colon - item - 1] = '\0';
    shape->name = name;
    for (const char *at = colon; at < end; at++) { /* nothing behind the colon: a scalar */
        if (shape->rank == ACN_MAX_DIMS) return bad_shape(text, "at most 8 dimensions work");
        int d = shape->rank++;
        if (!read_dimension(&at, &shape->dims[d], shape->range[d]) || at > end ||
            (at < end && *at != ','))
            return bad_shape(text, "a dimension is a number, -1, or a range such as 1~8");
        if (at + 1 == end) return bad_shape(text, "the last dimension is missing");
    }
    return ACN_OK;
}

static acn_status read_shapes(acn_request *r, const char *text) {
    size_t most = 1;
    for (const char *c = text; *c; c++)
        most += *c == ';';
    r->shapes = acn_arena_alloc(&r->arena, most * sizeof *r->shapes);
    if (r->shapes == NULL) return no_memory();
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, ";");
        if (n) ACN_TRY(read_shape(r, text, at, n));
        at += n + (at[n] == ';');
    }
    return ACN_OK;
}

static int open_dimensions(const acn_request_shape *shape) {
    int open = 0;
    for (int d = 0; d < shape->rank; d++)
        open += shape->dims[d] < 0;
    return open;
}

/* ---- gears ------------------------------------------------------------------------------------
 */

static const struct {
    const char *option;
    acn_set_kind kind;
} gear_options[] = {{"dynamic_batch_size", ACN_SET_BATCH},
                    {"dynamic_image_size", ACN_SET_IMAGE},
                    {"dynamic_dims", ACN_SET_DIMS}};
enum { GEAR_OPTIONS = 3 };

/* One gear's numbers, up to ';' (or ',' for batches, each of which is a gear). */
static acn_status read_gear(acn_request *r, const char *name, const char *text, const char **at,
                            int64_t *gear) {
    int count = 0;
    bool is_batch = r->kind == ACN_SET_BATCH;
    while (**at && **at != ';') {
        char *end;
        long long n = strtoll(*at, &end, 10);
        if (end == *at || n <= 0 || (*end && *end != ',' && *end != ';'))
            return bad_value(name, text, "sizes are positive numbers");
        if (count == ACN_MAX_GEAR_LENGTH) return bad_value(name, text, "a gear is too long");
        gear[count++] = n;
        *at = end + (*end == ',');
        if (is_batch) break;
    }
    if (r->gear_count == 0) r->gear_length = count;
    if (count == 0 || count != r->gear_length)
        return acn_ge_fail("E10037",
                           "Value [%s] for parameter [--%s] is invalid. Reason: gear %d has %d "
                           "sizes, the first one %d.",
                           text, name, r->gear_count, count, r->gear_length);
    if (**at == ';') ++*at;
    return ACN_OK;
}

static bool is_known_gear(const acn_request *r, const int64_t *gear) {
    size_t length = (size_t)r->gear_length;
    for (int i = 0; i < r->gear_count; i++)
        if (memcmp(r->gears + (size_t)i * length, gear, length * sizeof *gear) == 0) return true;
    return false;
}

static acn_status read_gears(acn_request *r, const char *name, const char *text) {
    size_t most = strlen(text) + ACN_MAX_GEAR_LENGTH + 1; /* numbers */
    r->gears = acn_arena_alloc(&r->arena, most * sizeof *r->gears);
    if (r->gears == NULL) return no_memory();
    for (const char *at = text; *at; r->gear_count++) {
        int64_t gear[ACN_MAX_GEAR_LENGTH];
        if (r->gear_count == ACN_MAX_GEARS)
            return acn_ge_fail("E10036", "--%s has more than %d gears.", name, ACN_MAX_GEARS);
        ACN_TRY(read_gear(r, name, text, &at, gear));
        if (is_known_gear(r, gear))
            return acn_ge_fail("E10039", "--%s names the same gear twice: [%s].", name, text);
        memcpy(r->gears + (size_t)r->gear_count * (size_t)r->gear_length, gear,
               (size_t)r->gear_length * sizeof *gear);
    }
    if (r->gear_count < LEAST_GEARS)
        return acn_ge_fail("E10035", "--%s has %d gears; at least %d make it dynamic.", name,
                           r->gear_count, LEAST_GEARS);
    return ACN_OK;
}

/* The open dimensions must be those that the gears are for. */
static acn_status check_gears(const acn_request *r, const char *name) {
    int open = 0;
    for (int i = 0; i < r->shape_count; i++) {
        const acn_request_shape *s = &r->shapes[i];
        int here = open_dimensions(s);
        for (int d = 0; d < s->rank; d++)
            if (s->dims[d] < 0 && s->range[d][1] >= 0)
                return acn_ge_fail("E10048", "input \"%s\" has a range; with --%s it must be -1.",
                                   s->name, name);
        bool fits = r->kind == ACN_SET_DIMS ||
                    (r->kind == ACN_SET_BATCH && (here == 0 || (here == 1 && s->dims[0] < 0))) ||
                    (r->kind == ACN_SET_IMAGE && (here == 0 || (here == 2 && s->rank == 4)));
        if (!fits)
            return acn_ge_fail(
                "E10018", "input \"%s\": --%s goes with -1 for %s, and numbers elsewhere.", s->name,
                name, r->kind == ACN_SET_BATCH ? "the first dimension" : "height and width");
        open += here;
    }
    if (open == 0)
        return acn_ge_fail("E10040", "--%s is set, and no dimension in --input_shape is -1.", name);
    if (r->kind == ACN_SET_BATCH   ? r->gear_length == 1
        : r->kind == ACN_SET_IMAGE ? r->gear_length == 2
                                   : r->gear_length == open)
        return ACN_OK;
    return acn_ge_fail("E10045", "--%s has %d sizes in a gear; --input_shape has %d open ones.",
                       name, r->gear_length, r->kind == ACN_SET_IMAGE ? 2 : open);
}

static acn_status check_format(const acn_request *r, const acn_tool_conversion *c) {
    const char *format = option(c, "input_format");
    if (format == NULL) return ACN_OK;
    if (strcmp(format, "NCHW") != 0 && strcmp(format, "ND") != 0 && strcmp(format, "NCDHW") != 0)
        return bad_value("input_format", format, "of an ONNX model it is NCHW, NCDHW or ND");
    if (r->kind == ACN_SET_DIMS && strcmp(format, "ND") != 0)
        return bad_value("input_format", format, "with --dynamic_dims it must be ND");
    if (r->kind == ACN_SET_IMAGE && strcmp(format, "NCHW") != 0)
        return bad_value("input_format", format, "with --dynamic_image_size it must be NCHW");
    return ACN_OK;
}

static acn_status read_sizes(acn_request *r, const acn_tool_conversion *c) {
    const char *shapes = option(c, "input_shape"), *name = NULL;
    r->kind = ACN_SET_FIXED;
    if (shapes) ACN_TRY(read_shapes(r, shapes));
    for (int i = 0; i < GEAR_OPTIONS; i++) {
        const char *text = option(c, gear_options[i].option);
        if (text == NULL || !*text) continue;
        if (name)
            return acn_ge_fail("E10009", "--%s and --%s cannot be set together.", name,
                               gear_options[i].option);
        name = gear_options[i].option;
        r->kind = gear_options[i].kind;
        ACN_TRY(read_gears(r, name, text));
    }
    if (name) ACN_TRY(check_gears(r, name));
    for (int i = 0; i < r->shape_count && !name; i++)
        if (open_dimensions(&r->shapes[i])) r->kind = ACN_SET_OPEN;
    return check_format(r, c);
}

/* ---- the rest ----------------------------------------------------------------------------------
 */

static acn_status required(const acn_tool_conversion *c, const char *name, const char *code,
                           const char **out) {
    *out = option(c, name);
    if (*out && **out) return ACN_OK;
    return acn_ge_fail(code, "[--%s] is required; give it.", name);
}

static acn_status read_output(acn_request *r, const acn_tool_conversion *c) {
    struct stat about;
    ACN_TRY(required(c, "output", "E10054", &r->output));
    size_t length = strlen(r->output);
    bool is_folder = stat(r->output, &about) == 0 && S_ISDIR(about.st_mode);
    if (is_folder || r->output[length - 1] == '/')
        return acn_ge_fail("E10022",
                           "The path [%s] of parameter [--output] must end with a file name.",
                           r->output);
    if (length + 8 >= MOST_PATH)
        return acn_ge_fail("E10021", "The path of parameter [--output] is longer than %d.",
                           MOST_PATH);
    return ACN_OK;
}

static acn_status check_soc(const char *soc) {
    static const char *const families[] = {"Ascend310", "Ascend610", "Ascend910", "Ascend950"};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strncmp(soc, families[i], strlen(families[i])) == 0) return ACN_OK;
    return bad_value("soc_version", soc,
                     "there is no such SoC; Ascend910B1 is the one that this device stands for");
}

/* The text of an option's file; what it says is others' business. "": there is none. */
static acn_status read_file(acn_request *r, const acn_tool_conversion *c, const char *name,
                            const char **out) {
    const char *path = option(c, name);
    enum { MOST = 1 << 20 };
    *out = "";
    if (path == NULL || !*path) return ACN_OK;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return acn_ge_fail("E13001", "File [%s] of [--%s] cannot be opened.", path, name);
    char *text = acn_arena_alloc(&r->arena, MOST + 1);
    size_t size = text ? fread(text, 1, MOST, file) : 0;
    fclose(file);
    if (text == NULL) return no_memory();
    if (size == MOST || memchr(text, 0, size))
        return acn_ge_fail("E10032", "File [%s] of [--%s] is no text.", path, name);
    *out = text;
    return ACN_OK;
}

static acn_status check_aipp(const acn_request *r) {
    if (!*r->source.aipp) return ACN_OK;
    if (r->kind == ACN_SET_DIMS || r->kind == ACN_SET_OPEN)
        return acn_ge_fail("E10001", "[--insert_op_conf] cannot be set with [--dynamic_dims] or "
                                     "open shapes: images have sizes.");
    return ACN_OK;
}

acn_status acn_request_read(const acn_tool_conversion *c, acn_request *r) {
    const char *framework;
    *r = (acn_request){0};
    ACN_TRY(required(c, "model", "E10007", &r->model));
    framework = option(c, "framework");
    r->framework = framework ? atoi(framework) : -1;
    if (r->framework != ACN_FRAMEWORK_ONNX && r->framework != ACN_FRAMEWORK_AIR)
        return acn_ge_fail("E10007",
                           "Value [%s] of parameter [--framework] is not supported; it must be 5 "
                           "(ONNX) or 1 (a graph of the graph engine, .air).",
                           framework ? framework : "");
    if (c->source == NULL) ACN_TRY(read_output(r, c));
    ACN_TRY(required(c, "soc_version", "E10054", &r->soc));
    ACN_TRY(check_soc(r->soc));
    r->source = (acn_source_options){
        .out_nodes = option(c, "out_nodes"),
        .output_type = option(c, "output_type"),
        .input_fp16_nodes = option(c, "input_fp16_nodes"),
    };
    ACN_TRY(read_file(r, c, "insert_op_conf", &r->source.aipp));
    ACN_TRY(read_file(r, c, "fusion_switch_file", &r->source.switches));
    const char *statistics = option(c, "export_compile_stat");
    r->has_fusion_result = statistics == NULL || strcmp(statistics, "0") != 0;
    if (!r->source.out_nodes) r->source.out_nodes = "";
    if (!r->source.output_type) r->source.output_type = "";
    if (!r->source.input_fp16_nodes) r->source.input_fp16_nodes = "";
    ACN_TRY(read_sizes(r, c));
    return check_aipp(r);
}

void acn_request_release(acn_request *r) { acn_arena_release(&r->arena); }

void acn_request_shapes(const acn_request *r, const int64_t *gear, acn_onnx_shape *out) {
    int at = 0;
    for (int i = 0; i < r->shape_count; i++) {
        const acn_request_shape *s = &r->shapes[i];
        out[i] = (acn_onnx_shape){.name = s->name, .rank = s->rank};
        if (r->kind != ACN_SET_DIMS) at = 0;
        for (int d = 0; d < s->rank; d++)
            out[i].dims[d] = s->dims[d] < 0 && gear ? gear[at++] : s->dims[d];
    }
}
