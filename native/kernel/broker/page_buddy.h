// Which pages of a part of the arena are in use: pure bookkeeping, tested on the host.
#pragma once

#include <stdint.h>

#include "lib/types.h"

namespace runtime {

/// A buddy allocator over 1024 pages: blocks of 2^order pages, aligned to their size. A binary tree
/// holds, for each node, one more than the order of the largest free block below it (0: none).
class PageBuddy {
 public:
  static constexpr unsigned kOrders = 10;  // the whole part: 2^10 pages
  static constexpr uint32_t kPages = 1u << kOrders;
  static constexpr uint32_t kNone = 0xffffffff;

  PageBuddy() {
    for (uint32_t node = 1; node < 2 * kPages; ++node) {
      free_[node] = static_cast<uint8_t>(order_of_node(node) + 1);
    }
  }

  bool has_room(unsigned order) const { return free_[1] > order; }
  bool is_empty() const { return free_[1] == kOrders + 1; }

  /// The first page of a block, or kNone. The lowest one, so that the rest stays in one piece.
  uint32_t allocate(unsigned order) {
    if (order > kOrders || !has_room(order)) return kNone;
    uint32_t node = 1;
    for (unsigned at = kOrders; at > order; --at)
      node = 2 * node + (free_[2 * node] > order ? 0 : 1);
    free_[node] = 0;
    const uint32_t page = (node << order) - kPages;
    update_above(node);
    return page;
  }

  /// Frees the block that begins at `page`. Returns its order, or -1 when no block begins there.
  int free(uint32_t page) {
    const int order = order_of(page);
    if (order < 0) return -1;
    const uint32_t node = (page + kPages) >> order;
    free_[node] = static_cast<uint8_t>(order + 1);
    update_above(node);
    return order;
  }

  /// Order of the block in use that begins at `page`; -1 when none does.
  int order_of(uint32_t page) const {
    if (page >= kPages) return -1;
    // Below a block in use the tree still looks free; the block is the lowest node that does not.
    uint32_t node = page + kPages;
    int order = 0;
    while (node >= 1 && free_[node] != 0) {
      if (node & 1) return -1;  // only first halves lead up to a block that begins here
      node >>= 1;
      ++order;
    }
    // A node without room is either a block or has two full halves; then a half was met first.
    return node >= 1 ? order : -1;
  }

 private:
  static unsigned order_of_node(uint32_t node) {
    return kOrders - (31 - static_cast<unsigned>(__builtin_clz(node)));
  }
  void update_above(uint32_t node) {
    while (node > 1) {
      node >>= 1;
      const uint8_t low = free_[2 * node], high = free_[2 * node + 1];
      const uint8_t whole = static_cast<uint8_t>(order_of_node(node));
      const bool both_free = low == whole && high == whole;
      free_[node] = both_free ? static_cast<uint8_t>(whole + 1) : max_of(low, high);
    }
  }

  uint8_t free_[2 * kPages];
};

}  // namespace runtime
