// Structures and constants of the Linux x86-64 ABI that several families of system calls share.
#pragma once

#include <stdint.h>

namespace runtime {

/// struct timespec, clock_gettime(2).
struct TimeSpec {
  int64_t seconds;
  int64_t nanoseconds;
};

/// struct timeval, gettimeofday(2).
struct TimeValue {
  int64_t seconds;
  int64_t microseconds;
};

/// struct stat on x86-64, stat(2).
struct Stat {
  uint64_t device;
  uint64_t inode;
  uint64_t links;
  uint32_t mode;
  uint32_t user;
  uint32_t group;
  uint32_t padding;
  uint64_t raw_device;
  int64_t size;
  int64_t block_size;
  int64_t blocks;
  TimeSpec access_time;
  TimeSpec modify_time;
  TimeSpec change_time;
  int64_t reserved[3];
};
static_assert(sizeof(Stat) == 144, "struct stat is 144 bytes on x86-64");

// File types in a mode, inode(7).
constexpr uint32_t kModeTypeMask = 0170000;
constexpr uint32_t kModeSocket = 0140000;
constexpr uint32_t kModeLink = 0120000;
constexpr uint32_t kModeRegular = 0100000;
constexpr uint32_t kModeBlock = 0060000;
constexpr uint32_t kModeDirectory = 0040000;
constexpr uint32_t kModeCharacter = 0020000;
constexpr uint32_t kModeFifo = 0010000;

// Flags of open(2) and fcntl(2).
constexpr int kOpenReadOnly = 0;
constexpr int kOpenWriteOnly = 1;
constexpr int kOpenReadWrite = 2;
constexpr int kOpenAccessMask = 3;
constexpr int kOpenCreate = 0100;
constexpr int kOpenExclusive = 0200;
constexpr int kOpenNoControllingTerminal = 0400;
constexpr int kOpenTruncate = 01000;
constexpr int kOpenAppend = 02000;
constexpr int kOpenNonBlocking = 04000;
constexpr int kOpenDirect = 040000;
constexpr int kOpenDirectory = 0200000;
constexpr int kOpenNoFollow = 0400000;
constexpr int kOpenCloseOnExec = 02000000;
constexpr int kOpenPath = 010000000;
constexpr int kOpenTemporaryFile = 020200000;
constexpr int kAtCurrentDirectory = -100;
// fcntl(2) commands that only pipes know: handed to File::ioctl of a Kind::Pipe description.
constexpr uint32_t kFcntlSetPipeSize = 1031;
constexpr uint32_t kFcntlGetPipeSize = 1032;

// Readiness bits of poll(2) and epoll(7).
constexpr uint32_t kPollIn = 0x001;
constexpr uint32_t kPollPriority = 0x002;
constexpr uint32_t kPollOut = 0x004;
constexpr uint32_t kPollError = 0x008;
constexpr uint32_t kPollHangUp = 0x010;
constexpr uint32_t kPollInvalid = 0x020;
constexpr uint32_t kPollReadNormal = 0x040;
constexpr uint32_t kPollWriteNormal = 0x100;
constexpr uint32_t kPollReadHangUp = 0x2000;

}  // namespace runtime
