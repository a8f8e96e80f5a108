/* proto_text.c - protobuf's text format: see proto_json.h. */
#include "graph/json/proto_json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 48, MAP_KEY = 1, MAP_VALUE = 2 };

/* ---- printing ---------------------------------------------------------------------------------
 */

typedef struct printer {
    FILE *out;
    int depth;
    bool is_bad;
} printer;

static void print_message(printer *p, const acn_proto_field *schema, acn_wire message);

static void print_quoted(FILE *out, const uint8_t *text, size_t size) {
    fputc('"', out);
    for (size_t i = 0; i < size; i++) {
        int c = text[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c >= 0x20 && c < 0x7f)
            fputc(c, out);
        else
            fprintf(out, "\\%03o", c);
    }
    fputc('"', out);
}

typedef struct place {
    printer *p;
    const acn_proto_field *field;
} place;

static int name_count(const acn_proto_field *field) {
    int count = 0;
    while (field->names && field->names[count])
        count++;
    return count;
}

/* A line for each number, also of packed ones. */
static bool print_number(void *context, uint64_t bits) {
    const place *at = context;
    FILE *out = at->p->out;
    fprintf(out, "%*s%s: ", 2 * at->p->depth, "", at->field->name);
    if (at->field->kind == ACN_PROTO_FLOAT)
        fprintf(out, "%.9g\n", (double)acn_wire_f32(bits));
    else if (at->field->kind == ACN_PROTO_BOOL)
        fputs(bits ? "true\n" : "false\n", out);
    else if (at->field->kind == ACN_PROTO_ENUM && bits < (uint64_t)name_count(at->field))
        fprintf(out, "%s\n", at->field->names[bits]);
    else
        fprintf(out, "%lld\n", (long long)bits);
    return true;
}

static void print_block(printer *p, const acn_proto_field *field, acn_wire message) {
    fprintf(p->out, "%*s%s {\n", 2 * p->depth, "", field->name);
    p->depth++;
    if (field->kind == ACN_PROTO_MAP) {
        const acn_proto_field entry[] = {
            {"key", MAP_KEY, ACN_PROTO_TEXT, false, NULL, NULL, false},
            {"value", MAP_VALUE, ACN_PROTO_MESSAGE, false, field->message, NULL, false},
            {NULL, 0, ACN_PROTO_INT, false, NULL, NULL, false},
        };
        print_message(p, entry, message);
    } else
        print_message(p, field->message, message);
    p->depth--;
    fprintf(p->out, "%*s}\n", 2 * p->depth, "");
}

static void print_field(printer *p, const acn_proto_field *field, const acn_wire_field *f) {
    place at = {p, field};
    switch (field->kind) {
    case ACN_PROTO_TEXT:
        p->is_bad |= f->kind != ACN_WIRE_BYTES;
        if (p->is_bad) return;
        fprintf(p->out, "%*s%s: ", 2 * p->depth, "", field->name);
        print_quoted(p->out, f->bytes, f->size);
        fputc('\n', p->out);
        break;
    case ACN_PROTO_MESSAGE:
    case ACN_PROTO_MAP:
        print_block(p, field, acn_wire_inside(f));
        break;
    default:
        p->is_bad |=
            !acn_wire_numbers(f, field->kind == ACN_PROTO_FLOAT ? 4 : 0, print_number, &at);
    }
}

static const acn_proto_field *find_number(const acn_proto_field *schema, uint32_t number) {
    for (; schema->name; schema++)
        if (schema->number == number) return schema;
    return NULL;
}

static void print_message(printer *p, const acn_proto_field *schema, acn_wire message) {
    acn_wire_field f;
    if (p->depth >= MAX_DEPTH) p->is_bad = true;
    while (!p->is_bad && acn_wire_next(&message, &f)) {
        const acn_proto_field *field = find_number(schema, f.number);
        if (field) print_field(p, field, &f);
    }
    p->is_bad |= message.is_bad;
}

acn_status acn_proto_print_text(FILE *out, const acn_proto_field *schema, acn_wire message) {
    printer p = {.out = out};
    print_message(&p, schema, message);
    if (p.is_bad) return acn_fail(ACN_PARSE_FILE, "the model is no whole message; it is damaged");
    return ACN_OK;
}

