/* table.c - what listing verbs print: aligned columns for people, JSON for scripts, from the same
 * rows. */
#include "tools/tool.h"
#include <stdlib.h>
#include <string.h>

struct acn_table {
    int columns, rows;
    const char *const *headings;
    char **cells; /* rows * columns */
};

void acn_json_text(FILE *out, const char *text) {
    if (!text) {
        fputs("null", out);
        return;
    }
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            fprintf(out, "\\%c", *c);
        } else if (*c < 0x20) {
            fprintf(out, "\\u%04x", *c);
        } else {
            fputc(*c, out);
        }
    }
    fputc('"', out);
}

acn_table *acn_table_new(int columns, const char *const *headings) {
    acn_table *table = calloc(1, sizeof *table);
    if (!table) abort();
    table->columns = columns;
    table->headings = headings;
    return table;
}

void acn_table_row(acn_table *table, const char *const *cells) {
    size_t at = (size_t)table->rows * (size_t)table->columns;
    table->cells = realloc(table->cells, sizeof *table->cells * (at + (size_t)table->columns));
    if (!table->cells) abort();
    for (int c = 0; c < table->columns; c++) {
        table->cells[at + (size_t)c] = strdup(cells[c] ? cells[c] : "");
    }
    table->rows++;
}

static const char *cell(const acn_table *table, int row, int column) {
    return table->cells[row * table->columns + column];
}

static bool is_number(const char *text) {
    char *end;
    strtod(text, &end);
    return *text >= '0' && *text <= '9' && *end == '\0' && !strpbrk(text, "xXnN");
}

static bool is_numeric(const acn_table *table, int column) {
    for (int r = 0; r < table->rows; r++) {
        if (!is_number(cell(table, r, column))) return false;
    }
    return table->rows > 0;
}

static void print_json_cell(const char *text, bool is_bare, FILE *out) {
    if (is_bare) {
        fputs(text, out);
    } else {
        acn_json_text(out, text);
    }
}

static void print_json(const acn_table *table, FILE *out) {
    fputs("[", out);
    for (int r = 0; r < table->rows; r++) {
        fputs(r ? ",\n {" : "\n {", out);
        for (int c = 0; c < table->columns; c++) {
            if (c) fputs(", ", out);
            acn_json_text(out, table->headings[c]);
            fputs(": ", out);
            print_json_cell(cell(table, r, c), is_numeric(table, c), out);
        }
        fputs("}", out);
    }
    fputs("\n]\n", out);
}

static int width_of(const acn_table *table, int column) {
    size_t width = strlen(table->headings[column]);
    for (int r = 0; r < table->rows; r++) {
        size_t n = strlen(cell(table, r, column));
        if (n > width) width = n;
    }
    return (int)width;
}

/* Nothing but empty cells from |column| on: the line may end before. */
static bool is_empty_from(const acn_table *table, int row, int column) {
    while (column < table->columns && !*cell(table, row, column))
        column++;
    return column == table->columns;
}

static void print_columns(const acn_table *table, FILE *out) {
    int widths[ACN_TABLE_COLUMNS];
    for (int c = 0; c < table->columns; c++) {
        int width = width_of(table, c);
        bool is_last = c + 1 == table->columns;
        widths[c] = is_numeric(table, c) ? width : is_last ? 0 : -width; /* negative: left */
    }
    for (int r = -1; r < table->rows; r++) {
        for (int c = 0; c < table->columns; c++) {
            const char *text = r < 0 ? table->headings[c] : cell(table, r, c);
            bool ends = c + 1 == table->columns || (r >= 0 && is_empty_from(table, r, c + 1));
            fprintf(out, "%s%*s", c ? "  " : "", ends && widths[c] < 0 ? 0 : widths[c], text);
            if (ends) break;
        }
        fputc('\n', out);
    }
}

void acn_table_print(const acn_table *table, FILE *out, bool is_json) {
    (is_json ? print_json : print_columns)(table, out);
}

void acn_table_print_object(const acn_table *table, FILE *out) {
    for (int r = 0; r < table->rows; r++) {
        fputs(r ? ",\n " : "{", out);
        acn_json_text(out, cell(table, r, 0));
        fputs(": ", out);
        print_json_cell(cell(table, r, 1), is_number(cell(table, r, 1)), out);
    }
    fputs("}\n", out);
}

void acn_table_visit(const acn_table *table, void (*visit)(void *context, const char *const *cells),
                     void *context) {
    for (int r = 0; r < table->rows; r++)
        visit(context, (const char *const *)table->cells + r * table->columns);
}

int acn_table_rows(const acn_table *table) { return table->rows; }

void acn_table_free(acn_table *table) {
    for (int i = 0; i < table->rows * table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
}
