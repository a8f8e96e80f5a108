/* shadow.c - see shadow.h. Memory is cut into pages; each page that was touched has the pieces of
 * it in order, where a piece has one history. A write makes one piece of all it covers. */
#include "runtime/shadow.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_SHIFT = 20, FIRST_TABLE = 1024, FIRST_PIECES = 8 };

typedef struct piece {
    uintptr_t begin, end;
    acn_access writer;
    acn_access *readers; /* that do not come after each other */
    uint32_t reader_count, reader_room;
} piece;

typedef struct page {
    uintptr_t number;
    piece *pieces;
    uint32_t count, room;
} page;

static page **table; /* open addressing; pages stay */
static size_t table_size, table_used;
static page *last_page;

static size_t slot_of(page **in, size_t size, uintptr_t number) {
    size_t at = (size_t)(number * 0x9e3779b97f4a7c15u) & (size - 1);
    while (in[at] != NULL && in[at]->number != number)
        at = (at + 1) & (size - 1);
    return at;
}

static bool grow_table(void) {
    size_t size = table_size != 0 ? 2 * table_size : FIRST_TABLE;
    page **larger = calloc(size, sizeof(page *));
    if (larger == NULL) return false;
    for (size_t i = 0; i < table_size; i++)
        if (table[i] != NULL) larger[slot_of(larger, size, table[i]->number)] = table[i];
    free(table);
    table = larger;
    table_size = size;
    return true;
}

static page *page_of(uintptr_t number, bool make) {
    if (last_page != NULL && last_page->number == number) return last_page;
    if (make && 2 * table_used >= table_size && !grow_table()) return NULL;
    if (table_size == 0) return NULL;
    size_t at = slot_of(table, table_size, number);
    if (table[at] != NULL || !make) return last_page = table[at];
    page *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->number = number;
    table[at] = p;
    table_used++;
    return p;
}

