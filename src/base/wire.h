/* wire.h - the protobuf wire format: a reader that hands out fields as views of the bytes, and a
 * writer that grows. ONNX models and CANN's ModelDef are made of it.
 *
 * There are no message classes: a reader's caller switches over field numbers. Malformed input is
 * never read past its end; it ends the loop and shows in |is_bad|.
 */
#ifndef ACN_BASE_WIRE_H
#define ACN_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct acn_wire {
    const uint8_t *next, *end;
    bool is_bad;
} acn_wire;

typedef enum acn_wire_kind {
    ACN_WIRE_VARINT = 0,
    ACN_WIRE_FIXED64 = 1,
    ACN_WIRE_BYTES = 2, /* texts, messages, packed numbers */
    ACN_WIRE_FIXED32 = 5,
} acn_wire_kind;

typedef struct acn_wire_field {
    uint32_t number;
    acn_wire_kind kind;
    uint64_t value;       /* of a number, as its bits */
    const uint8_t *bytes; /* ACN_WIRE_BYTES: a view */
    size_t size;
} acn_wire_field;

static inline acn_wire acn_wire_open(const void *bytes, size_t size) {
    const uint8_t *begin = (const uint8_t *)bytes;
    acn_wire wire = {begin, begin + size, false};
    return wire;
}
/* The next field; false at the end and after a mistake. */
bool acn_wire_next(acn_wire *wire, acn_wire_field *out);
/* How often field |number| occurs in the rest, which is how much room its items need. */
int acn_wire_count(acn_wire wire, uint32_t number);
/* The message, or the packed numbers, inside a field. A field of another kind is empty and bad. */
acn_wire acn_wire_inside(const acn_wire_field *field);

/* Repeated numbers come one by one or packed: calls |visit| for each that the field holds, with its
 * bits. |width|: 0 for varints, 4 or 8 bytes. False when the field cannot hold such numbers, or
 * |visit| says so. */
bool acn_wire_numbers(const acn_wire_field *field, int width,
                      bool (*visit)(void *context, uint64_t bits), void *context);

float acn_wire_f32(uint64_t bits);
double acn_wire_f64(uint64_t bits);

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct acn_wire_out {
    uint8_t *bytes;
    size_t size, room;
    bool has_failed; /* no memory: all later calls do nothing */
} acn_wire_out;

/* Starts zeroed. Numbers that are 0 are written, too: leave them out where the format does. */
void acn_wire_put_number(acn_wire_out *out, uint32_t field, uint64_t value);
void acn_wire_put_f32(acn_wire_out *out, uint32_t field, float value);
void acn_wire_put_bytes(acn_wire_out *out, uint32_t field, const void *bytes, size_t size);
void acn_wire_put_text(acn_wire_out *out, uint32_t field, const char *text);
/* A packed list of varints; nothing for an empty one. */
void acn_wire_put_numbers(acn_wire_out *out, uint32_t field, const int64_t *values, size_t count);
/* Between the two, what is written becomes the message in |field|. They nest. */
size_t acn_wire_begin(acn_wire_out *out, uint32_t field);
void acn_wire_end(acn_wire_out *out, size_t begun);
/* Bytes that are no field: what stands before a message in a file. */
void acn_wire_put_raw(acn_wire_out *out, const void *bytes, size_t size);
void acn_wire_release(acn_wire_out *out);

#ifdef __cplusplus
}
#endif

#endif
