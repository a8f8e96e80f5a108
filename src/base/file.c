/* file.c - see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

acn_status acn_file_map(const char *path, const char *expected, void **out_bytes,
                        size_t *out_size) {
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool is_file = file >= 0 && fstat(file, &about) == 0 && S_ISREG(about.st_mode);
    size_t size = is_file ? (size_t)about.st_size : 0;
    const char *cause = file < 0 ? strerror(errno) : is_file ? "it is empty" : "it is no file";
    void *bytes = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
    if (size && bytes == MAP_FAILED) cause = strerror(errno);
    bool is_scarce = size && bytes == MAP_FAILED && errno == ENOMEM;
    if (file >= 0) close(file);
    if (is_scarce)
        return acn_fail(ACN_BAD_ALLOC, "no address space for the %zu bytes of %s", size, path);
    if (bytes == MAP_FAILED)
        return acn_fail(ACN_INVALID_FILE, "%s cannot be opened (%s); give %s", path, cause,
                        expected);
    *out_bytes = bytes;
    *out_size = size;
    return ACN_OK;
}
