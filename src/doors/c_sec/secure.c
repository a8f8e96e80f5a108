/* secure.c - libc_sec.so: string and memory functions that know the size of what they write to.
 *
 * Clients link them as part of the toolkit. On a mistake the destination is emptied, so that nobody
 * goes on with half a result, and the code says which mistake: a null or odd argument, a size out
 * of range, or overlap. Lengths beyond 2 GiB count as mistakes.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    SECURE_INVALID = 22,
    SECURE_RANGE = 34,
    SECURE_OVERLAP = 54,
    SECURE_AND_RESET = 128,
    SECURE_MAX_BYTES = 0x7fffffff,
};

static int overlaps(const void *a, size_t a_bytes, const void *b, size_t b_bytes) {
    const uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x < y + b_bytes && y < x + a_bytes;
}

int memset_s(void *dest, size_t destMax, int c, size_t count) {
    if (destMax == 0 || destMax > SECURE_MAX_BYTES) return SECURE_RANGE;
    if (dest == NULL) return SECURE_INVALID;
    if (count > destMax) {
        memset(dest, c, destMax);
        return SECURE_RANGE | SECURE_AND_RESET;
    }
    memset(dest, c, count);
    return 0;
}

/* What memcpy_s and memmove_s have in common: 0 when the copy may be done. */
static int check_copy(void *dest, size_t dest_bytes, const void *src, size_t count) {
    if (dest_bytes == 0 || dest_bytes > SECURE_MAX_BYTES) return SECURE_RANGE;
    if (dest == NULL) return SECURE_INVALID;
    if (src != NULL && count <= dest_bytes) return 0;
    memset(dest, 0, dest_bytes);
    return SECURE_AND_RESET | (src == NULL ? SECURE_INVALID : SECURE_RANGE);
}

int memmove_s(void *dest, size_t destMax, const void *src, size_t count) {
    const int code = check_copy(dest, destMax, src, count);
    if (code == 0) memmove(dest, src, count);
    return code;
}

int memcpy_s(void *dest, size_t destMax, const void *src, size_t count) {
    const int code = check_copy(dest, destMax, src, count);
    if (code != 0 || dest == src) return code;
    if (overlaps(dest, count, src, count)) {
        memset(dest, 0, destMax);
        return SECURE_OVERLAP | SECURE_AND_RESET;
    }
    memcpy(dest, src, count);
    return 0;
}

/* Appends at most |count| characters of |src| at |used|, and the end mark. */
static int append(char *dest, size_t dest_bytes, size_t used, const char *src, size_t count) {
    const size_t length = strnlen(src, count);
    if (length >= dest_bytes - used) {
        dest[0] = '\0';
        return SECURE_RANGE | SECURE_AND_RESET;
    }
    if (dest + used != src && overlaps(dest, dest_bytes, src, length + 1) &&
        overlaps(dest + used, length + 1, src, length + 1)) {
        dest[0] = '\0';
        return SECURE_OVERLAP | SECURE_AND_RESET;
    }
    memmove(dest + used, src, length);
    dest[used + length] = '\0';
    return 0;
}

static int check_string(char *dest, size_t dest_bytes, const char *src) {
    if (dest_bytes == 0 || dest_bytes > SECURE_MAX_BYTES) return SECURE_RANGE;
    if (dest == NULL) return SECURE_INVALID;
    if (src != NULL) return 0;
    dest[0] = '\0';
    return SECURE_INVALID | SECURE_AND_RESET;
}

int strncpy_s(char *strDest, size_t destMax, const char *strSrc, size_t count) {
    const int code = check_string(strDest, destMax, strSrc);
    return code != 0 ? code : append(strDest, destMax, 0, strSrc, count);
}

int strcpy_s(char *strDest, size_t destMax, const char *strSrc) {
    return strncpy_s(strDest, destMax, strSrc, destMax);
}

int strcat_s(char *strDest, size_t destMax, const char *strSrc) {
    const int code = check_string(strDest, destMax, strSrc);
    if (code != 0) return code;
    const size_t used = strnlen(strDest, destMax);
    if (used == destMax) {
        strDest[0] = '\0';
        return SECURE_RANGE | SECURE_AND_RESET;
    }
    return append(strDest, destMax, used, strSrc, destMax);
}

/* Characters written, or -1. At most |count| are kept: cutting there is a -1 that leaves the cut
 * text, while a destination that is too small for |count| is left empty. */
int vsnprintf_s(char *strDest, size_t destMax, size_t count, const char *format, va_list argList) {
    if (strDest == NULL || destMax == 0 || destMax > SECURE_MAX_BYTES) return -1;
    strDest[0] = '\0';
    if (format == NULL || count > SECURE_MAX_BYTES) return -1;
    const size_t room = count < destMax ? count + 1 : destMax;
    const int length = vsnprintf(strDest, room, format, argList);
    if (length >= 0 && (size_t)length < room) return length;
    if (length < 0 || count >= destMax) strDest[0] = '\0';
    return -1;
}

int snprintf_s(char *strDest, size_t destMax, size_t count, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf_s(strDest, destMax, count, format, arguments);
    va_end(arguments);
    return length;
}

int vsprintf_s(char *strDest, size_t destMax, const char *format, va_list argList) {
    return vsnprintf_s(strDest, destMax, destMax, format, argList);
}

int sprintf_s(char *strDest, size_t destMax, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsprintf_s(strDest, destMax, format, arguments);
    va_end(arguments);
    return length;
}
