#include "host_environment.h"

#include <cstdlib>
#include <cstring>
#include <utility>

namespace host_terminal {

namespace {

constexpr size_t kBlocks = 4096;  // the first page is no block, so that 0 is no offset
size_t used = 2 * kBlocks;
size_t limit = kMemoryBytes;
runtime::TerminalServiceState state = runtime::TerminalServiceState::Absent;
std::vector<int> signals;
unsigned notifications = 0;
bool is_service = false;

}  // namespace

uint8_t* memory() {
  static auto* const bytes = static_cast<uint8_t*>(std::calloc(1, kMemoryBytes));
  return bytes;
}

void set_memory_limit(size_t bytes) { limit = bytes; }
void set_service_state(runtime::TerminalServiceState changed) { state = changed; }
void become_service(bool becomes) { is_service = becomes; }
std::vector<int> take_signals() { return std::exchange(signals, {}); }
unsigned take_notifications() { return std::exchange(notifications, 0); }

}  // namespace host_terminal

namespace runtime {

using namespace host_terminal;

Result<RuntimeTerminalBlock*> terminal_blocks() {
  return reinterpret_cast<RuntimeTerminalBlock*>(memory() + kBlocks);
}

uint32_t terminal_blocks_offset() { return kBlocks; }

Result<TerminalMemory> allocate_terminal_ring(uint32_t capacity) {
  if (used + capacity > limit) return Errno::NoMemory;
  TerminalMemory ring;
  ring.offset = static_cast<uint32_t>(used);
  ring.bytes = memory() + used;
  used += capacity;
  return ring;
}

void free_terminal_ring(const TerminalMemory&) {}
uint32_t largest_terminal_ring() { return 1024 * 1024; }
TerminalServiceState terminal_service_state() { return state; }
void notify_terminal_service() { ++notifications; }
bool is_terminal_service() { return is_service; }
void signal_app(int number) { signals.push_back(number); }

}  // namespace runtime
