/* container.c - header, partition table and partitions of a .om. */
#include "graph/om/om.h"

#include "base/file.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEADER_BYTES = 256, TABLE_HEAD_BYTES = 8, TABLE_ROW_BYTES = 24, ALIGNMENT = 64 };
enum { WRITTEN = 4 }; /* partitions of a file that we write */
static const uint32_t magic = 0x444f4d49, version = 0x20000000;

/* ---- writing --------------------------------------------------------------------------------- */

static void put(uint8_t *at, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *at, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static void make_header(uint8_t *header, const acn_model_set *set, uint64_t length) {
    memset(header, 0, HEADER_BYTES);
    put(header, magic, 4);
    put(header + 4, HEADER_BYTES, 4);
    put(header + 8, version, 4);
    snprintf((char *)header + 84, 32, "%s", set->name);
    put(header + 156, 1, 4); /* one model */
    put(header + 184, length, 8);
    header[193] = set->kind == ACN_SET_OPEN;
}

static acn_status failed_write(const char *path) {
    return acn_fail(ACN_INVALID_FILE, "%s cannot be written (%s)", path, strerror(errno));
}

/* The weights as they lie in the file. */
static acn_status make_weights(const acn_weights *weights, char **out) {
    char *image = calloc(1, weights->bytes + 1);
    if (image == NULL)
        return acn_fail(ACN_BAD_ALLOC, "no host memory for %llu bytes of weights",
                        (unsigned long long)weights->bytes);
    acn_weights_copy(weights, image);
    *out = image;
    return ACN_OK;
}

typedef struct part {
    uint32_t type;
    const void *bytes;
    uint64_t size;
} part;

static bool write_parts(FILE *file, const acn_model_set *set, const part *parts, int count) {
    static const uint8_t zeros[ALIGNMENT];
    uint8_t head[HEADER_BYTES], table[TABLE_HEAD_BYTES + WRITTEN * TABLE_ROW_BYTES] = {0};
    uint64_t table_bytes = TABLE_HEAD_BYTES + (uint64_t)count * TABLE_ROW_BYTES, at = 0;
    put(table, (uint64_t)count, 4);
    for (int i = 0; i < count; i++) { /* offsets count from the table's end */
        at = (HEADER_BYTES + table_bytes + at + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT -
             HEADER_BYTES - table_bytes;
        put(table + TABLE_HEAD_BYTES + i * TABLE_ROW_BYTES, parts[i].type, 4);
        put(table + TABLE_HEAD_BYTES + i * TABLE_ROW_BYTES + 8, at, 8);
        put(table + TABLE_HEAD_BYTES + i * TABLE_ROW_BYTES + 16, parts[i].size, 8);
        at += parts[i].size;
    }
    make_header(head, set, table_bytes + at);
    bool is_good =
        fwrite(head, sizeof head, 1, file) == 1 && fwrite(table, (size_t)table_bytes, 1, file) == 1;
    uint64_t written = HEADER_BYTES + table_bytes;
    for (int i = 0; i < count && is_good; i++) {
        size_t gap = (size_t)(-written % ALIGNMENT);
        is_good = fwrite(zeros, 1, gap, file) == gap &&
                  fwrite(parts[i].bytes, 1, parts[i].size, file) == parts[i].size;
        written += gap + parts[i].size;
    }
    return is_good;
}

/* What a file consists of. */
typedef struct image {
    const acn_model_set *set;
    acn_wire_out definition, plan, ports;
    char *weights;
    part parts[WRITTEN];
} image;

static void release_image(image *i) {
    acn_wire_release(&i->definition);
    acn_wire_release(&i->plan);
    acn_wire_release(&i->ports);
    free(i->weights);
}

/* To be released also after a failure. */
static acn_status make_image(const acn_om_contents *contents, image *out) {
    *out = (image){.set = contents->set};
    ACN_TRY(make_weights(contents->weights, &out->weights));
    acn_om_put_model_def(&out->definition, contents);
    acn_om_put_set(&out->plan, contents, out->weights);
    acn_om_put_ports(&out->ports, contents);
    if (out->definition.has_failed || out->plan.has_failed || out->ports.has_failed)
        return acn_fail(ACN_BAD_ALLOC, "no host memory to write a model");
    const part parts[WRITTEN] = {
        {ACN_OM_PORTS, out->ports.bytes, out->ports.size},
        {ACN_OM_MODEL_DEF, out->definition.bytes, out->definition.size},
        {ACN_OM_WEIGHTS, out->weights, contents->weights->bytes},
        {ACN_OM_PLAN, out->plan.bytes, out->plan.size},
    };
    memcpy(out->parts, parts, sizeof parts);
    return ACN_OK;
}

static bool write_image(FILE *file, const void *data) {
    const image *i = data;
    return write_parts(file, i->set, i->parts, WRITTEN);
}

/* Into a file beside it, which then takes its place: nobody ever sees half a model. */
static acn_status write_file(const char *path, bool (*write)(FILE *file, const void *data),
                             const void *data) {
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid()) >=
        (int)sizeof temporary)
        return acn_fail(ACN_INVALID_ARGUMENT, "the path %.64s... is too long", path);
    FILE *file = fopen(temporary, "we");
    if (file == NULL) return failed_write(path);
    bool is_good = write(file, data);
    int cause = errno;
    if (fclose(file) != 0 && is_good) is_good = false, cause = errno;
    if (is_good && rename(temporary, path) == 0) return ACN_OK;
    if (is_good) cause = errno;
    unlink(temporary);
    errno = cause;
    return failed_write(path);
}