/* ---- parsing ----------------------------------------------------------------------------------
 */

typedef struct parser {
    const char *name, *next, *end;
    acn_wire_out *out;
    int line, depth;
} parser;

static acn_status parse_message(parser *p, const acn_proto_field *schema, char close);

static acn_status wrong(const parser *p, const char *expected) {
    return acn_fail(ACN_PARSE_FILE, "%s:%d: expected %s", p->name, p->line, expected);
}

/* The next character that means something; 0 at the end. */
static char peek(parser *p) {
    for (; p->next < p->end; p->next++) {
        char c = *p->next;
        if (c == '#')
            while (p->next + 1 < p->end && p->next[1] != '\n')
                p->next++;
        else if (!isspace((unsigned char)c))
            return c;
        p->line += c == '\n';
    }
    return 0;
}

static bool take(parser *p, char c) {
    bool is_there = peek(p) == c;
    p->next += is_there;
    return is_there;
}

/* A word or a number, as it stands in the text. */
static size_t take_word(parser *p, const char **out) {
    peek(p);
    *out = p->next;
    while (p->next < p->end && (isalnum((unsigned char)*p->next) || strchr("_.+-", *p->next)))
        p->next++;
    return (size_t)(p->next - *out);
}

static bool is_word(const char *word, size_t size, const char *text) {
    return strlen(text) == size && memcmp(word, text, size) == 0;
}

/* One character behind a backslash. */
static int take_escape(parser *p) {
    static const char letters[] = "n\nt\tr\ra\ab\bf\fv\v";
    int value = 0;
    char c = *p->next++;
    if (c >= '0' && c <= '7') {
        value = c - '0';
        for (int i = 0; i < 2 && p->next < p->end && *p->next >= '0' && *p->next <= '7'; i++)
            value = value * 8 + (*p->next++ - '0');
        return value & 0xff;
    }
    if (c == 'x' || c == 'X') {
        for (int i = 0; i < 2 && p->next < p->end && isxdigit((unsigned char)*p->next); i++) {
            char digit = (char)tolower((unsigned char)*p->next++);
            value = value * 16 + (digit <= '9' ? digit - '0' : digit - 'a' + 10);
        }
        return value;
    }
    for (size_t i = 0; letters[i]; i += 2)
        if (letters[i] == c) return letters[i + 1];
    return (unsigned char)c;
}

