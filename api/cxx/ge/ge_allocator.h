/* ge_allocator.h - memory of a program's own, for the outputs of graphs that run on a stream. */
#ifndef GE_GE_ALLOCATOR_H
#define GE_GE_ALLOCATOR_H

#include <cstddef>
#include <memory>

namespace ge {

class Allocator;

/* A piece of memory, which its allocator makes and takes back. */
class MemBlock {
  public:
    MemBlock(Allocator &allocator, void *addr, size_t block_size)
        : allocator_(allocator), addr_(addr), count_(1U), block_size_(block_size) {}
    virtual ~MemBlock() = default;

    const void *GetAddr() const { return addr_; }
    void *GetAddr() { return addr_; }
    size_t GetSize() const { return block_size_; }
    void SetSize(const size_t mem_size) { block_size_ = mem_size; }
    /* Goes back to the allocator when nobody holds it any more. */
    void Free();
    void AddCount() { count_++; }
    size_t SubCount() { return --count_; }
    size_t GetCount() const { return count_; }

  private:
    Allocator &allocator_;
    void *addr_;
    size_t count_;
    size_t block_size_;
};

class Allocator {
  public:
    Allocator() = default;
    virtual ~Allocator() = default;
    Allocator(const Allocator &) = delete;
    Allocator &operator=(const Allocator &) = delete;

    virtual MemBlock *Malloc(size_t size) = 0;
    virtual void Free(MemBlock *block) = 0;
    /* Memory at |addr|, if that can be. */
    virtual MemBlock *MallocAdvise(size_t size, void *addr) {
        (void)addr;
        return Malloc(size);
    }
};

using AllocatorPtr = std::shared_ptr<Allocator>;

inline void MemBlock::Free() {
    if (SubCount() == 0U) allocator_.Free(this);
}

} /* namespace ge */

#endif
