/* request.h - atc's options, read and checked. */
#ifndef ACN_DOORS_ANYCANN_REQUEST_H
#define ACN_DOORS_ANYCANN_REQUEST_H

#include "doors/anycann/convert.h"
#include "graph/set.h"

/* A dimension that the user leaves open: -1 in |dims|, and what it may be; the second -1: any. */
typedef struct acn_request_shape {
    const char *name;
    int rank;
    int64_t dims[ACN_MAX_DIMS], range[ACN_MAX_DIMS][2];
} acn_request_shape;

/* Who wrote the model, by atc's numbers. */
enum { ACN_FRAMEWORK_AIR = 1, ACN_FRAMEWORK_ONNX = 5 };

typedef struct acn_request {
    int framework;
    const char *model, *output, *soc;
    bool has_fusion_result; /* fusion_result.json is wanted */
    acn_set_kind kind;      /* of the shapes and gears together */
    acn_request_shape *shapes;
    int shape_count;
    int64_t *gears; /* |gear_count| rows */
    int gear_count, gear_length;
    acn_source_options source;
    acn_arena arena;
} acn_request;

/* |out| points into the options, and is released also after a failure. */
acn_status acn_request_read(const acn_tool_conversion *conversion, acn_request *out);
void acn_request_release(acn_request *request);
/* The shapes of gear |gear|; |out| has |shape_count|. */
void acn_request_shapes(const acn_request *request, const int64_t *gear, acn_onnx_shape *out);

/* Converts, and hands what would be a file's bytes out, to be freed by free() (convert.c). */
acn_status acn_convert(const acn_tool_conversion *conversion, void **out_bytes, size_t *out_size);

#endif
