#include "linux/ipc/pollable_file.h"

#include "lib/format.h"
#include "lib/string.h"
#include "linux/ipc/epoll.h"

namespace runtime {

namespace {

constexpr uint64_t kAnonymousDevice = 15;  // st_dev, 0:15
uint64_t g_last_inode = 0;

}  // namespace

void PollableFile::last_reference_gone() {
  if (__atomic_load_n(&registration_count_, __ATOMIC_ACQUIRE) != 0) Epoll::forget(this);
  delete this;
}

Result<void> AnonymousFile::stat(Stat* result) {
  fill_anonymous_stat(result, 0600, 1);
  return {};
}

size_t AnonymousFile::describe(char* buffer, size_t capacity) {
  return format(buffer, capacity, "anon_inode:%s", name_);
}

uint64_t next_anonymous_inode() {
  return __atomic_add_fetch(&g_last_inode, 1, __ATOMIC_RELAXED) + 1;
}

void fill_anonymous_stat(Stat* result, uint32_t mode, uint64_t inode) {
  memset(result, 0, sizeof(*result));
  result->device = kAnonymousDevice;
  result->inode = inode;
  result->links = 1;
  result->mode = mode;
  result->block_size = 4096;
  const uint64_t now = wall_clock_nanoseconds();
  const TimeSpec time = {static_cast<int64_t>(now / kNanosecondsPerSecond),
                         static_cast<int64_t>(now % kNanosecondsPerSecond)};
  result->access_time = result->modify_time = result->change_time = time;
}

}  // namespace runtime
