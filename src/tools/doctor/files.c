/* files.c - small questions about files and commands. */
#define _GNU_SOURCE
#include "tools/doctor/doctor.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool acn_path_exists(const char *format, ...) {
    char *path = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&path, format, arguments) < 0) abort();
    va_end(arguments);
    bool exists = access(path, F_OK) == 0;
    free(path);
    return exists;
}

char *acn_command_line(const char *command) {
    char *line = NULL;
    size_t capacity = 0;
    FILE *answer = popen(command, "re");
    if (!answer) return NULL;
    ssize_t length = getline(&line, &capacity, answer);
    if (pclose(answer) != 0 || length <= 1) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    return line;
}
