// Page-table entries. Source: Intel SDM volume 3, 4.5 (4-level paging).
#pragma once

#include <stdint.h>

#include "lib/types.h"

namespace runtime {

constexpr uint64_t kPagePresent = 1ull << 0;
constexpr uint64_t kPageWrite = 1ull << 1;
constexpr uint64_t kPageUser = 1ull << 2;
constexpr uint64_t kPageWriteThrough = 1ull << 3;
constexpr uint64_t kPageCacheDisable = 1ull << 4;
constexpr uint64_t kPageAccessed = 1ull << 5;
constexpr uint64_t kPageDirty = 1ull << 6;
constexpr uint64_t kPageLarge = 1ull << 7;
constexpr uint64_t kPageGlobal = 1ull << 8;
/// Ours: the frame belongs to this mapping alone, so it may be written without a copy.
constexpr uint64_t kPageOwned = 1ull << 9;
/// Ours: the mapping is shared with its file.
constexpr uint64_t kPageShared = 1ull << 10;
constexpr uint64_t kPageNoExecute = 1ull << 63;
constexpr uint64_t kPageAddressMask = 0x000ffffffffff000ull;

constexpr unsigned kLevels = 4;
/// Bytes that one entry of `level` (1: page table … 4: root) spans.
constexpr uint64_t level_span(unsigned level) { return kPageSize << (9 * (level - 1)); }
constexpr unsigned level_index(uint64_t address, unsigned level) {
  return address >> (12 + 9 * (level - 1)) & 511;
}

}  // namespace runtime
