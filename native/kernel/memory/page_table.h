// Page tables: the one tree that all threads share. The caller holds the memory lock.
#pragma once

#include "arch/x86_64/paging.h"
#include "lib/result.h"
#include "lib/types.h"
#include "smp/shootdown.h"

namespace runtime {

class TranslationFlush;

/// A tree of page tables. In the kernel there is one; on the host, tests build more over fake memory.
class PageTable {
 public:
  explicit PageTable(PhysAddr root) : root_(root) {}

  /// The entry that maps the 4 KiB page at `address`, or null when a table on the way is missing or
  /// the address lies in a large page.
  uint64_t* find(uint64_t address);
  /// Whether reading at `address` would not fault. Of any address, also one that is not canonical.
  bool translates(uint64_t address) const;
  /// As `find`, creating tables on the way; splits a large page. Errors: NoMemory.
  Result<uint64_t*> find_or_create(uint64_t address);
  /// The level-2 entry for `address`, creating tables above it. Errors: NoMemory.
  Result<uint64_t*> directory_entry(uint64_t address);

  /// Calls `visit(uint64_t page, uint64_t* entry, uint64_t size)` for each leaf in [start, end) that
  /// is not empty: present ones, and those that the owner of the tree keeps out of reach for now.
  /// The range lies in the lower half; size is 4 KiB or 2 MiB. Large pages that the range cuts are
  /// split first; when no table can be had for that, the walk stops with NoMemory.
  template <typename Visit>
  Result<void> for_each_present(uint64_t start, uint64_t end, Visit visit) {
    return walk(root_, kLevels, 0, start, end, &visit_thunk<Visit>, &visit);
  }

  /// Frees tables that lie wholly inside [start, end), whose leaves must all be gone.
  void free_tables(uint64_t start, uint64_t end, TranslationFlush* flush);
  /// Bytes in tables that this object allocated.
  uint64_t table_bytes() const { return table_bytes_; }

 private:
  using Thunk = void (*)(void* visit, uint64_t page, uint64_t* entry, uint64_t size);
  template <typename Visit>
  static void visit_thunk(void* visit, uint64_t page, uint64_t* entry, uint64_t size) {
    (*static_cast<Visit*>(visit))(page, entry, size);
  }

  Result<void> walk(PhysAddr table, unsigned level, uint64_t table_start, uint64_t start,
                    uint64_t end, Thunk thunk, void* visit);
  Result<uint64_t*> descend(uint64_t address, unsigned to_level);
  Result<void> split(uint64_t* entry);
  void free_below(PhysAddr table, unsigned level, uint64_t table_start, uint64_t start,
                  uint64_t end, TranslationFlush* flush);

  PhysAddr root_;
  uint64_t table_bytes_ = 0;
};

/// Drops the translation of one page on this CPU.
void flush_page(uint64_t address);
/// Drops all translations of the application.
void flush_all_pages();

/// Collects pages whose translations changed, and the frames that they gave up. At the end of the scope,
/// or when there are many, all CPUs forget the translations, and only then are the frames given back.
/// The memory lock is held all the while.
class TranslationFlush {
 public:
  TranslationFlush() = default;
  TranslationFlush(const TranslationFlush&) = delete;
  TranslationFlush& operator=(const TranslationFlush&) = delete;
  ~TranslationFlush() { finish(); }

  /// The page's translation changed.
  void add(uint64_t page) {
    if (page_count_ < kMostSinglePages) pages_[page_count_] = page;
    if (page_count_ <= kMostSinglePages) ++page_count_;
  }
  /// Drops a reference to a frame once no CPU can reach it any more.
  void release_later(PhysAddr frame);
  void finish();

 private:
  static constexpr unsigned kMostFrames = 128;
  uint64_t pages_[kMostSinglePages];
  uint64_t frames_[kMostFrames];
  unsigned page_count_ = 0;
  unsigned frame_count_ = 0;
};

}  // namespace runtime
