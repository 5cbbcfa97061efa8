#include "linux/fd_table.h"

#include "lib/vector.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

struct Slot {
  RefPtr<File> file;
  bool close_on_exec = false;
};

struct Table {
  Vector<Slot> slots;
  int lowest_free = 0;  // no descriptor below it is free

  bool is_open(int descriptor) {
    return descriptor >= 0 && static_cast<size_t>(descriptor) < slots.size() &&
           slots[static_cast<size_t>(descriptor)].file;
  }
  Slot& at(int descriptor) { return slots[static_cast<size_t>(descriptor)]; }
};

Locked<Table> table(LockRank::FileTable);

}  // namespace

Result<int> fd_install(RefPtr<File> file, bool close_on_exec, int minimum) {
  return table.with([&](Table& table) -> Result<int> {
    int descriptor = max_of(minimum, table.lowest_free);
    while (table.is_open(descriptor)) ++descriptor;
    if (descriptor >= kMaximumDescriptors) return Errno::TooManyFiles;
    if (static_cast<size_t>(descriptor) >= table.slots.size()) {
      Result<void> grown = table.slots.resize(static_cast<size_t>(descriptor) + 1);
      if (grown.is_error()) return grown.error();
    }
    table.at(descriptor).file = move(file);
    table.at(descriptor).close_on_exec = close_on_exec;
    if (minimum <= table.lowest_free) table.lowest_free = descriptor + 1;
    return descriptor;
  });
}

Result<RefPtr<File>> fd_get(int descriptor) {
  return table.with([&](Table& table) -> Result<RefPtr<File>> {
    if (!table.is_open(descriptor)) return Errno::BadFile;
    return table.at(descriptor).file;
  });
}

Result<void> fd_close(int descriptor) {
  // The description may go away with its last descriptor: outside the table's lock.
  RefPtr<File> closed = table.with([&](Table& table) {
    RefPtr<File> file;
    if (!table.is_open(descriptor)) return file;
    swap_values(file, table.at(descriptor).file);
    table.lowest_free = min_of(table.lowest_free, descriptor);
    return file;
  });
  if (!closed) return Errno::BadFile;
  closed->descriptor_closed();
  return {};
}

Result<void> fd_replace(int target, RefPtr<File> file, bool close_on_exec) {
  if (target < 0 || target >= kMaximumDescriptors) return Errno::BadFile;
  Result<void> replaced = table.with([&](Table& table) -> Result<void> {
    if (static_cast<size_t>(target) >= table.slots.size()) {
      Result<void> grown = table.slots.resize(static_cast<size_t>(target) + 1);
      if (grown.is_error()) return grown;
    }
    swap_values(table.at(target).file, file);
    table.at(target).close_on_exec = close_on_exec;
    return {};
  });
  if (replaced.is_error()) return replaced;
  if (file) file->descriptor_closed();
  return {};
}

Result<bool> fd_close_on_exec(int descriptor) {
  return table.with([&](Table& table) -> Result<bool> {
    if (!table.is_open(descriptor)) return Errno::BadFile;
    return table.at(descriptor).close_on_exec;
  });
}

Result<void> fd_set_close_on_exec(int descriptor, bool close_on_exec) {
  return table.with([&](Table& table) -> Result<void> {
    if (!table.is_open(descriptor)) return Errno::BadFile;
    table.at(descriptor).close_on_exec = close_on_exec;
    return {};
  });
}

int fd_next(int from) {
  return table.with([&](Table& table) {
    for (int descriptor = max_of(from, 0); static_cast<size_t>(descriptor) < table.slots.size();
         ++descriptor) {
      if (table.is_open(descriptor)) return descriptor;
    }
    return -1;
  });
}

}  // namespace runtime
