// The endpoints by id, and what the parts of this folder ask of broker.cpp.
#pragma once

#include "broker/endpoint.h"

namespace runtime {

/// Whether a network service runs.
enum class ServiceState : uint8_t {
  Awaited,   // not yet, or not at the moment: requests wait
  Attached,  // yes
  Absent,    // no, and there will be none: requests fail
};
ServiceState service_state();

/// Puts a socket into the service's attention list and rings the doorbell when the service may sleep.
void push_to_service(uint32_t id);

/// Makes an endpoint with a block of its own. Errors: NoMemory, NoBuffers (65535 sockets exist).
Result<RefPtr<Endpoint>> create_endpoint(uint32_t kind, int family);
/// Takes an endpoint out of the table, and its rings away. Does nothing the second time.
void retire_endpoint(Endpoint* endpoint);

// Atomic counts of BrokerStatistics.
BrokerStatistics& broker_counts();
inline void count(uint64_t& counter) { __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED); }

// Words in shared memory. Sequentially consistent, as the arguments in broker.cpp need.
template <typename T>
T load(const T& word) {
  return __atomic_load_n(&word, __ATOMIC_SEQ_CST);
}
template <typename T, typename V>
void store(T& word, V value) {
  __atomic_store_n(&word, static_cast<T>(value), __ATOMIC_SEQ_CST);
}

}  // namespace runtime
