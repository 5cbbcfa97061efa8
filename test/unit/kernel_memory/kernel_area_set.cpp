// The kernel's set of areas, with `new` made one that fails when a test asks for it.
#include "host_memory.h"
#include "memory/area_set.h"

#define new new (host_memory::kHeap)
#include "memory/area_set.cpp"
