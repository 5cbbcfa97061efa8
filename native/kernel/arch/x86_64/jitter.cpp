#include "arch/x86_64/jitter.h"

#include "arch/x86_64/ports.h"

namespace runtime {

namespace {

constexpr unsigned kSamplesPerBit = 3;
constexpr unsigned kMaximumSamples = 8192;
constexpr unsigned kBatch = 32;
/// Walked in large steps, so that accesses hit and miss the caches irregularly.
constexpr size_t kScratchSize = 16 * 1024;
constexpr size_t kScratchStep = 4099;
/// The POST diagnostic port: reading it has no effect, and leaves the CPU (under a hypervisor, the
/// guest), which takes an irregular time.
constexpr uint16_t kDelayPort = 0x80;

volatile uint8_t scratch[kScratchSize];

/// Time of one round of work, in TSC ticks.
uint64_t sample(size_t* position) {
  const uint64_t start = read_tsc();
  for (unsigned i = 0; i < 16; ++i) {
    *position = (*position + kScratchStep + scratch[*position]) % kScratchSize;
    scratch[*position] = static_cast<uint8_t>(scratch[*position] + start);
  }
  in8(kDelayPort);
  return read_tsc() - start;
}

}  // namespace

unsigned collect_jitter(unsigned wanted_bits, void (*add)(const void* data, size_t size)) {
  uint64_t batch[kBatch];
  size_t position = 0;
  uint64_t last = 0;
  uint64_t last_change = 0;
  unsigned good_samples = 0;
  for (unsigned taken = 0; taken < kMaximumSamples; taken += kBatch) {
    for (unsigned i = 0; i < kBatch; ++i) {
      const uint64_t time = sample(&position);
      const uint64_t change = time - last;
      if (change != 0 && change != last_change) ++good_samples;
      last = time;
      last_change = change;
      batch[i] = time;
    }
    add(batch, sizeof(batch));
    if (good_samples / kSamplesPerBit >= wanted_bits) break;
  }
  return good_samples / kSamplesPerBit;
}

}  // namespace runtime