/* Quoted texts that follow each other are one. */
static acn_status parse_quoted(parser *p, uint32_t number) {
    char quote = peek(p), *text = malloc((size_t)(p->end - p->next) + 1);
    size_t size = 0;
    acn_status status = ACN_OK;
    if (text == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory to read %s", p->name);
    if (quote != '"' && quote != '\'') status = wrong(p, "a quoted text");
    while (status == ACN_OK && (quote = peek(p)) && (quote == '"' || quote == '\'')) {
        p->next++;
        while (p->next < p->end && *p->next != quote && *p->next != '\n') {
            char c = *p->next++;
            text[size++] = c == '\\' && p->next < p->end ? (char)take_escape(p) : c;
        }
        if (p->next < p->end && *p->next == quote)
            p->next++;
        else
            status = wrong(p, "the end of a quoted text");
    }
    if (status == ACN_OK) acn_wire_put_bytes(p->out, number, text, size);
    free(text);
    return status;
}

static acn_status parse_number(parser *p, const acn_proto_field *field) {
    const char *word;
    char text[64], *end;
    size_t size = take_word(p, &word);
    if (size == 0 || size >= sizeof text) return wrong(p, "a number or a name");
    memcpy(text, word, size);
    text[size] = 0;
    if (field->kind == ACN_PROTO_FLOAT) {
        float value = strtof(text, &end);
        if (*end && !(end[0] == 'f' && !end[1])) return wrong(p, "a number");
        acn_wire_put_f32(p->out, field->number, value);
        return ACN_OK;
    }
    for (int i = 0; i < name_count(field); i++)
        if (is_word(word, size, field->names[i])) {
            acn_wire_put_number(p->out, field->number, (uint64_t)i);
            return ACN_OK;
        }
    bool is_true = is_word(word, size, "true");
    if (field->kind == ACN_PROTO_BOOL && (is_true || is_word(word, size, "false"))) {
        acn_wire_put_number(p->out, field->number, is_true);
        return ACN_OK;
    }
    unsigned long long value =
        text[0] == '-' ? (unsigned long long)strtoll(text, &end, 0) : strtoull(text, &end, 0);
    if (*end) return wrong(p, field->names ? "a name of this enumeration" : "a whole number");
    acn_wire_put_number(p->out, field->number, value);
    return ACN_OK;
}

/* What stands in a field that the schema has no place for. */
static acn_status skip_value(parser *p) {
    static const acn_proto_field nothing[] = {{0}};
    const char *word;
    acn_wire_out *kept = p->out, lost = {0};
    acn_status status = ACN_OK;
    char c = peek(p);
    p->out = &lost;
    if (c == '"' || c == '\'')
        status = parse_quoted(p, 1);
    else if (take(p, '{'))
        status = parse_message(p, nothing, '}');
    else if (take(p, '<'))
        status = parse_message(p, nothing, '>');
    else if (take_word(p, &word) == 0)
        status = wrong(p, "a value");
    p->out = kept;
    acn_wire_release(&lost);
    return status;
}

static acn_status parse_block(parser *p, const acn_proto_field *field) {
    const acn_proto_field entry[] = {
        {"key", MAP_KEY, ACN_PROTO_TEXT, false, NULL, NULL, false},
        {"value", MAP_VALUE, ACN_PROTO_MESSAGE, false, field->message, NULL, false},
        {NULL, 0, ACN_PROTO_INT, false, NULL, NULL, false},
    };
    char close = take(p, '<') ? '>' : '}';
    if (close == '}' && !take(p, '{')) return wrong(p, "\"{\"");
    size_t begun = acn_wire_begin(p->out, field->number);
    ACN_TRY(parse_message(p, field->kind == ACN_PROTO_MAP ? entry : field->message, close));
    acn_wire_end(p->out, begun);
    return ACN_OK;
}

static acn_status parse_value(parser *p, const acn_proto_field *field) {
    if (field == NULL) return skip_value(p);
    switch (field->kind) {
    case ACN_PROTO_TEXT:
        return parse_quoted(p, field->number);
    case ACN_PROTO_MESSAGE:
    case ACN_PROTO_MAP:
        return parse_block(p, field);
    default:
        return parse_number(p, field);
    }
}

/* Up to |close|, which is taken; 0: to the end of the text. */
static acn_status parse_message(parser *p, const acn_proto_field *schema, char close) {
    if (++p->depth > MAX_DEPTH) return wrong(p, "fewer messages inside of each other");
    while (peek(p) != close) {
        const char *word;
        const acn_proto_field *field = schema;
        size_t size = take_word(p, &word);
        if (size == 0)
            return wrong(p, close ? "a field's name or the end of a message" : "a field's name");
        while (field->name && !is_word(word, size, field->name))
            field++;
        if (field->name == NULL) field = NULL;
        bool has_colon = take(p, ':');
        if (!has_colon && !strchr("{<", peek(p))) return wrong(p, "\":\"");
        if (take(p, '[')) {
            while (!take(p, ']')) {
                ACN_TRY(parse_value(p, field));
                if (!take(p, ',') && peek(p) != ']') return wrong(p, "\",\" or \"]\"");
            }
        } else
            ACN_TRY(parse_value(p, field));
        if (!take(p, ',')) take(p, ';');
    }
    p->next += close != 0;
    p->depth--;
    return ACN_OK;
}

acn_status acn_proto_parse_text(const char *name, const char *text, size_t size,
                                const acn_proto_field *schema, acn_wire_out *out) {
    parser p = {.name = name, .next = text, .end = text + size, .out = out, .line = 1};
    ACN_TRY(parse_message(&p, schema, 0));
    if (out->has_failed) return acn_fail(ACN_BAD_ALLOC, "no host memory to read %s", name);
    return ACN_OK;
}
