#include "system_host.h"

#include <v8-isolate.h>
#include <v8-statistics.h>

#include <cstring>
#include <string>

#include "binding_errors.h"
#include "checksum.h"
#include "isolates/children.h"
#include "isolates/device_grant.h"

namespace runtime {

thread_local SystemHost* SystemHost::current_ = nullptr;

SystemHost::SystemHost(const RuntimeKernelInterface& kernel, Doorbell& doorbell,
                       size_t most_channels)
    : kernel_(kernel),
      mailbox_(std::make_shared<Mailbox>(doorbell)),
      channels_(std::make_unique<ChannelTable>(mailbox_, most_channels)) {}

SystemHost::~SystemHost() = default;

void SystemHost::set_children(std::unique_ptr<Children> children) {
  children_ = std::move(children);
}

bool SystemHost::IsInArena(uint32_t offset, uint32_t length, const char* function) const {
  if (length <= arena_.size && offset <= arena_.size - length) return true;
  return BindingErrors(function).ThrowRange(
      std::to_string(length) + " bytes at offset " + std::to_string(offset) +
      " are not all in the arena of " + std::to_string(arena_.size) + " bytes" +
      (arena_.size == 0 ? ": call broker.attach() first" : ""));
}

size_t SystemHost::HeapBytes() const {
  v8::HeapStatistics statistics;
  v8::Isolate::GetCurrent()->GetHeapStatistics(&statistics);
  return statistics.used_heap_size();
}

void SystemHost::CopyInArena(uint32_t to, uint32_t from, uint32_t length) const {
  if (!IsInArena(to, length, "arena.copy") || !IsInArena(from, length, "arena.copy")) return;
  char* const base = reinterpret_cast<char*>(arena_.address);
  std::memmove(base + to, base + from, length);
}

uint32_t SystemHost::ChecksumInArena(uint32_t offset, uint32_t length, double sum) const {
  if (!IsInArena(offset, length, "arena.checksum")) return 0;
  const auto* const base = reinterpret_cast<const uint8_t*>(arena_.address);
  return InternetChecksum(base + offset, length, static_cast<uint64_t>(sum));
}

}  // namespace runtime
