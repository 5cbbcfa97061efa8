// The table of endpoints, attention, and the lives of the service.
//
// Why no wake-up is lost, to the service. A thread changes the block, then
//     A1  exchanges service_queued with 1; was it 1 already, it is done
//     A2  links the block into service_attention
//     A3  looks at service_awake and rings the doorbell when it is 0
// and the service, before it waits,
//     B1  sets service_awake to 0
//     B2  looks at service_attention and does not wait when it is not 0
// All are sequentially consistent. Either A2 comes before B2: then the service sees the block. Or B2
// comes before A2, so B1 comes before A3: then the thread rings. The doorbell is an event that stays set
// until it is taken, so ringing before the service waits is as good. When A1 found 1, whoever set it
// does A2 and A3; and the service stores 0 before it looks at the block, so it sees this thread's
// change, which came before A1.
//
// To the kernel. The service links blocks into kernel_attention and calls broker_notify afterwards, on
// the same thread: nothing can be in between. Threads link themselves into a wait queue before they
// test what they wait for (sched/wait_queue.h).
#include "broker/broker.h"

#include "broker/inet_socket.h"
#include "broker/published.h"
#include "broker/table.h"
#include "lib/format.h"
#include "lib/new.h"

namespace runtime {

namespace {

constexpr uint32_t kGroupSize = 512;
constexpr uint32_t kGroups = RUNTIME_SOCKET_MAXIMUM / kGroupSize;

/// Which endpoint has which id.
struct Table {
  Endpoint** groups[kGroups] = {};  // each kGroupSize entries, with a reference for each
  uint32_t next_id = 1;             // never used yet
  Vector<uint32_t> free_ids;
  uint64_t count = 0;

