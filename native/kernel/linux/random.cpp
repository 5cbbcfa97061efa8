#include "linux/random.h"

#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/jitter.h"
#include "arch/x86_64/ports.h"
#include "arch/x86_64/rtc.h"
#include "lib/format.h"
#include "lib/random_pool.h"
#include "lib/types.h"
#include "linux/process_info.h"
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

}  // namespace

void random_initialise() {
  const bool has_rdseed = try_hardware(cpu_feature::kRdseed, rdseed, "RDSEED");
  const bool has_rdrand = try_hardware(cpu_feature::kRdrand, rdrand, "RDRAND");

  // What differs between boots, but can be guessed, is mixed in without counting.
  const uint64_t ticks = read_tsc();
  random_add(&ticks, sizeof(ticks));
  if (has_rdseed || has_rdrand) {
    seed_bits = kSeedBits;
    return;
  }
  const uint64_t date = rtc_seconds();
  random_add(&date, sizeof(date));
  const unsigned bits = collect_jitter(kSeedBits, random_add);
  seed_bits = min_of(bits, kSeedBits);
  log(LogLevel::Warn,
      "the CPU has neither RDSEED nor RDRAND: random numbers are seeded from timing jitter alone "
      "(about %u bits estimated); start QEMU with -cpu max or -cpu host for a hardware source",
      seed_bits);
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

unsigned random_seed_bits() { return seed_bits; }

void random_bytes(void* buffer, size_t size) {
  uint8_t* bytes = static_cast<uint8_t*>(buffer);
  while (size) {
    const size_t part = min_of(size, kBytesPerHold);
    pool.with([bytes, part](RandomPool& p) { p.generate(bytes, part); });
    bytes += part;
    size -= part;
  }
}

}  // namespace runtime
