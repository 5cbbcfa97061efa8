// Open file descriptions that take their epoll registrations along when they go.
#pragma once

#include "lib/list.h"
#include "linux/file.h"
#include "linux/ipc/epoll_item.h"

namespace runtime {

/// Base of every kind that is made for waiting: pipes, sockets, event descriptors. An epoll
/// registration does not keep such a description open; it vanishes with the last reference, as
/// epoll(7) says (question 6).
class PollableFile : public File {
 public:
  explicit PollableFile(int status_flags) : File(status_flags) {}

 protected:
  /// Ends the registrations, then deletes. May sleep.
  void last_reference_gone() override;

 private:
  friend class Epoll;

  List<EpollItem, &EpollItem::file_node> registrations_;  // guarded by the epoll registry mutex
  uint32_t registration_count_ = 0;                       // atomic; last to change on removal
};

/// A description without a name in the file system (eventfd and the like).
class AnonymousFile : public PollableFile {
 public:
  /// `name` is a literal as /proc/self/fd shows it after "anon_inode:", e.g. "[eventfd]".
  AnonymousFile(int status_flags, const char* name) : PollableFile(status_flags), name_(name) {}

  Result<void> stat(Stat* result) override;
  size_t describe(char* buffer, size_t capacity) override;

 private:
  const char* name_;
};

/// A number for st_ino of a pipe or socket; never given twice.
uint64_t next_anonymous_inode();
/// Fills `result` for an object without a name: mode, inode number, one link, now as its times.
void fill_anonymous_stat(Stat* result, uint32_t mode, uint64_t inode);

}  // namespace runtime