  Endpoint*& slot(uint32_t id) { return groups[id / kGroupSize][id % kGroupSize]; }
};
Locked<Table> g_table(LockRank::Pipe);
Mutex g_create_mutex(MutexRank::BrokerCreate);
/// One at a time: a life begins or ends.
Mutex g_life_mutex(MutexRank::BrokerLife);
ServiceState g_state = ServiceState::Awaited;  // atomic
void (*g_doorbell)() = nullptr;                // atomic
BrokerStatistics g_counts = {};

RefPtr<Endpoint> find(uint32_t id) {
  return g_table.with([id](Table& table) {
    if (id == 0 || id >= table.next_id) return RefPtr<Endpoint>();
    return RefPtr<Endpoint>(table.slot(id));
  });
}

/// A block that one of the lists still leads through keeps its place in them: the id rests.
bool is_at_rest(uint32_t id) {
  const RuntimeSocketBlock& block = arena().socket_block(id);
  return load(block.service_queued) == 0 && load(block.kernel_queued) == 0;
}

/// Takes an id: one that was used before, so that the table stays small. Errors: NoMemory, NoBuffers.
Result<uint32_t> take_id() {
  uint32_t id = g_table.with([](Table& table) -> uint32_t {
    for (size_t i = table.free_ids.size(); i-- > 0;) {
      const uint32_t candidate = table.free_ids[i];
      if (!is_at_rest(candidate)) continue;
      table.free_ids[i] = table.free_ids.back();
      table.free_ids.pop();
      return candidate;
    }
    return 0;
  });
  if (id) return id;
  id = g_table.with([](Table& table) { return table.next_id; });
  if (id == RUNTIME_SOCKET_MAXIMUM) return Errno::NoBuffers;
  Result<void> prepared = arena().prepare_block(id);
  if (prepared.is_error()) return prepared.error();
  Endpoint** group = nullptr;
  if (id == 1 || id % kGroupSize == 0) {
    group = static_cast<Endpoint**>(allocate(kGroupSize * sizeof(Endpoint*)));
    if (!group) return Errno::NoMemory;
    memset(group, 0, kGroupSize * sizeof(Endpoint*));
  }
  // So that giving the id back never needs memory.
  const bool has_room = g_table.with([id, group](Table& table) {
    if (table.free_ids.reserve(id).is_error()) return false;
    if (group) table.groups[id / kGroupSize] = group;
    table.next_id = id + 1;
    return true;
  });
  if (!has_room) {
    deallocate(group);
    return Errno::NoMemory;
  }
  return id;
}

/// The lists are empty: no block is in one, whatever the service left behind.
void clear_attention_marks() {
  const uint32_t end = g_table.with([](Table& table) { return table.next_id; });
  for (uint32_t id = 1; id < end; ++id) {
    store(arena().socket_block(id).service_queued, 0u);
    store(arena().socket_block(id).kernel_queued, 0u);
  }
}

/// Calls `visit(Endpoint&)` for each endpoint, without the table's lock.
template <typename Visit>
void for_each_endpoint(Visit visit) {
  const uint32_t end = g_table.with([](Table& table) { return table.next_id; });
  for (uint32_t id = 1; id < end; ++id) {
    RefPtr<Endpoint> endpoint = find(id);
    if (endpoint) visit(*endpoint);
  }
}

}  // namespace

ServiceState service_state() { return load(g_state); }

BrokerStatistics& broker_counts() { return g_counts; }

void push_to_service(uint32_t id) {
  RuntimeSharedPage& page = arena().shared_page();
  RuntimeSocketBlock& block = arena().socket_block(id);
  if (__atomic_exchange_n(&block.service_queued, 1u, __ATOMIC_SEQ_CST) != 0) return;  // A1
  uint32_t newest = load(page.service_attention);
  do {
    store(block.service_next, newest);
  } while (!__atomic_compare_exchange_n(&page.service_attention, &newest, id, false,  // A2
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  if (load(page.service_awake)) return;  // A3
  void (*const ring)() = load(g_doorbell);
  if (!ring) return;
  count(g_counts.doorbells);
  ring();
}

Result<RefPtr<Endpoint>> create_endpoint(uint32_t kind, int family) {
  Result<void> prepared = arena().prepare();
  if (prepared.is_error()) return prepared.error();
  MutexGuard guard(g_create_mutex);
  Result<uint32_t> id = take_id();
  if (id.is_error()) return id.error();
  RefPtr<Endpoint> endpoint = RefPtr<Endpoint>::adopt(new Endpoint(id.value(), kind, family));
  if (!endpoint) {
    const uint32_t unused = id.value();
    g_table.with([unused](Table& table) { (void)table.free_ids.push(unused).is_error(); });
    return Errno::NoMemory;
  }
  RuntimeSocketBlock& block = arena().socket_block(id.value());
  memset(&block, 0, sizeof(block));
  block.family = static_cast<uint32_t>(family);
  store(block.kind, kind);
  endpoint->retain();  // the table's
  Endpoint* const raw = endpoint.get();
  g_table.with([raw](Table& table) {
    table.slot(raw->id()) = raw;
    ++table.count;
  });
  return endpoint;
}

void retire_endpoint(Endpoint* endpoint) {
  const uint32_t id = endpoint->id();
  const bool was_there = g_table.with([endpoint, id](Table& table) {
    if (table.slot(id) != endpoint) return false;
    table.slot(id) = nullptr;
    --table.count;
    return true;
  });
  if (!was_there) return;
  endpoint->retire();
  store(arena().socket_block(id).kind, 0u);
  g_table.with([id](Table& table) { (void)table.free_ids.push(id).is_error(); });  // has room
  endpoint->release();
}

void broker_initialise() {
  static const SocketFamily kFamilies[] = {
      {kFamilyInternetV4, create_inet_socket_v4, nullptr},
      {kFamilyInternetV6, create_inet_socket_v6, nullptr},
  };
  for (const SocketFamily& family : kFamilies) add_socket_family(&family);
  publish_initialise();
}

// --- Lives of the service ------------------------------------------------------------------------

void broker_set_doorbell(void (*ring)()) { store(g_doorbell, ring); }

Result<ArenaView> broker_attach() {
  MutexGuard guard(g_life_mutex);
  if (service_state() == ServiceState::Attached) return Errno::Busy;
  Result<void> prepared = arena().prepare();
  if (prepared.is_error()) return prepared.error();
  RuntimeSharedPage& page = arena().shared_page();
  store(page.service_attention, 0u);
  store(page.kernel_attention, 0u);
  store(page.service_awake, 1u);
  store(page.epoch, load(page.epoch) + 1);
  store(g_state, ServiceState::Attached);
  for_each_endpoint([](Endpoint& endpoint) { endpoint.begin_life(); });
  return arena().view();
}

void broker_detach() {
  MutexGuard guard(g_life_mutex);
  if (service_state() != ServiceState::Attached) return;
  store(g_state, ServiceState::Awaited);
  RuntimeSharedPage& page = arena().shared_page();
  store(page.service_attention, 0u);
  store(page.kernel_attention, 0u);
  store(page.service_awake, 0u);
  for_each_endpoint([](Endpoint& endpoint) {
    endpoint.end_life();
    // Also connections that no application has seen yet: their handshakes are worth nothing now.
    if (endpoint.is_closed() || endpoint.has_listener()) retire_endpoint(&endpoint);
  });
  clear_attention_marks();
  arena().free_all_of_service();
}

void broker_no_service() {
  {
    MutexGuard guard(g_life_mutex);
    if (service_state() == ServiceState::Attached) return;
    store(g_state, ServiceState::Absent);
  }
  for_each_endpoint([](Endpoint& endpoint) { endpoint.wake_requesters(); });
  release_file_waiters();
}

void broker_finish_sending() {
  constexpr uint64_t kLongest = 2 * kNanosecondsPerSecond;
  constexpr uint64_t kStep = 2 * kNanosecondsPerMillisecond;
  const Deadline deadline = Deadline::after(kLongest);
  bool is_first = true;
  bool is_connected = false;
  for (;;) {
    bool is_pending = false;
    for_each_endpoint([&is_pending, &is_connected, is_first](Endpoint& endpoint) {
      if (!endpoint.is_stream() || endpoint.is_listening()) return;
      if (!endpoint.has_flag(RUNTIME_SERVICE_FLAG_CONNECTED)) return;
      if (endpoint.has_flag(RUNTIME_SERVICE_FLAG_GONE)) return;
      if (endpoint.kernel_flags() & RUNTIME_KERNEL_FLAG_RESET) return;
      if (is_first && !endpoint.is_closed()) {
        endpoint.set_kernel_flags(RUNTIME_KERNEL_FLAG_SEND_SHUTDOWN);
        endpoint.call_service();
      }
      is_connected = true;
      const RuntimeSocketBlock& block = arena().socket_block(endpoint.id());
      if (endpoint.unsent_bytes() > 0 || load(block.service_queued) != 0) is_pending = true;
    });
    // A FIN has no byte in the ring: it has left when the service has taken the request for it, and rests.
    if (is_connected && load(arena().shared_page().service_awake) != 0) is_pending = true;
    if (!is_pending || deadline.has_passed()) return;
    if (service_state() != ServiceState::Attached) return;
    is_first = false;
    WaitQueue nobody;  // there is no event for "everything": it is looked at again and again
    (void)nobody.wait([] { return false; }, Deadline::after(kStep), false);
  }
}

uint32_t broker_notify() {
  if (service_state() != ServiceState::Attached) return 0;
  RuntimeSharedPage& page = arena().shared_page();
  uint32_t id = __atomic_exchange_n(&page.kernel_attention, 0u, __ATOMIC_SEQ_CST);
  uint32_t taken = 0;
  // The bound ends a list that the service has made a circle.
  while (id != 0 && taken < RUNTIME_SOCKET_MAXIMUM) {
    RefPtr<Endpoint> endpoint = find(id);
    const uint32_t end = g_table.with([](Table& table) { return table.next_id; });
    if (id >= end) {
      count(g_counts.bad_calls);
      break;
    }
    RuntimeSocketBlock& block = arena().socket_block(id);
    id = load(block.kernel_next);
    store(block.kernel_queued, 0u);
    if (endpoint) endpoint->attend();
    ++taken;
  }
  return taken;
}

int32_t broker_accept(uint32_t listener_id) {
  RefPtr<Endpoint> listener = find(listener_id);
  if (!listener || !listener->is_listening() || listener->is_closed() || listener->is_stopped()) {
    return -static_cast<int32_t>(Errno::Invalid);
  }
  Result<RefPtr<Endpoint>> created = create_endpoint(listener->kind(), listener->family());
  if (created.is_error()) return -static_cast<int32_t>(Errno::NoMemory);
  Endpoint& endpoint = *created.value();
  endpoint.adopt_connection(listener);
  return static_cast<int32_t>(endpoint.id());
}

int32_t broker_resize(uint32_t socket, uint32_t direction, uint32_t capacity) {
  RefPtr<Endpoint> endpoint = find(socket);
  if (!endpoint) return -static_cast<int32_t>(Errno::Invalid);
  Result<void> resized = endpoint->resize(direction, capacity);
  return resized.is_error() ? -static_cast<int32_t>(resized.error()) : 0;
}

void broker_release(uint32_t socket) {
  RefPtr<Endpoint> endpoint = find(socket);
  if (endpoint && (endpoint->is_closed() || endpoint->has_listener())) {
    retire_endpoint(endpoint.get());
  } else if (endpoint && endpoint->is_lost()) {
    endpoint->forget_announcement();  // ended for bad indices; the app has its descriptor still
  } else {
    count(g_counts.bad_calls);
  }
}

Result<ArenaBlock> arena_allocate(size_t size, bool contiguous) {
  if (!arena().is_ready()) return Errno::Invalid;
  return arena().allocate(size, contiguous, ArenaOwner::Service);
}

void arena_free(uint32_t offset) {
  if (!arena().is_ready() || !arena().free(offset, ArenaOwner::Service)) count(g_counts.bad_calls);
}

BrokerStatistics broker_statistics() {
  BrokerStatistics result = g_counts;
  result.arena_bytes = arena().used();
  result.arena_limit = arena().limit();
  result.sockets = g_table.with([](Table& table) { return table.count; });
  return result;
}

}  // namespace runtime
