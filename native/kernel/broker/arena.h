// Memory that kernel, network service and devices share (native/abi/broker.abi.ts).
//
//   0          4 KiB                 32 MiB    64 MiB                                    1 GiB
//   +----------+---------------------+---------+------------------------------------------+
//   | shared   | table of socket     | unused  | parts of 4 MiB: rings, packets, memory   |
//   | page     | blocks              |         | for devices, in blocks of 2^n pages      |
//   +----------+---------------------+---------+------------------------------------------+
//
// The address space is reserved once and keeps its place; frames are behind a page only while it is in
// use. Together they are at most a quarter of the machine's memory, so that peers who make the network
// buffer data cannot starve the app.
#pragma once

#include <shared_memory.h>

#include "broker/broker.h"
#include "broker/page_buddy.h"
#include "lib/vector.h"
#include "sync/mutex.h"

namespace runtime {

/// Who a block belongs to: the service's go with its life.
enum class ArenaOwner : uint8_t { Kernel, Service };

class Arena {
 public:
  /// Reserves the address space and maps the shared page, on first use. Errors: NoMemory.
  Result<void> prepare();
  bool is_ready() const { return __atomic_load_n(&base_, __ATOMIC_ACQUIRE) != 0; }
  ArenaView view() const;

  RuntimeSharedPage& shared_page() { return *at<RuntimeSharedPage>(0); }
  /// The block of a socket, whose page `prepare_block` has mapped.
  RuntimeSocketBlock& socket_block(uint32_t id) {
    return *at<RuntimeSocketBlock>(RUNTIME_SOCKET_TABLE_OFFSET + id * sizeof(RuntimeSocketBlock));
  }
  /// Maps the page that a block lies in. It stays mapped: a late look at it must not fault.
  /// Errors: NoMemory.
  Result<void> prepare_block(uint32_t id);
  uint8_t* bytes(uint32_t offset) { return at<uint8_t>(offset); }

  /// Takes `size` bytes, rounded up to a power of two of pages. Zeroed for the service; rings of the
  /// kernel may hold old bytes. Errors: Invalid, NoMemory.
  Result<ArenaBlock> allocate(uint64_t size, bool contiguous, ArenaOwner owner);
  /// Gives a block back; false when there is none at `offset` that belongs to `owner`.
  bool free(uint32_t offset, ArenaOwner owner);
  /// Frees all that the service has.
  void free_all_of_service();

  /// Bytes in use, and how many may be.
  uint64_t used() const { return __atomic_load_n(&used_, __ATOMIC_RELAXED); }
  uint64_t limit() const { return limit_; }

 private:
  static constexpr uint32_t kPartSize = PageBuddy::kPages * static_cast<uint32_t>(kPageSize);
  static constexpr uint32_t kParts = (RUNTIME_ARENA_SIZE - RUNTIME_ARENA_HEAP_OFFSET) / kPartSize;
  static constexpr uint32_t kTablePages =
      RUNTIME_SOCKET_MAXIMUM * sizeof(RuntimeSocketBlock) / static_cast<uint32_t>(kPageSize);
  static constexpr uint32_t kMostParts = 16;  // in one block: 64 MiB

  template <typename T>
  T* at(uint32_t offset) {
    return reinterpret_cast<T*>(base_ + offset);
  }
  bool charge(uint64_t bytes);
  void uncharge(uint64_t bytes) { __atomic_sub_fetch(&used_, bytes, __ATOMIC_RELAXED); }
  uint32_t take_pages(unsigned order);
  uint32_t take_parts(uint32_t count);
  uint32_t give_back(uint32_t offset);

  /// Rings of short connections come and go: some small blocks keep their frames for the next.
  struct Spare {
    static constexpr unsigned kMost = 8;
    uint32_t offsets[kMost];
    unsigned count = 0;
  };
  static constexpr unsigned kSpareOrders = 3;  // 4, 8 and 16 KiB: at most 224 KiB in all
  int order_of(uint32_t offset) const;
  bool free_pages(uint32_t offset);
  bool free_spares();

  /// A part of the arena: in pieces, or the first or a later one of a block of several parts.
  struct Part {
    PageBuddy* pages = nullptr;
    uint16_t whole = 0;  // parts in the block that begins here
    bool is_inside = false;
  };

  Mutex mutex_{MutexRank::Arena};
  uint64_t base_ = 0;  // atomic: 0 until prepared
  uint64_t used_ = 0;  // atomic
  uint64_t limit_ = 0;
  Part parts_[kParts];
  uint8_t table_pages_[kTablePages / 8] = {};  // which are mapped
  Vector<uint32_t> service_blocks_;
  Spare spares_[kSpareOrders];
};

/// The one arena.
Arena& arena();

}  // namespace runtime
