/* trace.h - what generated wrappers of public functions (api/generator/trace.py) and the recorder
 * share. Doors jump through the slots of tables; the tracer puts a wrapper into each slot, which
 * calls what was there before and writes one line: an event in the form that Perfetto and Chrome's
 * trace viewer load. */
#ifndef ACN_DOORS_TRACE_TRACE_H
#define ACN_DOORS_TRACE_TRACE_H

#include <stdint.h>
#include <stdio.h>

typedef union acn_trace_value {
    int64_t i;
    uint64_t u;
    double f;
    const void *p;
} acn_trace_value;

typedef enum acn_trace_kind {
    ACN_TRACE_INT,
    ACN_TRACE_UINT,
    ACN_TRACE_BOOL,
    ACN_TRACE_FLOAT,
    ACN_TRACE_ENUM,    /* by name, where |set| knows it */
    ACN_TRACE_POINTER, /* an address or handle */
    ACN_TRACE_STRING,
    ACN_TRACE_OBJECT, /* an aclnn object, in words */
    ACN_TRACE_STRUCT, /* given by value: not shown */
    ACN_TRACE_INTS,   /* const int64_t *, as many as argument |count| says */
    /* Where the function puts an answer: shown when it succeeded. */
    ACN_TRACE_OUT_INT32,
    ACN_TRACE_OUT_UINT32,
    ACN_TRACE_OUT_INT64,
    ACN_TRACE_OUT_UINT64,
    ACN_TRACE_OUT_FLOAT,
    ACN_TRACE_OUT_BOOL,
    ACN_TRACE_OUT_ENUM,
    ACN_TRACE_OUT_POINTER,
    ACN_TRACE_NOTHING, /* a function that answers nothing */
    ACN_TRACE_CODE,    /* a result of which 0 is success */
} acn_trace_kind;

typedef struct acn_trace_name {
    int64_t value;
    const char *name;
} acn_trace_name;

typedef struct acn_trace_set {
    const acn_trace_name *names;
    int count;
} acn_trace_set;

typedef struct acn_trace_param {
    const char *name;
    uint8_t kind;             /* acn_trace_kind */
    int8_t count;             /* of ACN_TRACE_INTS: which argument */
    const acn_trace_set *set; /* of enums */
} acn_trace_param;

typedef void acn_trace_any(void);

typedef struct acn_trace_function {
    const char *name, *group;
    const acn_trace_param *params; /* the result comes last */
    int param_count;               /* without it */
    acn_trace_any *wrapper;
    acn_trace_any *real; /* what the slot held; NULL: in no slot */
} acn_trace_function;

/* Generated. A library's slots stand in the order of its names. */
typedef struct acn_trace_door {
    acn_trace_any *const *slots;
    acn_trace_function *const *functions; /* NULL where a function is not traced */
    int count;
} acn_trace_door;
extern const acn_trace_door acn_trace_doors[];
extern const int acn_trace_door_count;

/* Notes that this thread is in a call from now on; returns the time. */
uint64_t acn_trace_enter(const acn_trace_function *function);
/* Writes the line of a call that has returned; |values| has the result last. Keeps errno. */
void acn_trace_call(const acn_trace_function *function, uint64_t start_ns,
                    const acn_trace_value *values);

/* ---- values.c: into the text of a line, which is cut at its end ------------------------------ */

typedef struct acn_trace_text {
    char bytes[4096];
    size_t length;
} acn_trace_text;

void acn_trace_add(acn_trace_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void acn_trace_add_string(acn_trace_text *text, const char *string); /* quoted */
/* "name": value for each argument and "result". */
void acn_trace_add_arguments(acn_trace_text *text, const acn_trace_function *function,
                             const acn_trace_value *values);

#endif
