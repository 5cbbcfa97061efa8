// What mmap needs from a file.
#pragma once

#include "lib/ref.h"
#include "lib/result.h"
#include "lib/types.h"

namespace runtime {

/// Content that can be mapped page by page. Implemented by inodes.
class Mappable : public RefCounted {
 public:
  /// The frame that holds page `index` (of 4 KiB), with a reference for the caller. `for_write` is
  /// set for writable shared mappings: the frame must then be the object's own and writable.
  /// The part of the last page past the end reads as zeroes. Errors: Range past the end (becomes
  /// SIGBUS), NoMemory.
  virtual Result<PhysAddr> map_page(uint64_t index, bool for_write) = 0;

  /// Physical address of page `index` when `count` pages from there are contiguous, never change
  /// and never go away (file content in the boot image); PhysAddr(0) when not. Allows large pages.
  virtual PhysAddr contiguous_pages(uint64_t index, uint64_t count) {
    (void)index;
    (void)count;
    return PhysAddr(0);
  }
};

/// What becomes of the copies that private mappings made of pages that are unmapped.
enum class PrivateCopies { Keep, Drop };
constexpr uint64_t kToTheEnd = UINT64_MAX;

/// Takes `count` pages of `object` from `first_page` on out of every mapping; touching them again asks
/// `map_page`. As on Linux, a truncate drops private copies too, a punched hole keeps them.
void unmap_object_pages(Mappable* object, uint64_t first_page, uint64_t count,
                        PrivateCopies copies);

}  // namespace runtime
