// Between the app's sockets and the network service, which runs in the system isolate: the arena that
// both share, and what the service calls. native/abi/broker.abi.ts tells how the arena is laid out
// and who writes what in it.
//
//   linux/ipc/socket.h  Socket            what a descriptor refers to, for system calls
//     inet_socket.h     InternetSocket    AF_INET and AF_INET6 as Linux shows them to the app
//       endpoint.h      Endpoint          the block in shared memory, its rings, requests, waiting threads
//         broker.h      (this file)       the table of endpoints, attention both ways, the service's life
//           arena.h     Arena             memory for blocks, rings and devices
//
// The service may be wrong, so nothing that it writes is believed: offsets and capacities of rings are
// kept in the kernel, indices and records are checked, and what does not fit ends that one socket
// (EIO), never the kernel.
//
// Locks, outermost first: Endpoint's turn to request, its send and receive mutexes, the arena's mutex
// (all of these sleep); then spinlocks as in sync/spinlock.h, those of this folder having rank Pipe.
// The table's lock and an endpoint's are never held together.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/result.h"

namespace runtime {

/// The arena as the service sees it.
struct ArenaView {
  uint64_t address = 0;  // in the application's half; never changes
  uint64_t size = 0;     // bytes: RUNTIME_ARENA_SIZE
};

/// Memory in the arena.
struct ArenaBlock {
  uint32_t offset = 0;    // from the arena's start, a multiple of the page size
  uint32_t size = 0;      // bytes, a power of two
  uint64_t physical = 0;  // bus address of the first byte; 0 when the block is not contiguous
};

/// Adds AF_INET and AF_INET6, /proc/net/* and /etc/resolv.conf. Once, after the file system and the
/// scheduler's data are there and before the app starts.
void broker_initialise();

/// Names how the service is told to look at its attention list: called, without locks, only when
/// the service may be asleep. null: it polls.
void broker_set_doorbell(void (*ring)());

/// The app has ended and the machine is about to: ends the sending side of all connections and waits,
/// at most two seconds, until what the app wrote has been acknowledged and the ends have been sent.
/// May sleep.
void broker_finish_sending();

// What the service calls. One thread at a time.

/// The service starts. Maps the arena on first use, counts the epoch, and asks again for everything
/// that listening and bound datagram sockets had asked for before. Errors: Busy (it runs already),
/// NoMemory.
Result<ArenaView> broker_attach();

/// The service is gone, and devices no longer touch memory: connected sockets get ECONNRESET, requests
/// wait for the next life, memory of `arena_allocate` is freed. Does nothing when none runs.
void broker_detach();

/// There is no network service and will be none: sockets can be made, but binding and connecting
/// answer ENETDOWN, now and for those who wait. A later `broker_attach` takes it back.
void broker_no_service();

/// Looks at the sockets in `kernel_attention` and wakes who waits for them. Returns how many there
/// were.
uint32_t broker_notify();

/// Makes a socket for a connection to `listener`, whose handshake is complete. It takes the
/// listener's options and becomes acceptable when the service pushes it with CONNECTED set. Returns its
/// id, or -EINVAL (no such listener, or it is closed), -ENOMEM.
int32_t broker_accept(uint32_t listener);

/// Gives a ring `capacity` bytes (a power of two from 4096 on), moving its content; 0 frees an empty
/// ring. In a ring of datagrams the records are packed anew, so that head and tail change: read both
/// again. Returns 0, or -EINVAL (no such socket, direction or capacity), -EBUSY (the content does not
/// fit), -ENOMEM (nothing has changed).
int32_t broker_resize(uint32_t socket, uint32_t direction, uint32_t capacity);

/// The service is done with a socket that is CLOSED, or was never offered: its block and rings are
/// freed. Anything else is ignored and counted.
void broker_release(uint32_t socket);

/// Replaces what netlink, ioctl(2) and /proc/net/if_inet6 tell of interfaces. `bytes`:
/// struct RuntimePublishedInterface, each followed by its addresses; refused whole, with a line in
/// the log, when malformed.
void broker_publish_interfaces(const uint8_t* bytes, size_t length);

/// Replaces the content of a file: "net/..." below /proc; "resolv.conf", "hosts" in /etc. Returns 0, or
/// -EINVAL (a name that may not be published), -EFBIG, -ENOMEM.
int32_t broker_publish_file(const char* name, size_t name_length, const char* text, size_t length);

/// Takes zeroed memory for packets or devices, at most 4 MiB when `contiguous`. It belongs to this life
/// of the service. Errors: Invalid (no or too many bytes), NoMemory (also: the share of the machine's
/// memory that the network may take is used up).
Result<ArenaBlock> arena_allocate(size_t size, bool contiguous);
/// Gives a block of `arena_allocate` back. Anything else is ignored and counted.
void arena_free(uint32_t offset);

/// Counts since the start, for statistics and tests.
struct BrokerStatistics {
  uint64_t arena_bytes;       // in use now: blocks, rings, devices
  uint64_t arena_limit;       // how many may be
  uint64_t sockets;           // blocks in use now
  uint64_t doorbells;         // times the service was rung
  uint64_t bad_indices;       // sockets ended for indices or records that the service had wrong
  uint64_t bad_calls;         // releases and frees of what is none
  uint64_t failed_replays;    // requests that a new life of the service refused
  uint64_t lost_connections;  // connections that ended with a life of the service
};
BrokerStatistics broker_statistics();

}  // namespace runtime
