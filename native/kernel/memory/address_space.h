// The application's address space: areas, what is mapped in them, and page faults.
#pragma once

#include "lib/result.h"
#include "lib/vector.h"
#include "linux/file.h"
#include "memory/mappable.h"
#include "memory/page_table.h"
#include "sync/spinlock.h"

namespace runtime {

constexpr uint8_t kProtectionRead = 1;
constexpr uint8_t kProtectionWrite = 2;
constexpr uint8_t kProtectionExecute = 4;

/// Lowest address that may be mapped: a null pointer with a large offset must fault.
constexpr uint64_t kLowestAddress = 0x10000;

enum class AreaName : uint8_t { None, Stack, Heap, Vvar, Vdso, Arena };

/// A run of pages with the same protection and the same origin.
struct Area {
  uint64_t start = 0;
  uint64_t end = 0;
  uint8_t protection = 0;
  bool is_shared = false;
  AreaName name = AreaName::None;
  RefPtr<Mappable> object;  // empty: anonymous memory
  RefPtr<File> file;        // for /proc/self/maps
  uint64_t offset = 0;      // bytes into the object at `start`
};

struct MapRequest {
  uint64_t address = 0;
  uint64_t size = 0;
  uint8_t protection = 0;
  bool is_fixed = false;
  bool no_replace = false;
  bool is_shared = false;
  AreaName name = AreaName::None;
  RefPtr<Mappable> object;
  RefPtr<File> file;
  uint64_t offset = 0;
};

enum class FaultOutcome { Resolved, NoMapping, NoAccess, PastEnd, OutOfMemory };

class AddressSpace {
 public:
  static void initialise(bool fixed_layout);

  /// mmap(2) core; returns the address. Errors: NoMemory, Invalid, Exists (no_replace), Perm (too
  /// low).
  static Result<uint64_t> map(MapRequest request);
  /// munmap(2) core. Errors: NoMemory (a split needs memory).
  static Result<void> unmap(uint64_t start, uint64_t size);
  /// mprotect(2) core. Errors: NoMemory when part of the range is not mapped, Access when a shared
  /// mapping of a file that is open for reading only would become writable.
  static Result<void> protect(uint64_t start, uint64_t size, uint8_t protection);
  /// mremap(2) core. Errors: Fault, NoMemory, Invalid.
  static Result<uint64_t> remap(uint64_t address, uint64_t old_size, uint64_t new_size,
                                bool may_move, bool is_fixed, uint64_t new_address);
  /// MADV_DONTNEED: the pages' content goes; private memory reads as zeroes or file content again.
  static Result<void> discard(uint64_t start, uint64_t size);
  /// True when every page of the range lies in an area.
  static bool is_mapped(uint64_t start, uint64_t size);
  /// Whether the page at `address` is resident.
  static bool is_resident(uint64_t address);
  /// brk(2): sets the end of the heap; returns the current end.
  static uint64_t set_break(uint64_t end);
  static void set_break_start(uint64_t start);

  /// The file and object mapped at `address` with the area's start and offset; false when none is.
  static bool find_file(uint64_t address, RefPtr<File>* file, RefPtr<Mappable>* object);
  /// The lowest address at which `file` is mapped.
  static uint64_t lowest_mapping_of(File* file);

  /// Brings in the page that a fault asked for. `access` is one kProtection bit.
  static FaultOutcome handle_fault(uint64_t address, uint8_t access);
};

/// Maps `pages` zeroed pages for the kernel, with an unmapped guard page below; returns the lowest
/// mapped address. Errors: NoMemory.
Result<uint64_t> map_kernel_stack(size_t pages);
void unmap_kernel_stack(uint64_t address, size_t pages);
/// Maps device registers uncached for the kernel. Errors: NoMemory.
Result<void*> map_device(PhysAddr address, size_t size);
/// Takes the boot identity map down; the lower half is the application's from then on.
void drop_identity_map();

}  // namespace runtime
