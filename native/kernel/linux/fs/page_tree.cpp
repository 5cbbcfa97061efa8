#include "linux/fs/page_tree.h"

#include "lib/new.h"
#include "lib/string.h"

namespace runtime {

/// Pages that a tree of `height` levels reaches.
uint64_t PageTree::capacity(unsigned height) {
  const unsigned bits = height * kBits;
  return bits >= 64 ? UINT64_MAX : 1ull << bits;
}

PageTree::Node* PageTree::new_node() {
  void* memory = allocate(sizeof(Node));
  if (memory) memset(memory, 0, sizeof(Node));
  return static_cast<Node*>(memory);
}

void PageTree::free_node(uint64_t slot, unsigned height) {
  if (!slot || height == 0) return;
  Node* node = node_of(slot);
  if (height > 1) {
    for (uint64_t child : node->slots) free_node(child, height - 1);
  }
  deallocate(node);
}

uint64_t PageTree::get(uint64_t index) const {
  if (index >= capacity(height_)) return 0;
  uint64_t slot = root_;
  for (unsigned level = height_; level > 0 && slot; --level) {
    slot = node_of(slot)->slots[(index >> ((level - 1) * kBits)) & (kSlots - 1)];
  }
  return slot;
}

Result<void> PageTree::set(uint64_t index, uint64_t value) {
  while (index >= capacity(height_)) {
    if (root_) {
      Node* node = new_node();
      if (!node) return Errno::NoMemory;
      node->slots[0] = root_;
      node->used = 1;
      root_ = reinterpret_cast<uint64_t>(node);
    }
    ++height_;
  }
  uint64_t* slot = &root_;
  Node* owner = nullptr;
  for (unsigned level = height_; level > 0; --level) {
    if (!*slot) {
      Node* node = new_node();
      if (!node) {
        // Nodes made on the way down may be left empty; they are found and reused or freed later.
        return Errno::NoMemory;
      }
      *slot = reinterpret_cast<uint64_t>(node);
      if (owner) ++owner->used;
    }
    owner = node_of(*slot);
    slot = &owner->slots[(index >> ((level - 1) * kBits)) & (kSlots - 1)];
  }
  if (!*slot && owner) ++owner->used;
  *slot = value;
  return {};
}

/// Clears `index` below `slot` and frees nodes that became empty; returns true when `slot` did.
bool PageTree::clear_in(uint64_t* slot, unsigned height, uint64_t index) {
  if (!*slot) return false;
  if (height > 0) {
    Node* node = node_of(*slot);
    uint64_t* child = &node->slots[(index >> ((height - 1) * kBits)) & (kSlots - 1)];
    if (clear_in(child, height - 1, index)) --node->used;
    if (node->used != 0) return false;
    deallocate(node);
  }
  *slot = 0;
  return true;
}

void PageTree::clear(uint64_t index) {
  if (index >= capacity(height_)) return;
  if (clear_in(&root_, height_, index)) height_ = 0;
}

bool PageTree::next_in(uint64_t slot, unsigned height, uint64_t index, uint64_t base,
                       uint64_t* found, uint64_t* value) {
  if (!slot) return false;
  if (height == 0) {
    *found = base;
    *value = slot;
    return true;
  }
  const unsigned shift = (height - 1) * kBits;
  const unsigned first = index > base ? static_cast<unsigned>((index - base) >> shift) : 0;
  for (unsigned i = first; i < kSlots; ++i) {
    const uint64_t child_base = base + (static_cast<uint64_t>(i) << shift);
    if (next_in(node_of(slot)->slots[i], height - 1, index, child_base, found, value)) return true;
  }
  return false;
}

bool PageTree::next(uint64_t index, uint64_t* found, uint64_t* value) const {
  if (index >= capacity(height_)) return false;
  return next_in(root_, height_, index, 0, found, value);
}

}  // namespace runtime
