/* json.h - a small JSON reader for configuration files (acl.json and its kin). */
#ifndef ACN_BASE_JSON_H
#define ACN_BASE_JSON_H

#include "base/arena.h"
#include "base/status.h"

typedef enum acn_json_kind {
    ACN_JSON_NULL,
    ACN_JSON_BOOL,
    ACN_JSON_NUMBER,
    ACN_JSON_TEXT,
    ACN_JSON_ARRAY,
    ACN_JSON_OBJECT
} acn_json_kind;

typedef struct acn_json {
    acn_json_kind kind;
    const char *key;  /* member of an object, else NULL */
    const char *text; /* ACN_JSON_TEXT, unescaped; ACN_JSON_NUMBER as written */
    double number;    /* ACN_JSON_NUMBER; ACN_JSON_BOOL is 0 or 1 */
    struct acn_json *child, *next;
} acn_json;

/* The document lives in |arena|. Nesting is at most 10 of { and 10 of [, as CANN has it. A mistake
 * is ACN_PARSE_FILE with |name|, line and column in the text. */
acn_status acn_json_parse(acn_arena *arena, const char *name, const char *text, size_t bytes,
                          acn_json **out);
acn_status acn_json_parse_file(acn_arena *arena, const char *path, acn_json **out);
/* Member of an object, or NULL; NULL parents are allowed. */
const acn_json *acn_json_get(const acn_json *object, const char *key);

#endif