acn_status acn_om_write(const char *path, const acn_om_contents *contents) {
    image i;
    acn_status status = make_image(contents, &i);
    if (status == ACN_OK) status = write_file(path, write_image, &i);
    release_image(&i);
    return status;
}

acn_status acn_om_encode(const acn_om_contents *contents, void **out_bytes, size_t *out_size) {
    image i;
    char *bytes = NULL;
    size_t size = 0;
    acn_status status = make_image(contents, &i);
    FILE *file = status == ACN_OK ? open_memstream(&bytes, &size) : NULL;
    bool is_good = file && write_image(file, &i);
    if (file && fclose(file) != 0) is_good = false;
    release_image(&i);
    if (status == ACN_OK && !is_good)
        status = acn_fail(ACN_BAD_ALLOC, "no host memory for a compiled model");
    if (status != ACN_OK) {
        free(bytes);
        return status;
    }
    *out_bytes = bytes;
    *out_size = size;
    return ACN_OK;
}

static bool write_bytes(FILE *file, const void *data) {
    const part *bytes = data;
    return fwrite(bytes->bytes, 1, bytes->size, file) == bytes->size;
}

acn_status acn_om_write_bytes(const char *path, const void *bytes, size_t size) {
    const part whole = {.bytes = bytes, .size = size};
    return write_file(path, write_bytes, &whole);
}

acn_status acn_om_copy(const char *path, const void *bytes, size_t size) {
    acn_om om;
    ACN_TRY(acn_om_read("the model in memory", bytes, size, &om));
    return acn_om_write_bytes(path, bytes, size);
}

/* ---- reading --------------------------------------------------------------------------------- */

static acn_status broken(const acn_om *om, const char *what) {
    return acn_fail(ACN_PARSE_FILE, "%s is no whole .om file: %s", om->name, what);
}

static acn_status read_table(acn_om *om) {
    const uint8_t *table = om->bytes + HEADER_BYTES;
    uint64_t room = om->size - HEADER_BYTES, count = room >= TABLE_HEAD_BYTES ? get(table, 4) : 0;
    uint64_t table_bytes = TABLE_HEAD_BYTES + count * TABLE_ROW_BYTES;
    if (count == 0 || count > ACN_OM_PARTITIONS || table_bytes > room)
        return broken(om, "its table of partitions is damaged");
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *row = table + TABLE_HEAD_BYTES + i * TABLE_ROW_BYTES;
        uint64_t type = get(row, 4), offset = get(row + 8, 8), size = get(row + 16, 8);
        if (offset > room - table_bytes || size > room - table_bytes - offset)
            return broken(om, "a partition ends behind the file's end");
        if (type >= ACN_OM_PARTITIONS) continue;
        om->partition[type].bytes = table + table_bytes + offset;
        om->partition[type].size = size;
    }
    if (om->partition[ACN_OM_MODEL_DEF].bytes == NULL) return broken(om, "it describes no model");
    return ACN_OK;
}

acn_status acn_om_read(const char *name, const void *bytes, size_t size, acn_om *out) {
    *out = (acn_om){.name = name, .bytes = bytes, .size = size};
    if (size < HEADER_BYTES || get(out->bytes, 4) != magic)
        return broken(out, "it does not begin as one");
    if (get(out->bytes + 184, 8) == 0)
        return broken(out, "it was made by an old converter; convert the source model again");
    return read_table(out);
}

acn_status acn_om_open(const char *path, acn_om *out) {
    void *bytes;
    size_t size;
    ACN_TRY(acn_file_map(path, "a readable .om file", &bytes, &size));
    acn_status status = acn_om_read(path, bytes, size, out);
    if (status != ACN_OK)
        munmap(bytes, size);
    else
        out->mapping = bytes;
    return status;
}

acn_status acn_om_read_copy(const char *name, const void *bytes, size_t size, acn_om *out) {
    acn_om checked;
    ACN_TRY(acn_om_read(name, bytes, size, &checked));
    void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) return acn_fail(ACN_BAD_ALLOC, "no host memory for %zu bytes", size);
    memcpy(copy, bytes, size);
    ACN_TRY(acn_om_read(name, copy, size, out));
    out->mapping = copy;
    return ACN_OK;
}

void acn_om_close(acn_om *om) {
    if (om->mapping != NULL) munmap(om->mapping, om->size);
    *om = (acn_om){0};
}
