/* file.h - files as memory. */
#ifndef ACN_BASE_FILE_H
#define ACN_BASE_FILE_H

#include "base/status.h"
#include <stddef.h>

/* Maps a regular file that is not empty for reading; |expected| ("a readable .om file") is what the
 * error asks for. To be given to munmap. */
acn_status acn_file_map(const char *path, const char *expected, void **out_bytes, size_t *out_size);

#endif
