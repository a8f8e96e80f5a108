/* ge_type.h - types of the graph engine as its programs see them: names of inputs, outputs and
 * attributes in GE's order, and what attributes are when nobody sets them. signature.h says how
 * they map onto operators. Texts have the words of api/ge_types.tsv. */
#ifndef ACN_OPS_GE_TYPE_H
#define ACN_OPS_GE_TYPE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The C++ of the graph engine's door asks, from another library. */
#define ACN_GE_TYPE __attribute__((visibility("default")))

typedef struct acn_ge_type {
    const char *type, *inputs, *outputs, *attrs;
} acn_ge_type;

/* Generated, sorted by type. */
extern const acn_ge_type acn_ge_types[];
extern const int acn_ge_type_count;

/* By number; NULL behind the last one. */
ACN_GE_TYPE const acn_ge_type *acn_ge_type_at(int index);

/* NULL: there is no such type, or nothing executes it. */
ACN_GE_TYPE const acn_ge_type *acn_ge_type_find(const char *type);

enum { ACN_GE_WORD_BYTES = 256 };

/* The next input or output of a list: "x", "?x" (optional), "*x" (any number), "y:12" (of that type
 * always). Moves |*at| behind it; false at the end. */
typedef struct acn_ge_port {
    char name[ACN_GE_WORD_BYTES];
    bool is_optional, is_list;
    int dtype; /* -1: it depends */
} acn_ge_port;
ACN_GE_TYPE bool acn_ge_next_port(const char **at, acn_ge_port *out);

/* The next attribute: "name:Kind=default" or "name:Kind!". */
typedef struct acn_ge_attr_type {
    char name[ACN_GE_WORD_BYTES], kind[16], fallback[ACN_GE_WORD_BYTES];
    bool is_required;
} acn_ge_attr_type;
ACN_GE_TYPE bool acn_ge_next_attr(const char **at, acn_ge_attr_type *out);

#ifdef __cplusplus
}
#endif

#endif
