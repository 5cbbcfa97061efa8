#include "linux/random.h"

#include "acpi/device_search.h"
#include "acpi/tables.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/jitter.h"
#include "arch/x86_64/ports.h"
#include "arch/x86_64/rtc.h"
#include "lib/format.h"
#include "lib/random_pool.h"
#include "lib/string.h"
#include "lib/types.h"
#include "linux/process_info.h"
#include "memory/address_space.h"
#include "memory/frames.h"
#include "memory/physical.h"
#include "sched/scheduler.h"
#include "sched/wait_queue.h"
#include "sync/spinlock.h"
#include "time/clock.h"

namespace runtime {

namespace {

constexpr unsigned kSeedBits = 256;
/// 64-bit words asked of each hardware source: twice the seed, in case they are less than perfect.
constexpr unsigned kHardwareWords = 8;
/// Intel's guide to its generator: RDRAND that fails 10 times in a row is broken; RDSEED may run
/// dry under load, so it gets more time.
constexpr unsigned kRdrandRetries = 10;
constexpr unsigned kRdseedRetries = 100;
/// Bytes made under the lock, which has interrupts off, before others get a turn.
constexpr size_t kBytesPerHold = 1024;

Locked<RandomPool> pool(LockRank::Log);
unsigned seed_bits = 0;

/// In memory that the hypervisor writes; null when there is none.
const volatile uint64_t* generation = nullptr;
uint64_t known_generation[2];  // guarded by the pool's lock

bool has_rdrand_source = false;

bool rdrand(uint64_t* value) {
  for (unsigned i = 0; i < kRdrandRetries; ++i) {
    bool is_good;
    asm volatile("rdrand %0" : "=r"(*value), "=@ccc"(is_good));
    if (is_good) return true;
  }
  return false;
}

bool rdseed(uint64_t* value) {
  for (unsigned i = 0; i < kRdseedRetries; ++i) {
    bool is_good;
    asm volatile("rdseed %0" : "=r"(*value), "=@ccc"(is_good));
    if (is_good) return true;
    cpu_relax();
  }
  return false;
}

/// Mixes words of a hardware source into the pool. False when the source fails or is stuck: some
/// CPUs return all ones, or always the same value, and claim success.
bool add_hardware_words(bool (*source)(uint64_t*)) {
  uint64_t words[kHardwareWords];
  for (unsigned i = 0; i < kHardwareWords; ++i) {
    if (!source(&words[i])) return false;
    for (unsigned j = 0; j < i; ++j) {
      if (words[i] == words[j]) return false;  // by chance once in 2^59 boots
    }
  }
  random_add(words, sizeof(words));
  return true;
}

/// Mixes in a source if the CPU has it. True when it delivered.
bool try_hardware(const CpuFeature& feature, bool (*source)(uint64_t*), const char* name) {
  if (!cpu_has(feature)) return false;
  if (add_hardware_words(source)) return true;
  log(LogLevel::Warn, "the CPU's %s is broken (it fails or repeats itself) and is not used", name);
  return false;
}

/// Counts further entropy.
void credit(unsigned bits) {
  unsigned old = __atomic_load_n(&seed_bits, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(&seed_bits, &old, min_of(old + bits, kSeedBits), false,
                                      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
  }
}

/// Is this the machine that it was? The pool's lock is held, so that nothing is given out in between.
void notice_generation(RandomPool& p) {
  if (!generation) return;
  const uint64_t current[2] = {generation[0], generation[1]};
  if (memcmp(current, known_generation, sizeof(current)) == 0) return;
  memcpy(known_generation, current, sizeof(current));
  p.add(current, sizeof(current));
}

/// Two machines that go on from one saved state differ in what their CPU says from here on, generation
/// id or not.
void salt() {
  uint64_t words[2] = {read_tsc(), 0};
  if (has_rdrand_source) (void)rdrand(&words[1]);
  pool.with([&words](RandomPool& p) { p.add(words, sizeof(words)); });
}

}  // namespace

void random_initialise() {
  const bool has_rdseed = try_hardware(cpu_feature::kRdseed, rdseed, "RDSEED");
  const bool has_rdrand = try_hardware(cpu_feature::kRdrand, rdrand, "RDRAND");
  has_rdrand_source = has_rdrand;

  // What differs between boots, but can be guessed, is mixed in without counting.
  const uint64_t ticks = read_tsc();
  random_add(&ticks, sizeof(ticks));
  if (has_rdseed || has_rdrand) {
    seed_bits = kSeedBits;
    return;
  }
  const uint64_t date = rtc_seconds();
  random_add(&date, sizeof(date));
  seed_bits = min_of(collect_jitter(kSeedBits, random_add), kSeedBits);
  log(LogLevel::Warn,
      "the CPU has neither RDSEED nor RDRAND: random numbers are seeded from timing jitter alone "
      "(about %u of %u bits estimated)%s; start QEMU with -cpu max, -cpu host or "
      "-device virtio-rng-pci for a hardware source",
      seed_bits, kSeedBits, seed_bits < kSeedBits ? ", and whoever asks has to wait for more" : "");
}

void random_find_generation() {
  const uint8_t* table;
  size_t size;
  uint64_t address;
  for (unsigned i = 0; acpi_find_table("SSDT", &table, &size, i); ++i) {
    if (!find_generation_address(table, size, &address)) continue;
    if (address % 8 || address == 0) continue;
    void* seen = nullptr;
    if (address <= physical_memory_size() - kGenerationSize) {
      seen = phys_to_virt(PhysAddr(address));
    } else {
      Result<void*> mapped = map_device(PhysAddr(address), kGenerationSize);
      if (mapped.is_error()) return;
      seen = mapped.value();
    }
    generation = static_cast<const volatile uint64_t*>(seen);
    random_add(const_cast<const uint64_t*>(generation), kGenerationSize);
    log(LogLevel::Debug, "the hypervisor tells when this machine is resumed from a saved state");
    return;
  }
}

const volatile void* random_generation() { return generation; }

Result<void> random_wait_until_ready() {
  // On most machines one round is one too many.
  constexpr unsigned kRoundsBeforeComplaint = 64;
  constexpr uint64_t kPause = 100 * kNanosecondsPerMillisecond;
  for (unsigned round = 0; random_seed_bits() < kSeedBits; ++round) {
    credit(collect_jitter(kSeedBits - random_seed_bits(), random_add));
    if (round < kRoundsBeforeComplaint) {
      Scheduler::yield();
      continue;
    }
    if (round == kRoundsBeforeComplaint)
      log(LogLevel::Error,
          "there is no source of entropy on this machine, and random numbers are not made up: give "
          "it -device virtio-rng-pci or a CPU with RDRAND");
    Sleeper sleeper;
    sleeper.prepare();
    if (sleeper.sleep(Deadline::after(kPause), true) == WaitResult::Interrupted)
      return Errno::Interrupted;
  }
  return {};
}

void random_note_jump() {
  const uint64_t ticks = read_tsc();
  random_add(&ticks, sizeof(ticks));
  const uint64_t date = wall_clock_nanoseconds();
  random_add(&date, sizeof(date));
  (void)try_hardware(cpu_feature::kRdseed, rdseed, "RDSEED");
  (void)try_hardware(cpu_feature::kRdrand, rdrand, "RDRAND");
}

void random_add(const void* data, size_t size) {
  pool.with([data, size](RandomPool& p) { p.add(data, size); });
}

void random_add_device(const void* data, size_t size) {
  random_add(data, size);
  // Devices are trusted with as many bits as they give bytes: what a hypervisor gives has been stretched.
  credit(static_cast<unsigned>(min_of<size_t>(size, kSeedBits)) * 4);
}

unsigned random_seed_bits() { return __atomic_load_n(&seed_bits, __ATOMIC_ACQUIRE); }

void random_bytes(void* buffer, size_t size) {
  uint8_t* bytes = static_cast<uint8_t*>(buffer);
  salt();
  while (size) {
    const size_t part = min_of(size, kBytesPerHold);
    pool.with([bytes, part](RandomPool& p) {
      notice_generation(p);
      p.generate(bytes, part);
    });
    bytes += part;
    size -= part;
  }
}

}  // namespace runtime
