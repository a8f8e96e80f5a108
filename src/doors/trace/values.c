/* values.c - arguments and results of a call as JSON. Only what the function itself would read is
 * looked at, and answers only when it succeeded. */
#include "doors/anycann/observe.h"
#include "doors/trace/trace.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONGEST_STRING = 200,
    MOST_INTS = 16,
    ROOM_FOR_END = 64, /* kept for what closes a line */
};

void acn_trace_add(acn_trace_text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof text->bytes - text->length;
    int n = vsnprintf(text->bytes + text->length, room, format, arguments);
    va_end(arguments);
    if (n > 0) text->length += (size_t)n < room ? (size_t)n : room - 1;
}

static bool is_full(const acn_trace_text *text) {
    return text->length + LONGEST_STRING + ROOM_FOR_END > sizeof text->bytes;
}

void acn_trace_add_string(acn_trace_text *text, const char *string) {
    acn_trace_add(text, "\"");
    for (int i = 0; string[i] && i < LONGEST_STRING && !is_full(text); i++) {
        unsigned char c = (unsigned char)string[i];
        if (c == '"' || c == '\\') {
            acn_trace_add(text, "\\%c", c);
        } else {
            acn_trace_add(text, c < 0x20 ? "\\u%04x" : "%c", c);
        }
    }
    acn_trace_add(text, "\"");
}

static void add_pointer(acn_trace_text *text, const void *pointer) {
    if (pointer) {
        acn_trace_add(text, "\"0x%" PRIxPTR "\"", (uintptr_t)pointer);
    } else {
        acn_trace_add(text, "null");
    }
}

static void add_float(acn_trace_text *text, double number) {
    acn_trace_add(text, isfinite(number) ? "%.9g" : "\"%g\"", number); /* JSON has no inf */
}

static void add_enum(acn_trace_text *text, const acn_trace_set *set, int64_t value) {
    for (int i = 0; set && i < set->count; i++) {
        if (set->names[i].value != value) continue;
        acn_trace_add(text, "\"%s\"", set->names[i].name);
        return;
    }
    acn_trace_add(text, "%" PRId64, value);
}

static void add_object(acn_trace_text *text, const void *handle) {
    char words[LONGEST_STRING];
    if (handle && acn_tool_object_text(handle, words, sizeof words)) {
        acn_trace_add_string(text, words);
    } else {
        add_pointer(text, handle);
    }
}

static void add_ints(acn_trace_text *text, const int64_t *items, uint64_t count) {
    if (!items) {
        acn_trace_add(text, "null");
        return;
    }
    acn_trace_add(text, "[");
    for (uint64_t i = 0; i < count && i < MOST_INTS; i++)
        acn_trace_add(text, i ? ", %" PRId64 : "%" PRId64, items[i]);
    acn_trace_add(text, count > MOST_INTS ? ", \"...\"]" : "]");
}

static void add_answer(acn_trace_text *text, const acn_trace_param *param, const void *place) {
    switch (param->kind) {
    case ACN_TRACE_OUT_INT32:
        acn_trace_add(text, "%" PRId32, *(const int32_t *)place);
        break;
    case ACN_TRACE_OUT_UINT32:
        acn_trace_add(text, "%" PRIu32, *(const uint32_t *)place);
        break;
    case ACN_TRACE_OUT_INT64:
        acn_trace_add(text, "%" PRId64, *(const int64_t *)place);
        break;
    case ACN_TRACE_OUT_UINT64:
        acn_trace_add(text, "%" PRIu64, *(const uint64_t *)place);
        break;
    case ACN_TRACE_OUT_FLOAT:
        add_float(text, (double)*(const float *)place);
        break;
    case ACN_TRACE_OUT_BOOL:
        acn_trace_add(text, *(const bool *)place ? "true" : "false");
        break;
    case ACN_TRACE_OUT_ENUM:
        add_enum(text, param->set, *(const int32_t *)place);
        break;
    default:
        add_pointer(text, *(void *const *)place);
    }
}

static void add_value(acn_trace_text *text, const acn_trace_param *param,
                      const acn_trace_value *values, acn_trace_value value) {
    switch (param->kind) {
    case ACN_TRACE_INT:
    case ACN_TRACE_CODE:
        acn_trace_add(text, "%" PRId64, value.i);
        break;
    case ACN_TRACE_UINT:
        acn_trace_add(text, "%" PRIu64, value.u);
        break;
    case ACN_TRACE_BOOL:
        acn_trace_add(text, value.i ? "true" : "false");
        break;
    case ACN_TRACE_FLOAT:
        add_float(text, value.f);
        break;
    case ACN_TRACE_ENUM:
        add_enum(text, param->set, value.i);
        break;
    case ACN_TRACE_STRING:
        if (value.p) {
            acn_trace_add_string(text, value.p);
        } else {
            acn_trace_add(text, "null");
        }
        break;
    case ACN_TRACE_OBJECT:
        add_object(text, value.p);
        break;
    case ACN_TRACE_STRUCT:
        acn_trace_add(text, "\"{...}\"");
        break;
    case ACN_TRACE_INTS:
        add_ints(text, value.p, values[param->count].u);
        break;
    default:
        add_pointer(text, value.p);
    }
}

/* An answer is read where there is one: the function succeeded and was given a place for it. */
static bool has_answer(const acn_trace_function *function, const acn_trace_param *param,
                       const acn_trace_value *values, acn_trace_value value) {
    const acn_trace_param *result = &function->params[function->param_count];
    bool is_answer = param->kind >= ACN_TRACE_OUT_INT32 && param->kind <= ACN_TRACE_OUT_POINTER;
    bool has_failed = result->kind == ACN_TRACE_CODE && values[function->param_count].i != 0;
    return is_answer && value.p && !has_failed;
}

void acn_trace_add_arguments(acn_trace_text *text, const acn_trace_function *function,
                             const acn_trace_value *values) {
    for (int i = 0; i <= function->param_count; i++) {
        const acn_trace_param *param = &function->params[i];
        if (param->kind == ACN_TRACE_NOTHING || is_full(text)) continue;
        acn_trace_add(text, i ? ", \"%s\": " : "\"%s\": ", param->name);
        if (has_answer(function, param, values, values[i])) {
            add_answer(text, param, values[i].p);
        } else {
            add_value(text, param, values, values[i]);
        }
    }
    const acn_trace_param *result = &function->params[function->param_count];
    if (result->kind == ACN_TRACE_CODE && values[function->param_count].i != 0) {
        char *error = acn_tool_error_text();
        if (error) {
            acn_trace_add(text, ", \"error\": ");
            acn_trace_add_string(text, error);
        }
        free(error);
    }
}
