#include "generators.h"

#include <sys/random.h>
#include <v8.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "file.h"

// What V8's own header declares; the executable exports it. Three words: the seed, and the state.
namespace v8::base {
class RandomNumberGenerator {
 public:
  void SetSeed(int64_t seed);
  static uint64_t MurmurHash3(uint64_t);
};
}  // namespace v8::base

namespace runtime {
namespace {

using v8::base::RandomNumberGenerator;

struct GeneratorWords {
  uint64_t seed, state0, state1;
};

// Numbers that a young generator may have given.
constexpr int kMostSteps = 1 << 20;

std::mutex mutex;  // guards the two lists, and this
bool is_watching = false;
std::vector<uint64_t>& Seeds() {
  static auto* const seeds = new std::vector<uint64_t>;
  return *seeds;
}
std::vector<RandomNumberGenerator*>& Found() {
  static auto* const found = new std::vector<RandomNumberGenerator*>;
  return *found;
}
// Kept apart from the list by which they are looked for: it holds them inverted.
uint64_t Hidden(uint64_t seed) { return ~seed; }

void Fill(void* into, size_t length) {
  auto* const bytes = static_cast<unsigned char*>(into);
  for (size_t done = 0; done < length;) {
    const ssize_t count = getrandom(bytes + done, length - done, 0);
    if (count > 0) done += static_cast<size_t>(count);
  }
}

bool GiveSeed(unsigned char* buffer, size_t length) {
  Fill(buffer, length);
  uint64_t seed = 0;
  if (length != sizeof(seed)) return true;
  std::memcpy(&seed, buffer, sizeof(seed));
  const std::lock_guard lock(mutex);
  if (is_watching) Seeds().push_back(Hidden(seed));
  return true;
}

// Whether these are the words of a generator with that seed, and no copy of the seed alone: xorshift128+ as V8
// has it comes from the seed to the state.
bool IsGenerator(const GeneratorWords& words) {
  uint64_t state0 = RandomNumberGenerator::MurmurHash3(words.seed);
  uint64_t state1 = RandomNumberGenerator::MurmurHash3(~state0);
  for (int step = 0; step < kMostSteps; ++step) {
    if (state0 == words.state0 && state1 == words.state1) return true;
    uint64_t s1 = state0;
    const uint64_t s0 = state1;
    state0 = s0;
    s1 ^= s1 << 23;
    s1 ^= s1 >> 17;
    s1 ^= s0;
    s1 ^= s0 >> 26;
    state1 = s1;
  }
  return false;
}

void Search(uint64_t start, uint64_t end) {
  const std::vector<uint64_t>& seeds = Seeds();
  for (uint64_t at = start; at + sizeof(GeneratorWords) <= end; at += sizeof(uint64_t)) {
    const auto* const words = reinterpret_cast<const GeneratorWords*>(at);
    if (words->seed == 0 ||
        std::find(seeds.begin(), seeds.end(), Hidden(words->seed)) == seeds.end()) {
      continue;
    }
    if (IsGenerator(*words)) Found().push_back(reinterpret_cast<RandomNumberGenerator*>(at));
  }
}

}  // namespace

void WatchGenerators() {
  is_watching = true;
  v8::V8::SetEntropySource(GiveSeed);
}

void FindGenerators() {
  const std::optional<std::string> maps = ReadFile("/proc/self/maps");
  if (!maps.has_value()) return;
  const std::lock_guard lock(mutex);
  for (size_t at = 0; at < maps->size();) {
    const size_t line_end = std::min(maps->find('\n', at), maps->size());
    const std::string line = maps->substr(at, line_end - at);
    at = line_end + 1;
    unsigned long start = 0, end = 0;
    char access[5] = "";
    unsigned long inode = 1;
    // The heap of C++ is private memory without a file.
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %*x %*s %lu", &start, &end, access, &inode) == 4 &&
        std::strcmp(access, "rw-p") == 0 && inode == 0) {
      Search(start, end);
    }
  }
}

void SeedGenerators() {
  const std::lock_guard lock(mutex);
  for (RandomNumberGenerator* const generator : Found()) {
    int64_t seed = 0;
    Fill(&seed, sizeof(seed));
    generator->SetSeed(seed);
  }
  Found().clear();
  Seeds().clear();
  is_watching = false;  // V8 goes on asking GiveSeed(), for isolates of this machine
}

}  // namespace runtime
