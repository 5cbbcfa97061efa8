// A sparse array from page index to a 64-bit entry: a radix tree with 64 slots per node.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/result.h"

namespace runtime {

/// Lookups and changes cost the tree's height: 2 up to 16 MiB of pages, 4 up to 64 GiB. The first
/// page needs no node. An entry of 0 means none.
class PageTree {
 public:
  PageTree() = default;
  PageTree(const PageTree&) = delete;
  PageTree& operator=(const PageTree&) = delete;
  /// The nodes go; what the entries stand for is the owner's business (see `take_from`).
  ~PageTree() { free_node(root_, height_); }

  uint64_t get(uint64_t index) const;
  /// Sets entry `index`; `value` is not 0. Errors: NoMemory.
  Result<void> set(uint64_t index, uint64_t value);
  /// Sets entry `index` to 0.
  void clear(uint64_t index);
  /// Finds the first entry at or after `index`; returns false when there is none.
  bool next(uint64_t index, uint64_t* found, uint64_t* value) const;
  bool is_empty() const { return root_ == 0; }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1u << kBits;
  struct Node {
    uint64_t slots[kSlots];  // entries at height 1, else pointers to nodes
    unsigned used;
  };

  static uint64_t capacity(unsigned height);
  static Node* node_of(uint64_t slot) { return reinterpret_cast<Node*>(slot); }
  static Node* new_node();
  static void free_node(uint64_t slot, unsigned height);
  static bool clear_in(uint64_t* slot, unsigned height, uint64_t index);
  static bool next_in(uint64_t slot, unsigned height, uint64_t index, uint64_t base,
                      uint64_t* found, uint64_t* value);

  uint64_t root_ = 0;  // height 0: the entry of page 0, else a pointer to a node
  unsigned height_ = 0;
};

}  // namespace runtime
