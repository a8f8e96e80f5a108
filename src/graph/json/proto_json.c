/* proto_json.c - see proto_json.h. */
#include "graph/json/proto_json.h"

enum { MAX_DEPTH = 48, MAP_KEY = 1, MAP_VALUE = 2 };

typedef struct printer {
    FILE *out;
    int depth;
    bool is_bad;
} printer;

static void print_message(printer *p, const acn_proto_field *schema, acn_wire message);

static void new_line(const printer *p) { fprintf(p->out, "\n%*s", 2 * p->depth, ""); }

/* Bytes that are no printable ASCII are escaped one by one, as C does. */
static void print_text(const printer *p, const uint8_t *text, size_t size) {
    fputc('"', p->out);
    for (size_t i = 0; i < size; i++) {
        int c = text[i];
        if (c == '"' || c == '\\')
            fprintf(p->out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", p->out);
        else if (c >= 0x20 && c < 0x7f)
            fputc(c, p->out);
        else
            fprintf(p->out, "\\\\%03o", c);
    }
    fputc('"', p->out);
}

static void print_enum(const printer *p, const acn_proto_field *field, uint64_t value) {
    uint64_t count = 0;
    while (field->names[count])
        count++;
    if (value < count)
        fprintf(p->out, "\"%s\"", field->names[value]);
    else
        fprintf(p->out, "%llu", (unsigned long long)value);
}

static void print_number(const printer *p, const acn_proto_field *field, uint64_t bits) {
    switch (field->kind) {
    case ACN_PROTO_BOOL:
        fputs(bits ? "true" : "false", p->out);
        break;
    case ACN_PROTO_FLOAT: /* as text: JSON has no word for infinity */
        fprintf(p->out, "\"%g\"", (double)acn_wire_f32(bits));
        break;
    case ACN_PROTO_ENUM:
        print_enum(p, field, bits);
        break;
    default:
        fprintf(p->out, "%lld", (long long)bits);
    }
}

static void print_entry(printer *p, const acn_proto_field *field, acn_wire entry) {
    acn_wire_field f;
    acn_wire value = {0};
    fputs("{\"key\": ", p->out);
    for (acn_wire w = entry; acn_wire_next(&w, &f);)
        if (f.number == MAP_KEY && f.kind == ACN_WIRE_BYTES) print_text(p, f.bytes, f.size);
    while (acn_wire_next(&entry, &f))
        if (f.number == MAP_VALUE) value = acn_wire_inside(&f);
    p->is_bad |= entry.is_bad;
    fputs(", \"value\": ", p->out);
    print_message(p, field->message, value);
    fputc('}', p->out);
}

typedef struct numbers {
    printer *p;
    const acn_proto_field *field;
    int count;
} numbers;

static bool print_item(void *context, uint64_t bits) {
    numbers *n = context;
    if (n->count++) fputs(", ", n->p->out);
    print_number(n->p, n->field, bits);
    return true;
}

/* One occurrence of a field; of a packed list, all its numbers. */
static void print_value(printer *p, const acn_proto_field *field, const acn_wire_field *f,
                        numbers *list) {
    bool is_bytes = f->kind == ACN_WIRE_BYTES;
    switch (field->kind) {
    case ACN_PROTO_TEXT:
        p->is_bad |= !is_bytes;
        if (is_bytes) print_text(p, f->bytes, f->size);
        break;
    case ACN_PROTO_MESSAGE:
        print_message(p, field->message, acn_wire_inside(f));
        break;
    case ACN_PROTO_MAP:
        print_entry(p, field, acn_wire_inside(f));
        break;
    default:
        p->is_bad |= !acn_wire_numbers(f, field->kind == ACN_PROTO_FLOAT ? 4 : 0, print_item, list);
    }
}

static void print_list(printer *p, const acn_proto_field *field, acn_wire message) {
    bool is_number = field->kind != ACN_PROTO_TEXT && field->kind != ACN_PROTO_MESSAGE &&
                     field->kind != ACN_PROTO_MAP;
    acn_wire_field f;
    numbers list = {p, field, 0};
    fputc('[', p->out);
    p->depth++;
    for (int count = 0; acn_wire_next(&message, &f);) {
        if (f.number != field->number) continue;
        if (!is_number && count++) fputc(',', p->out);
        if (!is_number) new_line(p);
        print_value(p, field, &f, &list);
    }
    p->depth--;
    if (!is_number) new_line(p);
    fputc(']', p->out);
}

/* The last occurrence counts, as protobuf has it. */
static void print_single(printer *p, const acn_proto_field *field, acn_wire message) {
    acn_wire_field f, last = {0};
    numbers list = {p, field, 0};
    while (acn_wire_next(&message, &f))
        if (f.number == field->number) last = f;
    print_value(p, field, &last, &list);
}

static void print_message(printer *p, const acn_proto_field *schema, acn_wire message) {
    int count = 0;
    acn_wire_field f;
    if (p->depth >= MAX_DEPTH) {
        p->is_bad = true;
        fputs("null", p->out);
        return;
    }
    for (acn_wire w = message;;) {
        if (acn_wire_next(&w, &f)) continue;
        p->is_bad |= w.is_bad;
        break;
    }
    fputc('{', p->out);
    p->depth++;
    for (const acn_proto_field *field = schema; field->name && !p->is_bad; field++) {
        if (field->is_hidden || acn_wire_count(message, field->number) == 0) continue;
        fputs(count++ ? "," : "", p->out);
        new_line(p);
        fprintf(p->out, "\"%s\": ", field->name);
        if (field->is_repeated || field->kind == ACN_PROTO_MAP)
            print_list(p, field, message);
        else
            print_single(p, field, message);
    }
    p->depth--;
    if (count) new_line(p);
    fputc('}', p->out);
}

acn_status acn_proto_print_json(FILE *out, const acn_proto_field *schema, acn_wire message) {
    printer p = {.out = out};
    print_message(&p, schema, message);
    fputc('\n', out);
    if (p.is_bad) return acn_fail(ACN_PARSE_FILE, "the model is no whole message; it is damaged");
    return ACN_OK;
}
