/* rank_table.c - reading rank tables; see rank_table.h. All numbers are texts there. */
#include "hccl/rank_table.h"

#include "base/json.h"
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEVICES = 64, MAX_SERVER_NAME = 64 };

typedef struct reader {
    const char *path;
    acn_rank_table *table;
    bool has_pods; /* version 1.2 */
    bool seen[ACN_MAX_RANKS];
} reader;

/* |where| is the field's place, such as server_list[0].device[1].rank_id. */
static acn_status wrong(const reader *r, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
static acn_status wrong(const reader *r, const char *where, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return acn_fail(ACN_PARAM_INVALID, "rank table %s: %s %s", r->path, where, text);
}

static const char *kind_of(const acn_json *value) {
    static const char *const kinds[] = {"null",   "true or false", "a number",
                                        "a text", "a list",        "an object"};
    return value == NULL ? "missing" : kinds[value->kind];
}

static acn_status get_text(const reader *r, const acn_json *in, const char *where, const char *key,
                           const char **out) {
    const acn_json *value = acn_json_get(in, key);
    char place[96];
    snprintf(place, sizeof place, "%s%s", where, key);
    if (value == NULL || value->kind != ACN_JSON_TEXT)
        return wrong(r, place, "is %s; expected a text (numbers too stand in quotes)",
                     kind_of(value));
    *out = value->text;
    return ACN_OK;
}

static acn_status get_number(const reader *r, const acn_json *in, const char *where,
                             const char *key, long most, uint32_t *out) {
    const char *text;
    char *end, place[96];
    ACN_TRY(get_text(r, in, where, key, &text));
    long number = strtol(text, &end, 10);
    snprintf(place, sizeof place, "%s%s", where, key);
    if (*text < '0' || *text > '9' || *end != '\0' || number > most)
        return wrong(r, place, "is \"%.32s\"; expected a whole number from 0 to %ld", text, most);
    *out = (uint32_t)number;
    return ACN_OK;
}

static acn_status get_list(const reader *r, const acn_json *in, const char *where, const char *key,
                           const acn_json **out) {
    const acn_json *value = acn_json_get(in, key);
    char place[96];
    snprintf(place, sizeof place, "%s%s", where, key);
    if (value == NULL || value->kind != ACN_JSON_ARRAY)
        return wrong(r, place, "is %s; expected a list", kind_of(value));
    if (value->child == NULL) return wrong(r, place, "is empty");
    *out = value;
    return ACN_OK;
}

static acn_status check_address(const reader *r, const acn_json *device, const char *where) {
    char room[sizeof(struct in6_addr)], place[96];
    const char *text;
    if (acn_json_get(device, "device_ip") == NULL) return ACN_OK; /* not needed on one machine */
    ACN_TRY(get_text(r, device, where, "device_ip", &text));
    if (inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1) return ACN_OK;
    snprintf(place, sizeof place, "%sdevice_ip", where);
    return wrong(r, place, "is \"%.64s\"; expected an IPv4 or IPv6 address", text);
}

static acn_status read_device(reader *r, const acn_json *device, uint32_t server,
                              const char *where) {
    acn_rank_table *t = r->table;
    uint32_t id, rank, port;
    const char *text;
    if (device->kind != ACN_JSON_OBJECT)
        return wrong(r, where, "is %s; expected an object", kind_of(device));
    ACN_TRY(get_number(r, device, where, "device_id", MAX_DEVICES - 1, &id));
    ACN_TRY(get_number(r, device, where, "rank_id", ACN_MAX_RANKS - 1, &rank));
    ACN_TRY(check_address(r, device, where));
    if (acn_json_get(device, "device_port") != NULL)
        ACN_TRY(get_number(r, device, where, "device_port", 65535, &port));
    if (r->has_pods) ACN_TRY(get_text(r, device, where, "super_device_id", &text));
    if (r->seen[rank]) return wrong(r, where, "has rank_id \"%u\", as another device has", rank);
    for (uint32_t i = 0; i < ACN_MAX_RANKS; i++)
        if (r->seen[i] && t->server_of[i] == server && t->devices[i] == (int32_t)id)
            return wrong(r, where, "has device_id \"%u\", as rank %u of the same server has", id,
                         i);
    r->seen[rank] = true;
    t->devices[rank] = (int32_t)id;
    t->server_of[rank] = server;
    t->ranks++;
    return ACN_OK;
}

static acn_status read_server(reader *r, const acn_json *server, uint32_t index) {
    acn_rank_table *t = r->table;
    const acn_json *devices;
    const char *name;
    char where[64];
    snprintf(where, sizeof where, "server_list[%u].", index);
    if (index >= ACN_MAX_RANKS) return wrong(r, where, "is one server too many");
    if (server->kind != ACN_JSON_OBJECT)
        return wrong(r, where, "is %s; expected an object", kind_of(server));
    ACN_TRY(get_text(r, server, where, "server_id", &name));
    if (*name == '\0' || strlen(name) > MAX_SERVER_NAME)
        return wrong(r, where, "has server_id \"%.80s\"; expected 1 to %d characters", name,
                     MAX_SERVER_NAME);
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(t->server_names[i], name) == 0)
            return wrong(r, where, "has server_id \"%s\", as server_list[%u] has", name, i);
    memcpy(t->server_names[index], name, strlen(name) + 1);
    ACN_TRY(get_list(r, server, where, "device", &devices));
    uint32_t count = 0;
    for (const acn_json *device = devices->child; device != NULL; device = device->next) {
        char at[64];
        snprintf(at, sizeof at, "server_list[%u].device[%u].", index, count++);
        if (t->ranks == ACN_MAX_RANKS) return wrong(r, at, "is one rank too many");
        ACN_TRY(read_device(r, device, index, at));
    }
    return ACN_OK;
}

