// The kernel's heap under names of its own: runtime::allocate is the host's here. The operators that
// it also defines stay unused, because the dynamic linker finds the C++ library's first.
#include "lib/format.h"
#include "lib/list.h"
#include "lib/new.h"
#include "linux/process_info.h"
#include "memory/buddy.h"
#include "memory/frames.h"
#include "sync/spinlock.h"

#define allocate heap_allocate
#define deallocate heap_deallocate
#include "memory/heap.cpp"
