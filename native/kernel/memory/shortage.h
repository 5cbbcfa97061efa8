// When memory runs short: the application is told while there still is some, and a thread for which there is no
// page waits until the application has given some back.
//
// One thread of the application waits to be told, and then has collectors and allocators give back what they
// do not need.
#pragma once

#include "time/clock.h"

namespace runtime {

/// Blocks the calling thread until memory is short (less is free than a quarter of what the image leaves, at
/// least 4 MiB, at most 64 MiB) and `not_before` has passed, or until a thread waits for a page.
void await_memory_shortage(Deadline not_before);

/// Tells who waits, when memory is short. For a thread that has taken a page; no lock may be held.
void notice_memory_shortage();

/// For a thread that needs a page when there is none: asks for memory, and waits until there is some. Returns
/// false when nobody gives any back for a second. No lock may be held.
bool await_free_memory();

}  // namespace runtime
