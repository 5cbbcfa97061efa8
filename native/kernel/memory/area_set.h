// The ordered set of areas: pure bookkeeping, tested on the host.
#pragma once

#include "lib/result.h"
#include "lib/vector.h"
#include "memory/address_space.h"

namespace runtime {

class AreaSet {
 public:
  size_t count() const { return areas_.size(); }
  Area* at(size_t index) { return areas_[index]; }
  /// Index of the first area that ends after `address`; `count()` when there is none.
  size_t first_ending_after(uint64_t address) const;
  /// The area that contains `address`, or null.
  Area* find(uint64_t address);
  /// Links `area`, which overlaps none. Merges nothing. Errors: NoMemory.
  Result<void> insert(Area* area);
  /// Cuts areas so that [start, end) has borders of its own. Errors: NoMemory.
  Result<void> split_at_borders(uint64_t start, uint64_t end);
  /// Takes all areas in [start, end) out, after `split_at_borders`, and hands each to `take(Area*)`.
  template <typename Take>
  void remove_range(uint64_t start, uint64_t end, Take take) {
    size_t index = first_ending_after(start);
    size_t last = index;
    while (last < areas_.size() && areas_[last]->start < end) take(areas_[last++]);
    areas_.remove_range(index, last - index);
  }
  /// True when the areas cover [start, end) without a hole.
  bool covers(uint64_t start, uint64_t end) const;
  /// True when no area overlaps [start, end).
  bool is_free(uint64_t start, uint64_t end) const;
  /// The highest free range of `size` bytes below `top` and at or above `bottom`, aligned to
  /// `alignment`; 0 when there is none.
  uint64_t find_free(uint64_t size, uint64_t alignment, uint64_t bottom, uint64_t top) const;
  /// Joins neighbours that differ in nothing around [start, end); handed-over areas go to `take`.
  template <typename Take>
  void merge_around(uint64_t start, uint64_t end, Take take) {
    size_t index = first_ending_after(start ? start - 1 : 0);
    while (index + 1 < areas_.size() && areas_[index]->start <= end) {
      if (!can_merge(*areas_[index], *areas_[index + 1])) {
        ++index;
        continue;
      }
      areas_[index]->end = areas_[index + 1]->end;
      take(areas_[index + 1]);
      areas_.remove(index + 1);
    }
  }
  uint64_t mapped_bytes() const;

 private:
  static bool can_merge(const Area& low, const Area& high);
  Result<void> split(uint64_t address);

  Vector<Area*> areas_;
};

}  // namespace runtime