/* The first piece that ends behind |address|. */
static uint32_t find(const page *p, uintptr_t address) {
    uint32_t low = 0, high = p->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (p->pieces[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(page *p, uint32_t at, uint32_t count) {
    if (p->count + count > p->room) {
        uint32_t room = p->room != 0 ? 2 * p->room : FIRST_PIECES;
        piece *pieces = realloc(p->pieces, room * sizeof *pieces);
        if (pieces == NULL) return false;
        p->pieces = pieces;
        p->room = room;
    }
    memmove(p->pieces + at + count, p->pieces + at, (p->count - at) * sizeof *p->pieces);
    p->count += count;
    return true;
}

static void remove_pieces(page *p, uint32_t first, uint32_t end) {
    if (first == end) return;
    for (uint32_t i = first; i < end; i++)
        free(p->pieces[i].readers);
    memmove(p->pieces + first, p->pieces + end, (p->count - end) * sizeof *p->pieces);
    p->count -= end - first;
}

static bool copy_readers(piece *to, const piece *from) {
    to->readers = NULL;
    to->reader_room = to->reader_count = from->reader_count;
    if (from->reader_count == 0) return true;
    to->readers = malloc(from->reader_count * sizeof *to->readers);
    if (to->readers == NULL) return false;
    memcpy(to->readers, from->readers, from->reader_count * sizeof *to->readers);
    return true;
}

/* Makes |address| a border between pieces. */
static bool split(page *p, uintptr_t address) {
    uint32_t at = find(p, address);
    if (at == p->count || p->pieces[at].begin >= address) return true;
    piece right = p->pieces[at];
    if (!copy_readers(&right, &p->pieces[at])) return false;
    if (!make_room(p, at + 1, 1)) {
        free(right.readers);
        return false;
    }
    right.begin = address;
    p->pieces[at].end = address;
    p->pieces[at + 1] = right;
    return true;
}

static void compare(const piece *old, const acn_touch *touch) {
    const acn_access *writer = &old->writer;
    if (writer->time != 0 && !touch->comes_after(touch->context, writer))
        touch->found(touch->context, writer, true);
    for (uint32_t i = 0; touch->is_write && i < old->reader_count; i++)
        if (!touch->comes_after(touch->context, &old->readers[i]))
            touch->found(touch->context, &old->readers[i], false);
}

/* A reader that this one comes after need not be remembered: who comes after this one comes after
 * both. */
static void add_reader(piece *to, const acn_touch *touch) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < to->reader_count; i++)
        if (!touch->comes_after(touch->context, &to->readers[i]))
            to->readers[kept++] = to->readers[i];
    to->reader_count = kept;
    if (kept == to->reader_room) {
        uint32_t room = kept != 0 ? 2 * kept : 1;
        acn_access *readers = realloc(to->readers, room * sizeof *readers);
        if (readers == NULL) return;
        to->readers = readers;
        to->reader_room = room;
    }
    to->readers[to->reader_count++] = touch->by;
}

static void write_piece(piece *one, const acn_touch *touch) {
    one->writer = touch->by;
    one->reader_count = 0;
}

/* The common case: the same memory as before, as one piece. */
static bool touch_whole(page *p, uintptr_t begin, uintptr_t end, const acn_touch *touch) {
    uint32_t at = find(p, begin);
    if (at == p->count || p->pieces[at].begin != begin || p->pieces[at].end != end) return false;
    piece *one = &p->pieces[at];
    compare(one, touch);
    if (touch->is_write)
        write_piece(one, touch);
    else
        add_reader(one, touch);
    return true;
}

static void write_in(page *p, uintptr_t begin, uintptr_t end, const acn_touch *touch) {
    uint32_t first = find(p, begin), last = first;
    for (; last < p->count && p->pieces[last].begin < end; last++)
        compare(&p->pieces[last], touch);
    if (first == last) {
        if (!make_room(p, first, 1)) return;
        p->pieces[first] = (piece){0};
    } else {
        remove_pieces(p, first + 1, last);
    }
    piece *one = &p->pieces[first];
    one->begin = begin;
    one->end = end;
    write_piece(one, touch);
}

static void read_in(page *p, uintptr_t begin, uintptr_t end, const acn_touch *touch) {
    uint32_t at = find(p, begin);
    while (begin < end) {
        uintptr_t next = at < p->count && p->pieces[at].begin < end ? p->pieces[at].begin : end;
        if (begin < next) { /* nobody was here before */
            if (!make_room(p, at, 1)) return;
            p->pieces[at] = (piece){.begin = begin, .end = next};
        } else {
            compare(&p->pieces[at], touch);
        }
        add_reader(&p->pieces[at], touch);
        begin = p->pieces[at++].end;
    }
}

/* Calls |visit| for the part of [begin, end) in each page. */
static void each_page(uintptr_t begin, uintptr_t end, bool make, const acn_touch *touch,
                      void (*visit)(page *, uintptr_t, uintptr_t, const acn_touch *)) {
    while (begin < end) {
        uintptr_t number = begin >> PAGE_SHIFT, border = (number + 1) << PAGE_SHIFT;
        uintptr_t stop = border < end ? border : end;
        page *p = page_of(number, make);
        bool done = p == NULL || (touch != NULL && touch_whole(p, begin, stop, touch));
        if (!done && split(p, begin) && split(p, stop)) visit(p, begin, stop, touch);
        begin = stop;
    }
}

static void forget_in(page *p, uintptr_t begin, uintptr_t end, const acn_touch *touch) {
    uint32_t first = find(p, begin), last = first;
    while (last < p->count && p->pieces[last].begin < end)
        last++;
    remove_pieces(p, first, last);
}

void acn_shadow_touch(const acn_touch *touch) {
    each_page(touch->begin, touch->end, true, touch, touch->is_write ? write_in : read_in);
}

void acn_shadow_forget(uintptr_t begin, uintptr_t end) {
    each_page(begin, end, false, NULL, forget_in);
}
