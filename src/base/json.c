/* json.c - recursive descent over a text in memory; depth is limited, so the stack is too. */
#include "base/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 10, MAX_FILE_BYTES = 16 << 20 };

typedef struct reader {
    acn_arena *arena;
    const char *name, *start, *at, *end;
    int objects, arrays;
} reader;

static acn_status fail(const reader *in, const char *what) {
    long line = 1, column = 1;
    for (const char *c = in->start; c < in->at; c++) {
        column++;
        if (*c == '\n') line++, column = 1;
    }
    return acn_fail(ACN_PARSE_FILE, "%s: line %ld, column %ld: %s; correct the JSON there",
                    in->name, line, column, what);
}

static void skip_space(reader *in) {
    while (in->at < in->end && memchr(" \t\r\n", *in->at, 4) != NULL)
        in->at++;
}

static bool accept(reader *in, char c) {
    skip_space(in);
    if (in->at == in->end || *in->at != c) return false;
    in->at++;
    return true;
}

static acn_status new_node(reader *in, acn_json_kind kind, acn_json **out) {
    acn_json *node = acn_arena_alloc(in->arena, sizeof *node);
    if (node == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to read %s", in->name);
    node->kind = kind;
    *out = node;
    return ACN_OK;
}

static bool read_hex4(reader *in, unsigned *out) {
    *out = 0;
    if (in->end - in->at < 4) return false;
    for (int i = 0; i < 4; i++) {
        char c = *in->at++;
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 32) - 'a' + 10;
        if (digit > 15) return false;
        *out = *out << 4 | digit;
    }
    return true;
}

static char *write_utf8(char *to, unsigned code) {
    if (code < 0x80) return *to++ = (char)code, to;
    int extra = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    *to++ = (char)(lead[extra] | code >> 6 * extra);
    while (extra-- > 0)
        *to++ = (char)(0x80 | (code >> 6 * extra & 0x3f));
    return to;
}