/* 0 to n - 1, those of a server one after the other. */
static acn_status check_ranks(const reader *r) {
    const acn_rank_table *t = r->table;
    bool is_over[ACN_MAX_RANKS] = {false};
    for (uint32_t i = 0; i < t->ranks; i++) {
        if (!r->seen[i])
            return wrong(r, "rank_id", "\"%u\" is missing; expected 0 to %u, each once", i,
                         t->ranks - 1);
        if (i > 0 && t->server_of[i] != t->server_of[i - 1]) is_over[t->server_of[i - 1]] = true;
        if (is_over[t->server_of[i]])
            return wrong(r, "rank_id",
                         "\"%u\" is of server \"%s\", whose ranks do not follow one another", i,
                         t->server_names[t->server_of[i]]);
    }
    return ACN_OK;
}

static acn_status read_pods(const reader *r, const acn_json *root) {
    const acn_json *pods, *servers;
    uint32_t index = 0;
    ACN_TRY(get_list(r, root, "", "super_pod_list", &pods));
    for (const acn_json *pod = pods->child; pod != NULL; pod = pod->next, index++) {
        const char *name;
        char where[64];
        snprintf(where, sizeof where, "super_pod_list[%u].", index);
        ACN_TRY(get_text(r, pod, where, "super_pod_id", &name));
        ACN_TRY(get_list(r, pod, where, "server_list", &servers));
        for (const acn_json *server = servers->child; server != NULL; server = server->next) {
            uint32_t known = 0;
            ACN_TRY(get_text(r, server, where, "server_id", &name));
            while (known < r->table->servers && strcmp(r->table->server_names[known], name) != 0)
                known++;
            if (known == r->table->servers)
                return wrong(r, where, "has server_id \"%.64s\", which server_list does not have",
                             name);
        }
    }
    return ACN_OK;
}

static acn_status read_head(reader *r, const acn_json *root) {
    const char *text;
    if (root->kind != ACN_JSON_OBJECT)
        return wrong(r, "the whole", "is %s; expected an object", kind_of(root));
    ACN_TRY(get_text(r, root, "", "status", &text));
    if (strcmp(text, "completed") != 0)
        return wrong(r, "status",
                     "is \"%.32s\"; expected \"completed\" (\"initializing\": whoever writes the "
                     "table is not done yet)",
                     text);
    ACN_TRY(get_text(r, root, "", "version", &text));
    r->has_pods = strcmp(text, "1.2") == 0;
    if (!r->has_pods && strcmp(text, "1.0") != 0)
        return wrong(r, "version", "is \"%.32s\"; expected \"1.0\" or \"1.2\"", text);
    return get_number(r, root, "", "server_count", ACN_MAX_RANKS, &r->table->servers);
}

static acn_status read_table(reader *r, const acn_json *root) {
    const acn_json *servers;
    uint32_t count = 0;
    ACN_TRY(read_head(r, root));
    ACN_TRY(get_list(r, root, "", "server_list", &servers));
    for (const acn_json *server = servers->child; server != NULL; server = server->next)
        ACN_TRY(read_server(r, server, count++));
    if (count != r->table->servers)
        return wrong(r, "server_count", "is \"%u\", but server_list has %u", r->table->servers,
                     count);
    ACN_TRY(check_ranks(r));
    return r->has_pods ? read_pods(r, root) : ACN_OK;
}

acn_status acn_rank_table_read(const char *path, acn_rank_table *out) {
    acn_arena arena = {0};
    acn_json *root;
    reader r = {.path = path, .table = out};
    memset(out, 0, sizeof *out);
    acn_status status = acn_json_parse_file(&arena, path, &root);
    if (status == ACN_OK) status = read_table(&r, root);
    acn_arena_release(&arena);
    return status;
}
