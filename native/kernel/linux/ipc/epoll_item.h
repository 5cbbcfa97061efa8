// One registration of an epoll instance: which file is watched for what.
#pragma once

#include "linux/file.h"

namespace runtime {

class Epoll;

/// Locks: `mask` is written under both the instance's mutex and the readiness lock, and
/// `ready_node` lives under the readiness lock; `file_node` under the registry mutex; the rest is
/// written under the instance's mutex, or never.
struct EpollItem {
  Epoll* epoll = nullptr;
  File* file = nullptr;
  RefPtr<File> held;  // set for kinds that cannot take their registrations along
  int descriptor = -1;
  uint32_t mask = 0;  // events and flags, as epoll_ctl(2) got them
  uint64_t data = 0;
  WaitEntry entry;
  ListNode ready_node;  // in Epoll::ready_
  ListNode file_node;   // in PollableFile::registrations_
  EpollItem* next_same_descriptor = nullptr;
};

}  // namespace runtime