static acn_status read_escape(reader *in, char **to) {
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char c = in->at < in->end ? *in->at++ : '\0';
    const char *found = c != '\0' ? strchr(from, c) : NULL;
    if (found != NULL) return *(*to)++ = into[found - from], ACN_OK;
    unsigned code, low;
    if (c != 'u' || !read_hex4(in, &code)) return fail(in, "unknown escape in a string");
    if (code >= 0xd800 && code < 0xdc00) { /* a pair stands for one character */
        if (in->end - in->at < 6 || in->at[0] != '\\' || in->at[1] != 'u')
            return fail(in, "half of a surrogate pair in a string");
        in->at += 2;
        if (!read_hex4(in, &low) || low < 0xdc00 || low > 0xdfff)
            return fail(in, "half of a surrogate pair in a string");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = write_utf8(*to, code);
    return ACN_OK;
}

static acn_status read_text(reader *in, const char **out) {
    const char *close = in->at;
    while (close < in->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= in->end) return fail(in, "a string is not closed");
    char *text = acn_arena_alloc(in->arena, (size_t)(close - in->at) + 1), *to = text;
    if (text == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to read %s", in->name);
    while (in->at < close) {
        char c = *in->at++;
        if ((unsigned char)c < 0x20) return fail(in, "a control character in a string");
        if (c == '\\')
            ACN_TRY(read_escape(in, &to));
        else
            *to++ = c;
    }
    in->at = close + 1;
    *out = text;
    return ACN_OK;
}

static acn_status read_number(reader *in, acn_json *node) {
    size_t length = 0;
    while (in->at + length < in->end && memchr("+-.0123456789eE", in->at[length], 15) != NULL)
        length++;
    char *text = acn_arena_alloc(in->arena, length + 1), *end;
    if (text == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to read %s", in->name);
    memcpy(text, in->at, length);
    node->number = strtod(text, &end);
    if (length == 0 || *end != '\0') return fail(in, "expected a value");
    node->text = text;
    in->at += length;
    return ACN_OK;
}

static acn_status read_value(reader *in, acn_json **out);

static acn_status read_member(reader *in, acn_json_kind parent, acn_json **out) {
    const char *key = NULL;
    if (parent == ACN_JSON_OBJECT) {
        if (!accept(in, '"')) return fail(in, "expected a member name in quotes");
        ACN_TRY(read_text(in, &key));
        if (!accept(in, ':')) return fail(in, "expected ':' after a member name");
    }
    ACN_TRY(read_value(in, out));
    (*out)->key = key;
    return ACN_OK;
}

static acn_status read_members(reader *in, acn_json *parent) {
    bool object = parent->kind == ACN_JSON_OBJECT;
    int *depth = object ? &in->objects : &in->arrays;
    if (++*depth > MAX_NESTING) return fail(in, "nested deeper than 10");
    char close = object ? '}' : ']';
    if (!accept(in, close)) {
        acn_json **tail = &parent->child;
        do {
            ACN_TRY(read_member(in, parent->kind, tail));
            tail = &(*tail)->next;
        } while (accept(in, ','));
        if (!accept(in, close))
            return fail(in, object ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    --*depth;
    return ACN_OK;
}

static bool accept_word(reader *in, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, word, length) != 0) return false;
    in->at += length;
    return true;
}

static acn_status read_value(reader *in, acn_json **out) {
    ACN_TRY(new_node(in, ACN_JSON_NULL, out));
    acn_json *node = *out;
    if (accept(in, '{')) return node->kind = ACN_JSON_OBJECT, read_members(in, node);
    if (accept(in, '[')) return node->kind = ACN_JSON_ARRAY, read_members(in, node);
    if (accept(in, '"')) return node->kind = ACN_JSON_TEXT, read_text(in, &node->text);
    if (accept_word(in, "null")) return ACN_OK;
    bool yes = accept_word(in, "true");
    if (yes || accept_word(in, "false")) {
        node->kind = ACN_JSON_BOOL;
        node->number = yes;
        return ACN_OK;
    }
    node->kind = ACN_JSON_NUMBER;
    return read_number(in, node);
}

acn_status acn_json_parse(acn_arena *arena, const char *name, const char *text, size_t bytes,
                          acn_json **out) {
    reader in = {.arena = arena, .name = name, .start = text, .at = text, .end = text + bytes};
    acn_json *root;
    ACN_TRY(read_value(&in, &root));
    skip_space(&in);
    if (in.at != in.end) return fail(&in, "something follows the end of the document");
    *out = root;
    return ACN_OK;
}

acn_status acn_json_parse_file(acn_arena *arena, const char *path, acn_json **out) {
    acn_status status = ACN_OK;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return acn_fail(ACN_INVALID_FILE, "%s cannot be opened (%s); give a readable file", path,
                        strerror(errno));
    char *text = malloc(MAX_FILE_BYTES);
    size_t bytes = text != NULL ? fread(text, 1, MAX_FILE_BYTES, file) : 0;
    if (text == NULL)
        status = acn_fail(ACN_BAD_ALLOC, "no memory to read %s", path);
    else if (ferror(file))
        status = acn_fail(ACN_INVALID_FILE, "%s cannot be read (%s)", path, strerror(errno));
    else if (bytes == MAX_FILE_BYTES)
        status = acn_fail(ACN_INVALID_FILE, "%s is larger than 16 MiB; not a configuration", path);
    else
        status = acn_json_parse(arena, path, text, bytes, out);
    free(text);
    fclose(file);
    return status;
}

const acn_json *acn_json_get(const acn_json *object, const char *key) {
    if (object == NULL || object->kind != ACN_JSON_OBJECT) return NULL;
    for (const acn_json *member = object->child; member != NULL; member = member->next)
        if (strcmp(member->key, key) == 0) return member;
    return NULL;
}
