/* proto_json.h - protobuf messages as text, driven by schemas.
 *
 * As JSON, as `atc --mode=1` prints them: fields in the order in which the schema declares them,
 * enums by name, maps as lists of {"key", "value"}, without what a schema hides: the data of
 * weights, and where they lie. And in protobuf's own text format, with everything, both ways. */
#ifndef ACN_GRAPH_JSON_PROTO_JSON_H
#define ACN_GRAPH_JSON_PROTO_JSON_H

#include "base/status.h"
#include "base/wire.h"
#include <stdio.h>

typedef enum acn_proto_kind {
    ACN_PROTO_TEXT, /* or bytes */
    ACN_PROTO_INT,
    ACN_PROTO_BOOL,
    ACN_PROTO_FLOAT,
    ACN_PROTO_ENUM,
    ACN_PROTO_MESSAGE,
    ACN_PROTO_MAP, /* of texts */
} acn_proto_kind;

typedef struct acn_proto_field {
    const char *name; /* NULL ends a list of fields */
    uint32_t number;
    acn_proto_kind kind;
    bool is_repeated;
    const struct acn_proto_field *message; /* of a message or a map's values */
    const char *const *names;              /* of an enum, by number; NULL ends it */
    bool is_hidden;                        /* from JSON */
} acn_proto_field;

extern const acn_proto_field acn_proto_model_def[]; /* ge.proto.ModelDef */
extern const acn_proto_field acn_proto_onnx[];      /* onnx.ModelProto */

/* ACN_PARSE_FILE when the bytes are no such message. */
acn_status acn_proto_print_json(FILE *out, const acn_proto_field *schema, acn_wire message);
/* Fields without a place in the schema are left out. */
acn_status acn_proto_print_text(FILE *out, const acn_proto_field *schema, acn_wire message);
/* The message that |text| is; |name| is for error texts, which say the line. */
acn_status acn_proto_parse_text(const char *name, const char *text, size_t size,
                                const acn_proto_field *schema, acn_wire_out *out);

#endif
