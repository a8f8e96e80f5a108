/* observe.c - see observe.h; and the start of the tracer, when the core is loaded. */
#include "doors/anycann/observe.h"
#include "doors/nnopbase/objects.h"
#include <dlfcn.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void acn_tool_observe_tasks(acn_task_observer *observer) {
    atomic_store_explicit(&acn_task_observed, observer, memory_order_release);
}

int acn_tool_code(acn_status status) { return acn_status_acl(status); }

char *acn_tool_error_text(void) { return acn_error_clone(); }

/* Texts that grow up to a bound; what does not fit is cut. */
typedef struct words {
    char *text;
    size_t bytes, length;
} words;

static void add(words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(words *w, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(w->text + w->length, w->bytes - w->length, format, arguments);
    va_end(arguments);
    if (n > 0) w->length += (size_t)n;
    if (w->length >= w->bytes) w->length = w->bytes - 1;
}

static void add_scalar(words *w, const acn_scalar *s) {
    int category = acn_dtype_category(s->dtype);
    if (category == 2) add(w, "%.9g", s->f);
    if (category == 3) add(w, "%.9g%+.9gi", s->c[0], s->c[1]);
    if (category < 2) add(w, "%" PRId64, s->i);
    add(w, " %s", acn_dtype_name(s->dtype));
}

static void add_tensor(words *w, const acn_object_tensor *tensor) {
    char text[256];
    add(w, "%s", acn_tensor_describe(&tensor->view, text, sizeof text));
    if (!acn_tensor_is_contiguous(&tensor->view)) add(w, " strided");
}

static void add_item(words *w, const acn_object_array *array, uint64_t i) {
    switch (array->kind) {
    case ACN_ARRAY_INT:
        add(w, "%" PRId64, ((const int64_t *)array->items)[i]);
        break;
    case ACN_ARRAY_FLOAT:
        add(w, "%.9g", (double)((const float *)array->items)[i]);
        break;
    case ACN_ARRAY_BOOL:
        add(w, "%d", ((const bool *)array->items)[i]);
        break;
    default:
        acn_tool_object_text(((void *const *)array->items)[i], w->text + w->length,
                             w->bytes - w->length);
        w->length += strlen(w->text + w->length);
    }
}

static const acn_object_array *find_array(const void *handle) {
    const acn_object_array *found = NULL;
    for (acn_array_kind kind = ACN_ARRAY_INT; !found && kind <= ACN_ARRAY_SCALARS; kind++)
        found = acn_object_array_of(handle, kind);
    return found;
}

bool acn_tool_object_text(const void *handle, char *text, size_t bytes) {
    words w = {.text = text, .bytes = bytes};
    const acn_scalar *scalar = acn_object_scalar(handle);
    const acn_object_array *array = find_array(handle);
    if (bytes == 0) return false;
    *text = '\0';
    if (acn_object_tensor_is_live(handle)) {
        add_tensor(&w, handle);
    } else if (scalar) {
        add_scalar(&w, scalar);
    } else if (array) {
        add(&w, "(");
        for (uint64_t i = 0; i < array->count; i++) {
            if (i) add(&w, ", ");
            add_item(&w, array, i);
        }
        add(&w, ")");
    }
    return w.length > 0;
}

/* Not from the environment's table: that is read at first use, when a client may have set more, and
 * this comes when the library is loaded. */
__attribute__((constructor)) static void start_tracer(void) {
    const char *folder = getenv("ANYCANN_TRACE");
    Dl_info self;
    char path[4096];
    if (!folder || !*folder || !dladdr((void *)start_tracer, &self)) return;
    const char *slash = strrchr(self.dli_fname, '/');
    snprintf(path, sizeof path, "%.*s/anycann/libanycann_trace.so",
             slash ? (int)(slash - self.dli_fname) : 1, slash ? self.dli_fname : ".");
    void *tracer = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    acn_trace_begin_fn *begin =
        tracer ? (acn_trace_begin_fn *)dlsym(tracer, "acn_trace_begin") : NULL;
    if (begin) {
        begin(folder);
    } else {
        fprintf(stderr, "anycann: nothing is traced: %s\n", dlerror());
    }
}
