#include "sync/lock_order.h"

namespace runtime {

namespace {

// In the order of the enumerations.
const char* const kLockNames[] = {
    "nothing", "FileTable",  "FileSystem",   "Pipe",      "Memory",    "FileContent", "Signal",
    "Futex",   "AcpiEvents", "AcpiHardware", "WaitQueue", "Readiness", "Timer",       "Scheduler",
    "Heap",    "Frames",     "PciCommand",   "Device",    "Log",
};
const char* const kMutexNames[] = {
    "nothing",         "PciSearch",      "PciNotes",       "PciBars",       "BrokerLife",
    "BrokerCreate",    "EpollRegistry",  "Epoll",          "FilePosition",  "FileText",
    "UnixState",       "FileTree",       "FileWrite",      "FilePublished", "Inotify",
    "UnixChannel",     "Pipe",           "Netlink",        "EndpointSend",  "EndpointReceive",
    "TerminalPrepare", "TerminalBlocks", "TerminalOutput", "TerminalInput", "Arena",
    "BrokerPublished",
};
static_assert(sizeof(kLockNames) / sizeof(kLockNames[0]) == kLockRankCount + 1, "each has a name");
static_assert(sizeof(kMutexNames) / sizeof(kMutexNames[0]) == kMutexRankCount + 1,
              "each has a name");

}  // namespace

const char* lock_rank_name(unsigned rank) {
  return rank <= kLockRankCount ? kLockNames[rank] : "unknown";
}

const char* mutex_rank_name(unsigned rank) {
  return rank <= kMutexRankCount ? kMutexNames[rank] : "unknown";
}

}  // namespace runtime
