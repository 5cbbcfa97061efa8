#include "profile/profile.h"

#include "arch/x86_64/cpu.h"
#include "boot/image_layout.h"
#include "lib/format.h"
#include "lib/log.h"
#include "memory/frames.h"
#include "sched/thread.h"
#include "time/clock_source.h"

namespace runtime {

namespace {

constexpr unsigned kBufferOrder = 10;  // 4 MiB

struct Sample {
  uint64_t instruction;
  uint32_t thread;
  uint32_t cpu;
};

struct ProfileBuffer {
  uint64_t count;
  uint64_t capacity;
  uint64_t kernel;
  uint64_t unused;
  Sample samples[1];  // as many as there is room for
};

ProfileBuffer* buffer = nullptr;
uint64_t period = 0;  // nanoseconds

}  // namespace

void profile_start(uint32_t frequency) {
  Result<PhysAddr> memory = allocate_frames(kBufferOrder);
  if (memory.is_error()) {
    log(LogLevel::Warn, "no memory for a profile");
    return;
  }
  const uint64_t size = kPageSize << kBufferOrder;
  ProfileBuffer* const fresh = static_cast<ProfileBuffer*>(phys_to_virt(memory.value()));
  fresh->capacity = (size - offsetof(ProfileBuffer, samples)) / sizeof(Sample);
  fresh->kernel = kernel_base();
  period = kNanosecondsPerSecond / frequency;
  buffer = fresh;
  log(LogLevel::Warn, "profile: %llu bytes of samples at physical 0x%llx",
      static_cast<unsigned long long>(size), static_cast<unsigned long long>(memory.value().value));
  alarm_at(monotonic_nanoseconds() + period);
}

void profile_tick(const TrapFrame* frame) {
  if (!buffer) return;
  CpuLocal& cpu = this_cpu();
  const uint64_t now = monotonic_nanoseconds();
  if (now >= cpu.next_sample) {
    cpu.next_sample = now + period;
    const uint64_t index = __atomic_fetch_add(&buffer->count, 1, __ATOMIC_RELAXED);
    const Thread* const thread = cpu.current;
    if (index < buffer->capacity)
      buffer->samples[index] = {
          frame->rip, static_cast<uint32_t>(thread && !thread->is_idle ? thread->id() : 0),
          cpu.index};
  }
  alarm_at(cpu.next_sample);
}

}  // namespace runtime
