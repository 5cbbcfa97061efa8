// The order of all locks, and the check that it is kept.
//
// A lock may be taken only while holding locks of LOWER ranks. Mutexes, which sleep, come before all spinlocks:
// whoever holds a spinlock must not sleep. Two locks of one rank are never held at once.
//
// The check is compiled in with RUNTIME_LOCK_CHECKS, a CMake option that is on in Debug builds only. A wrong
// order ends in a panic that names both locks, whether or not it would have blocked this time.
#pragma once

#include <stdint.h>

namespace runtime {

/// Spinlocks.
enum class LockRank : uint8_t {
  FileTable = 1,  // the descriptor table
  FileSystem,     // attributes of files, locks on them
  Pipe,           // one pipe, socket, eventfd, timerfd, epoll instance
  Memory,         // the address space: areas and page tables
  FileContent,    // one file's pages, which a page fault asks for
  Signal,         // pending sets, handlers
  Futex,          // the futex table
  AcpiEvents,     // ACPICA's event blocks and reference counts
  AcpiHardware,   // ACPICA's hardware registers; the deferred work of ACPI
  WaitQueue,      // one wait queue's list
  Readiness,      // the ready lists of all epoll instances
  Timer,          // the timer queue
  Scheduler,      // one CPU's run queue, the table of threads
  Heap,           // the kernel heap
  Frames,         // the physical frame allocator
  PciCommand,     // command registers of PCI functions
  Device,         // PCI configuration ports, I/O APICs, the table of device interrupts
  Log,            // log ring and console
};
constexpr unsigned kLockRankCount = static_cast<unsigned>(LockRank::Log);

/// Mutexes.
enum class MutexRank : uint8_t {
  PciSearch = 1,  // the search for PCI devices
  PciNotes,       // what is noted of their interrupts
  PciBars,        // where their registers are
  BrokerLife,     // the network service's coming and going
  BrokerCreate,   // the table of sockets grows
  EpollRegistry,  // which epoll instance watches which
  Epoll,          // the registrations of one epoll instance
  FilePosition,   // the offset of one open file
  FileText,       // the text of one generated file
  UnixState,      // whether one Unix socket is bound (to a name in the tree), listens, is connected
  FileTree,       // names and directories
  FileWrite,      // the size and contents of one file
  FilePublished,  // the texts that the system publishes as files
  Inotify,        // one inotify instance
  UnixChannel,    // the bytes on their way through one connection
  Pipe,           // the bytes in one pipe
  Netlink,        // one netlink socket
  EndpointSend,   // the send ring of one socket
  EndpointReceive,  // the receive ring of one socket
  TerminalPrepare,  // terminals are made
  TerminalBlocks,   // their memory is taken
  TerminalOutput,   // the output ring of one terminal
  TerminalInput,    // the input ring of one terminal
  Arena,            // the memory that rings are made of
  BrokerPublished,  // addresses and routes that the network service publishes
};
constexpr unsigned kMutexRankCount = static_cast<unsigned>(MutexRank::BrokerPublished);

/// Their names, for messages.
const char* lock_rank_name(unsigned rank);
const char* mutex_rank_name(unsigned rank);

/// The ranks of what one CPU (spinlocks) or one thread (mutexes) holds.
class HeldRanks {
 public:
  bool may_take(unsigned rank) const { return held_ < 1u << rank; }
  void add(unsigned rank) { held_ |= 1u << rank; }
  void remove(unsigned rank) { held_ &= ~(1u << rank); }
  bool is_empty() const { return held_ == 0; }
  bool operator==(const HeldRanks& other) const { return held_ == other.held_; }
  /// 0 when nothing is held.
  unsigned highest() const { return held_ ? 31 - static_cast<unsigned>(__builtin_clz(held_)) : 0; }

 private:
  uint32_t held_ = 0;
};
static_assert(kLockRankCount < 32 && kMutexRankCount < 32, "a word has a bit for each rank");

}  // namespace runtime
