/* elf.c - the few things that the doctor wants to know of an ELF file: its machine and the
 * libraries that it asks for. Files come from outside, so every offset is checked. 64 bits,
 * little-endian. */
#include "tools/doctor/doctor.h"
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct image {
    const char *bytes;
    size_t size;
} image;

static bool map_file(const char *path, image *out) {
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    void *memory = MAP_FAILED;
    if (fstat(file, &info) == 0 && (size_t)info.st_size >= sizeof(Elf64_Ehdr))
        memory = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (memory == MAP_FAILED) return false;
    *out = (image){memory, (size_t)info.st_size};
    const unsigned char *ident = memory;
    if (memcmp(ident, ELFMAG, SELFMAG) == 0 && ident[EI_CLASS] == ELFCLASS64 &&
        ident[EI_DATA] == ELFDATA2LSB)
        return true;
    munmap(memory, out->size);
    return false;
}

/* |bytes| at |offset|, or NULL when they do not lie in the file. */
static const void *at(const image *file, uint64_t offset, uint64_t bytes) {
    if (offset > file->size || bytes > file->size - offset) return NULL;
    return file->bytes + offset;
}

const char *acn_elf_machine(const char *path) {
    image file;
    if (!map_file(path, &file)) return NULL;
    Elf64_Half machine = ((const Elf64_Ehdr *)file.bytes)->e_machine;
    munmap((void *)file.bytes, file.size);
    return machine == EM_X86_64 ? "x86_64" : machine == EM_AARCH64 ? "aarch64" : NULL;
}

/* Where in the file a virtual address lies. */
static uint64_t offset_of(const Elf64_Phdr *headers, int count, uint64_t address) {
    for (int i = 0; i < count; i++) {
        if (headers[i].p_type != PT_LOAD || address < headers[i].p_vaddr) continue;
        if (address - headers[i].p_vaddr < headers[i].p_filesz)
            return address - headers[i].p_vaddr + headers[i].p_offset;
    }
    return UINT64_MAX;
}

static void visit_needed(const image *file, const Elf64_Phdr *headers, int count,
                         void (*visit)(void *context, const char *name), void *context) {
    const Elf64_Dyn *entries = NULL;
    uint64_t length = 0, names = UINT64_MAX, names_bytes = 0;
    for (int i = 0; i < count; i++) {
        if (headers[i].p_type != PT_DYNAMIC) continue;
        entries = at(file, headers[i].p_offset, headers[i].p_filesz);
        length = headers[i].p_filesz / sizeof *entries;
    }
    for (uint64_t i = 0; entries && i < length && entries[i].d_tag != DT_NULL; i++) {
        if (entries[i].d_tag == DT_STRTAB) names = offset_of(headers, count, entries[i].d_un.d_ptr);
        if (entries[i].d_tag == DT_STRSZ) names_bytes = entries[i].d_un.d_val;
    }
    const char *table = at(file, names, names_bytes);
    for (uint64_t i = 0; table && i < length && entries[i].d_tag != DT_NULL; i++) {
        uint64_t start = entries[i].d_un.d_val;
        if (entries[i].d_tag != DT_NEEDED || start >= names_bytes) continue;
        if (memchr(table + start, '\0', names_bytes - start)) visit(context, table + start);
    }
}

bool acn_elf_needed(const char *path, void (*visit)(void *context, const char *name),
                    void *context) {
    image file;
    if (!map_file(path, &file)) return false;
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)file.bytes;
    const Elf64_Phdr *headers = at(&file, head->e_phoff, (uint64_t)head->e_phnum * sizeof *headers);
    if (headers) visit_needed(&file, headers, head->e_phnum, visit, context);
    munmap((void *)file.bytes, file.size);
    return headers != NULL;
}
