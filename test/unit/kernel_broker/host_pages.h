// The page tables under the arena, on a host.
#pragma once

#include <stdint.h>

namespace host {

/// Pages of the arena that have memory behind them now.
int64_t arena_pages();
/// Lets so many more pages be taken; negative: no limit.
void limit_arena_pages(int64_t count);

}  // namespace host
