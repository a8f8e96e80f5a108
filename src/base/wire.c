/* wire.c - see wire.h. */
#include "base/wire.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_VARINT_BYTES = 10 };

static bool fail(acn_wire *wire) {
    wire->is_bad = true;
    wire->next = wire->end;
    return false;
}

static bool read_varint(acn_wire *wire, uint64_t *out) {
    uint64_t value = 0;
    for (int i = 0; i < MAX_VARINT_BYTES; i++) {
        if (wire->next == wire->end) return fail(wire);
        uint8_t byte = *wire->next++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return fail(wire);
}

/* Little endian, whatever the machine. */
static bool read_fixed(acn_wire *wire, int bytes, uint64_t *out) {
    if (wire->end - wire->next < bytes) return fail(wire);
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)wire->next[i] << (8 * i);
    wire->next += bytes;
    *out = value;
    return true;
}

bool acn_wire_next(acn_wire *wire, acn_wire_field *out) {
    uint64_t tag, size;
    if (wire->next == wire->end || !read_varint(wire, &tag)) return false;
    if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3) return fail(wire);
    *out = (acn_wire_field){.number = (uint32_t)(tag >> 3), .kind = (acn_wire_kind)(tag & 7)};
    switch (out->kind) {
    case ACN_WIRE_VARINT:
        return read_varint(wire, &out->value);
    case ACN_WIRE_FIXED64:
        return read_fixed(wire, 8, &out->value);
    case ACN_WIRE_FIXED32:
        return read_fixed(wire, 4, &out->value);
    case ACN_WIRE_BYTES:
        if (!read_varint(wire, &size)) return false;
        if (size > (size_t)(wire->end - wire->next)) return fail(wire);
        out->bytes = wire->next;
        out->size = (size_t)size;
        wire->next += size;
        return true;
    }
    return fail(wire); /* groups, which nobody writes any more */
}

int acn_wire_count(acn_wire wire, uint32_t number) {
    acn_wire_field field;
    int count = 0;
    while (acn_wire_next(&wire, &field))
        count += field.number == number;
    return count;
}

acn_wire acn_wire_inside(const acn_wire_field *field) {
    if (field->kind != ACN_WIRE_BYTES) return (acn_wire){.is_bad = true};
    return acn_wire_open(field->bytes, field->size);
}

bool acn_wire_numbers(const acn_wire_field *field, int width,
                      bool (*visit)(void *context, uint64_t bits), void *context) {
    acn_wire_kind single = width == 0   ? ACN_WIRE_VARINT
                           : width == 4 ? ACN_WIRE_FIXED32
                                        : ACN_WIRE_FIXED64;
    if (field->kind == single) return visit(context, field->value);
    acn_wire packed = acn_wire_inside(field);
    while (packed.next != packed.end) {
        uint64_t bits;
        if (!(width ? read_fixed(&packed, width, &bits) : read_varint(&packed, &bits))) break;
        if (!visit(context, bits)) return false;
    }
    return !packed.is_bad;
}

float acn_wire_f32(uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

double acn_wire_f64(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- writing --------------------------------------------------------------------------------- */

static uint8_t *extend(acn_wire_out *out, size_t bytes) {
    if (out->has_failed) return NULL;
    if (bytes > out->room - out->size) {
        size_t room = out->room ? out->room : 256;
        while (room - out->size < bytes && room <= SIZE_MAX / 2)
            room *= 2;
        uint8_t *grown = room - out->size >= bytes ? realloc(out->bytes, room) : NULL;
        if (grown == NULL) {
            out->has_failed = true;
            return NULL;
        }
        out->bytes = grown;
        out->room = room;
    }
    uint8_t *at = out->bytes + out->size;
    out->size += bytes;
    return at;
}

static size_t encode(uint8_t *to, uint64_t value) {
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        to[count++] = (uint8_t)(value | 0x80);
    to[count++] = (uint8_t)value;
    return count;
}

void acn_wire_put_raw(acn_wire_out *out, const void *bytes, size_t size) {
    uint8_t *at = extend(out, size);
    if (at != NULL && size != 0) memcpy(at, bytes, size);
}

static void put_varint(acn_wire_out *out, uint64_t value) {
    uint8_t bytes[MAX_VARINT_BYTES];
    acn_wire_put_raw(out, bytes, encode(bytes, value));
}

static void put_tag(acn_wire_out *out, uint32_t field, acn_wire_kind kind) {
    put_varint(out, (uint64_t)field << 3 | (uint64_t)kind);
}

void acn_wire_put_number(acn_wire_out *out, uint32_t field, uint64_t value) {
    put_tag(out, field, ACN_WIRE_VARINT);
    put_varint(out, value);
}

void acn_wire_put_f32(acn_wire_out *out, uint32_t field, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_tag(out, field, ACN_WIRE_FIXED32);
    acn_wire_put_raw(out,
                     (uint8_t[]){(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16),
                                 (uint8_t)(bits >> 24)},
                     4);
}

void acn_wire_put_bytes(acn_wire_out *out, uint32_t field, const void *bytes, size_t size) {
    put_tag(out, field, ACN_WIRE_BYTES);
    put_varint(out, size);
    acn_wire_put_raw(out, bytes, size);
}

void acn_wire_put_text(acn_wire_out *out, uint32_t field, const char *text) {
    acn_wire_put_bytes(out, field, text, strlen(text));
}

size_t acn_wire_begin(acn_wire_out *out, uint32_t field) {
    put_tag(out, field, ACN_WIRE_BYTES);
    return out->size;
}

/* The length is known only now: what follows it moves up by as much as it needs. */
void acn_wire_end(acn_wire_out *out, size_t begun) {
    if (out->has_failed) return;
    uint8_t length[MAX_VARINT_BYTES];
    size_t size = out->size - begun, count = encode(length, size);
    if (extend(out, count) == NULL) return;
    memmove(out->bytes + begun + count, out->bytes + begun, size);
    memcpy(out->bytes + begun, length, count);
}

void acn_wire_put_numbers(acn_wire_out *out, uint32_t field, const int64_t *values, size_t count) {
    if (count == 0) return;
    size_t begun = acn_wire_begin(out, field);
    for (size_t i = 0; i < count; i++)
        put_varint(out, (uint64_t)values[i]);
    acn_wire_end(out, begun);
}

void acn_wire_release(acn_wire_out *out) {
    free(out->bytes);
    *out = (acn_wire_out){0};
}
