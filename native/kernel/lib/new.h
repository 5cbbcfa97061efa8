// Kernel heap and placement new. `new T` returns null when memory is exhausted (-fcheck-new).
#pragma once

#include <stddef.h>

#ifdef RUNTIME_HOST_TEST
#include <new>
#else
inline void* operator new(size_t, void* place) noexcept { return place; }
inline void* operator new[](size_t, void* place) noexcept { return place; }
#endif

namespace runtime {

/// Takes `size` bytes from the kernel heap, aligned to 16, not zeroed. Null when there is no memory.
void* allocate(size_t size);
/// Gives back what `allocate` returned; null is allowed.
void deallocate(void* memory);

}  // namespace runtime
