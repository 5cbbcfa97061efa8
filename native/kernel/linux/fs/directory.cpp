// TreeDirectory: entries hashed by name, and listed by a cookie that grows with every new entry, so
// that a reader's position stays right while entries come and go.
#include "lib/format.h"
#include "linux/fs/inode.h"

namespace runtime {

namespace {

constexpr uint64_t kMaximumLinks = 1u << 20;
constexpr size_t kFirstBuckets = 8;

/// FNV-1a, 32 bits.
uint32_t hash_name(StringView name) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < name.size; ++i) {
    hash = (hash ^ static_cast<uint8_t>(name[i])) * 16777619u;
  }
  return hash;
}

}  // namespace

TreeDirectory::~TreeDirectory() {
  // Only a tree that was never published can have entries here.
  for (Slot& slot : ordered_) {
    if (!slot.entry) continue;
    slot.entry->name_node.unlink();
    delete slot.entry;
  }
  deallocate(buckets_);
}

DirectoryEntry* TreeDirectory::lookup(StringView name, uint32_t hash) const {
  if (!bucket_count_) return nullptr;
  DirectoryEntry* entry = buckets_[hash & (bucket_count_ - 1)];
  while (entry && (entry->hash != hash || entry->name.view() != name)) {
    entry = entry->next_in_bucket;
  }
  return entry;
}

Result<void> TreeDirectory::build_now() {
  const Builder build = builder_;
  builder_ = nullptr;
  return build ? build(this) : Result<void>();
}

Result<RefPtr<Inode>> TreeDirectory::find(StringView name) {
  Result<void> built = build_now();
  if (built.is_error()) return built.error();
  DirectoryEntry* entry = lookup(name, hash_name(name));
  if (!entry) return Errno::NoEntry;
  return entry->inode;
}

Result<void> TreeDirectory::grow_buckets() {
  const size_t count = bucket_count_ ? bucket_count_ * 2 : kFirstBuckets;
  DirectoryEntry** buckets =
      static_cast<DirectoryEntry**>(allocate(count * sizeof(DirectoryEntry*)));
  if (!buckets) return Errno::NoMemory;
  memset(buckets, 0, count * sizeof(DirectoryEntry*));
  for (Slot& slot : ordered_) {
    if (!slot.entry) continue;
    DirectoryEntry*& head = buckets[slot.entry->hash & (count - 1)];
    slot.entry->next_in_bucket = head;
    head = slot.entry;
  }
  deallocate(buckets_);
  buckets_ = buckets;
  bucket_count_ = count;
  return {};
}

/// Index in ordered_ of the first slot at or after `cookie`.
size_t TreeDirectory::position_of(uint64_t cookie) const {
  size_t low = 0;
  size_t high = ordered_.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (ordered_[middle].cookie < cookie) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool TreeDirectory::next(uint64_t cookie, Item* item) {
  if (build_now().is_error()) return false;
  for (size_t i = position_of(cookie); i < ordered_.size(); ++i) {
    DirectoryEntry* entry = ordered_[i].entry;
    if (!entry) continue;
    item->cookie = entry->cookie;
    item->number = entry->inode->number();
    item->type = entry->inode->type();
    memcpy(item->name, entry->name.c_string(), entry->name.view().size + 1);
    return true;
  }
  return false;
}

void TreeDirectory::attach(DirectoryEntry* entry, RefPtr<Inode> inode) {
  inode->names_.push_back(entry);
  if (inode->is_directory()) {
    with_attributes([](InodeAttributes& attributes) { ++attributes.links; });
  } else {
    inode->with_attributes([](InodeAttributes& attributes) { ++attributes.links; });
  }
  entry->inode = move(inode);
}

void TreeDirectory::detach(DirectoryEntry* entry) {
  entry->name_node.unlink();
  if (entry->inode->is_directory()) {
    with_attributes([](InodeAttributes& attributes) { --attributes.links; });
  } else {
    entry->inode->with_attributes([](InodeAttributes& attributes) { --attributes.links; });
  }
}

Result<void> TreeDirectory::add(StringView name, RefPtr<Inode> inode) {
  if (!inode->is_directory() && inode->link_count() >= kMaximumLinks) return Errno::TooManyLinks;
  if (count_ >= bucket_count_) {
    Result<void> grown = grow_buckets();
    if (grown.is_error()) return grown;
  }
  DirectoryEntry* entry = new DirectoryEntry();
  if (!entry) return Errno::NoMemory;
  entry->directory = this;
  entry->hash = hash_name(name);
  entry->cookie = next_cookie_;
  if (!entry->name.assign(name) || ordered_.push(Slot{next_cookie_, entry}).is_error()) {
    delete entry;
    return Errno::NoMemory;
  }
  ++next_cookie_;
  ++count_;
  DirectoryEntry*& head = buckets_[entry->hash & (bucket_count_ - 1)];
  entry->next_in_bucket = head;
  head = entry;
  attach(entry, move(inode));
  return {};
}

Result<void> TreeDirectory::remove(StringView name) {
  DirectoryEntry* entry = lookup(name, hash_name(name));
  if (!entry) return Errno::NoEntry;
  DirectoryEntry** link = &buckets_[entry->hash & (bucket_count_ - 1)];
  while (*link != entry) link = &(*link)->next_in_bucket;
  *link = entry->next_in_bucket;
  ordered_[position_of(entry->cookie)].entry = nullptr;
  --count_;
  detach(entry);
  delete entry;
  compact();
  return {};
}

/// Drops the slots of removed entries once they are the majority; cookies stay as they are.
void TreeDirectory::compact() {
  if (ordered_.size() < 16 || ordered_.size() < count_ * 2) return;
  size_t kept = 0;
  for (Slot& slot : ordered_) {
    if (slot.entry) ordered_[kept++] = slot;
  }
  while (ordered_.size() > kept) ordered_.pop();
}

Result<void> TreeDirectory::replace(StringView name, RefPtr<Inode> inode) {
  DirectoryEntry* entry = lookup(name, hash_name(name));
  if (!entry) return Errno::NoEntry;
  detach(entry);
  attach(entry, move(inode));
  return {};
}

}  // namespace runtime
