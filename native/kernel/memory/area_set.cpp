#include "memory/area_set.h"

namespace runtime {

size_t AreaSet::first_ending_after(uint64_t address) const {
  size_t low = 0;
  size_t high = areas_.size();
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (areas_[middle]->end > address) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

Area* AreaSet::find(uint64_t address) {
  const size_t index = first_ending_after(address);
  if (index == areas_.size() || areas_[index]->start > address) return nullptr;
  return areas_[index];
}

Result<void> AreaSet::insert(Area* area) {
  return areas_.insert(first_ending_after(area->start), area);
}

Result<void> AreaSet::split(uint64_t address) {
  const size_t index = first_ending_after(address);
  if (index == areas_.size() || areas_[index]->start >= address) return {};
  Area* low = areas_[index];
  Area* high = new Area();
  if (!high) return Errno::NoMemory;
  high->start = address;
  high->end = low->end;
  high->protection = low->protection;
  high->is_shared = low->is_shared;
  high->name = low->name;
  high->object = low->object;
  high->file = low->file;
  high->offset = low->offset + (address - low->start);
  Result<void> inserted = areas_.insert(index + 1, high);
  if (inserted.is_error()) {
    delete high;
    return inserted;
  }
  low->end = address;
  return {};
}

Result<void> AreaSet::split_at_borders(uint64_t start, uint64_t end) {
  Result<void> done = split(start);
  if (done.is_error()) return done;
  return split(end);
}

bool AreaSet::covers(uint64_t start, uint64_t end) const {
  size_t index = first_ending_after(start);
  while (start < end) {
    if (index == areas_.size() || areas_[index]->start > start) return false;
    start = areas_[index++]->end;
  }
  return true;
}

bool AreaSet::is_free(uint64_t start, uint64_t end) const {
  const size_t index = first_ending_after(start);
  return index == areas_.size() || areas_[index]->start >= end;
}

uint64_t AreaSet::find_free(uint64_t size, uint64_t alignment, uint64_t bottom,
                            uint64_t top) const {
  size_t index = first_ending_after(top);
  if (index < areas_.size() && areas_[index]->start < top) top = areas_[index]->start;
  for (;;) {
    const uint64_t floor = index > 0 ? max_of(areas_[index - 1]->end, bottom) : bottom;
    if (top >= floor && top - floor >= size) {
      const uint64_t start = align_down(top - size, alignment);
      if (start >= floor) return start;
    }
    if (index == 0 || areas_[index - 1]->start <= bottom) return 0;
    top = areas_[--index]->start;
  }
}

bool AreaSet::can_merge(const Area& low, const Area& high) {
  return low.end == high.start && low.protection == high.protection &&
         low.is_shared == high.is_shared && low.name == high.name && low.object == high.object &&
         low.file == high.file &&
         (!low.object || low.offset + (low.end - low.start) == high.offset);
}

uint64_t AreaSet::mapped_bytes() const {
  uint64_t bytes = 0;
  for (const Area* area : areas_) bytes += area->end - area->start;
  return bytes;
}

}  // namespace runtime
