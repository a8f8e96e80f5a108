/* ask.c - small questions to files and commands. */
#define _GNU_SOURCE
#include "tools/tool.h"
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

FILE *acn_command_open(const char *command, const char *a, const char *b) {
    if (setenv("ACN_A", a ? a : "", 1) != 0 || setenv("ACN_B", b ? b : "", 1) != 0) abort();
    fflush(NULL);
    FILE *answer = popen(command, "re");
    unsetenv("ACN_A");
    unsetenv("ACN_B");
    return answer;
}

char *acn_command_line(const char *command, const char *a, const char *b) {
    char *line = NULL;
    size_t capacity = 0;
    FILE *answer = acn_command_open(command, a, b);
    if (!answer) return NULL;
    ssize_t length = getline(&line, &capacity, answer);
    if (pclose(answer) != 0 || length <= 1) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    return line;
}
