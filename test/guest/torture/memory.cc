// Address spaces: fresh pages are zero, contents stay, and once a change of a mapping has returned no CPU uses the
// old translation any more.
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "torture.h"

namespace torture {

namespace {

constexpr uint64_t kPage = 4096;
/// How often a translation is used before it may change: so it is in the CPU's cache.
constexpr unsigned kLooks = 200;

/// Maps a region at an address that nothing else is given.
uint8_t* own_region(const Activity& self, uint64_t number, uint64_t size, int protection) {
  void* const wanted = reinterpret_cast<void*>(0x200000000000 + (number << 32));
  void* const region =
      mmap(wanted, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (region != wanted) fail(self, "no region of its own: %s", strerror(errno));
  return static_cast<uint8_t*>(region);
}

std::atomic<uint64_t>& word_at(uint8_t* place) {
  return *reinterpret_cast<std::atomic<uint64_t>*>(place);
}

// ---- page faults ----
void fill(uint8_t* region, uint64_t size, uint64_t tag) {
  for (uint64_t at = 0; at < size; at += 512) *reinterpret_cast<uint64_t*>(region + at) = tag ^ at;
}

/// Looks at [start, end) of a region; a tag of 0 stands for fresh memory.
void expect(const Activity& self, const uint8_t* region, uint64_t start, uint64_t end, uint64_t tag,
            const char* when) {
  for (uint64_t at = start; at < end; at += 512) {
    const uint64_t found = *reinterpret_cast<const uint64_t*>(region + at);
    if (found != (tag ? tag ^ at : 0))
      fail(self, "wrong byte %s, at %llu of %llu: %llx", when, static_cast<unsigned long long>(at),
           static_cast<unsigned long long>(end), static_cast<unsigned long long>(found));
  }
}

void run_page_faults(Activity& self, unsigned index) {
  Random random(self, index);
  while (self.goes_on()) {
    const uint64_t pages = random.below(32) == 0 ? 600 : 1 + random.below(24);
    uint64_t size = pages * kPage;
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) fail(self, "mmap: %s", strerror(errno));
    uint8_t* region = static_cast<uint8_t*>(mapped);
    const uint64_t tag = random.next() | 1;
    expect(self, region, 0, size, 0, "in fresh memory");
    fill(region, size, tag);
    expect(self, region, 0, size, tag, "after writing");
    self.step();
    if (mprotect(region, size, PROT_NONE) || mprotect(region, size, PROT_READ | PROT_WRITE))
      fail(self, "mprotect: %s", strerror(errno));
    expect(self, region, 0, size, tag, "after mprotect");
    self.step();
    if (random.below(2)) {
      mapped = mremap(region, size, size + 8 * kPage, MREMAP_MAYMOVE);
      if (mapped == MAP_FAILED) fail(self, "mremap: %s", strerror(errno));
      region = static_cast<uint8_t*>(mapped);
      expect(self, region, 0, size, tag, "after mremap");
      expect(self, region, size, size + 8 * kPage, 0, "in what mremap added");
      size += 8 * kPage;
      fill(region, size, tag);
    }
    const uint64_t half = size / kPage / 2 * kPage;
    if (madvise(region, half, MADV_DONTNEED)) fail(self, "madvise: %s", strerror(errno));
    expect(self, region, 0, half, 0, "after MADV_DONTNEED");
    expect(self, region, half, size, tag, "beside MADV_DONTNEED");
    if (munmap(region, size)) fail(self, "munmap: %s", strerror(errno));
    self.step();
  }
}

// ---- a page that is replaced, by MAP_FIXED, while others read it ----
constexpr uint64_t kReplacedPages = 6;
constexpr uint64_t kReplacedTag = 0x5eadull << 48;
std::atomic<uint8_t*> replaced{nullptr};
std::atomic<uint64_t> replaced_generation{0};

void replace(Activity& self) {
  Random random(self, 0);
  uint8_t* const region = own_region(self, 1, kReplacedPages * kPage, PROT_READ | PROT_WRITE);
  for (uint64_t generation = 1; self.goes_on(); ++generation) {
    const uint64_t pages = 1 + random.below(kReplacedPages);
    const uint64_t first = random.below(kReplacedPages - pages + 1);
    const bool drops = random.below(2);
    uint8_t* const from = region + first * kPage;
    if (drops ? madvise(from, pages * kPage, MADV_DONTNEED) != 0
              : mmap(from, pages * kPage, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != from)
      fail(self, "replacing pages: %s", strerror(errno));
    for (uint64_t page = 0; page < kReplacedPages; ++page)
      word_at(region + page * kPage).store(kReplacedTag | generation, std::memory_order_relaxed);
    replaced_generation.store(generation, std::memory_order_release);
    replaced.store(region, std::memory_order_release);
    self.step();
    if (random.below(4) == 0) pause_microseconds(random.below(300));
  }
}

void run_replaced(Activity& self, unsigned index) {
  if (index == 0) return replace(self);
  Random random(self, index);
  while (self.goes_on()) {
    uint8_t* const region = replaced.load(std::memory_order_acquire);
    if (!region) {
      pause_microseconds(100);
      continue;
    }
    std::atomic<uint64_t>& word = word_at(region + random.below(kReplacedPages) * kPage);
    for (unsigned look = 0; look < kLooks; ++look) {
      const uint64_t generation = replaced_generation.load(std::memory_order_acquire);
      const uint64_t found = word.load(std::memory_order_relaxed);
      if (found == 0) continue;  // it is being replaced
      if (found >> 48 != kReplacedTag >> 48 || (found & ~(0xffffull << 48)) < generation)
        fail(self, "generation %llu is there, and a CPU still sees %llx",
             static_cast<unsigned long long>(generation), static_cast<unsigned long long>(found));
    }
  }
}

// ---- a page that is closed and opened while others use it ----
/// A place that others use; odd epochs forbid something.
struct Gate {
  std::atomic<uint64_t> epoch{0};
  std::atomic<uint8_t*> region{nullptr};
};

void read_word(void* place) { (void)word_at(static_cast<uint8_t*>(place)).load(); }
void write_word(void* place) { word_at(static_cast<uint8_t*>(place)).fetch_add(1); }

/// Uses the page until the run ends; in odd epochs that `is_forbidden` names a use has to fault.
void use_gate(Activity& self, Gate& gate, uint64_t pages, unsigned index,
              bool (*is_forbidden)(uint64_t epoch, bool writes)) {
  Random random(self, index);
  while (self.goes_on()) {
    uint8_t* const region = gate.region.load(std::memory_order_acquire);
    if (!region) {
      pause_microseconds(100);
      continue;
    }
    uint8_t* const place = region + random.below(pages) * kPage;
    const bool writes = random.below(2);
    for (unsigned look = 0; look < kLooks; ++look) {
      const uint64_t before = gate.epoch.load(std::memory_order_seq_cst);
      const bool faulted = faults(writes ? write_word : read_word, place);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (gate.epoch.load(std::memory_order_seq_cst) == before && !(before & 2)) {
        const bool forbidden = (before & 1) && is_forbidden(before, writes);
        if (forbidden && !faulted)
          fail(self, "a CPU could still %s a page that was closed", writes ? "write" : "read");
        if (!(before & 1) && faulted) fail(self, "an access that was allowed faulted");
      }
      if (faulted) break;
    }
  }
}

// Epochs count in fours: 0 open, 1 closed, 2 and 3 in between.
bool is_protected(uint64_t epoch, bool writes) { return writes || epoch % 8 == 1; }
bool is_unmapped(uint64_t, bool) { return true; }

Gate protected_gate, unmapped_gate;
constexpr uint64_t kGatePages = 4;

void run_protected(Activity& self, unsigned index) {
  if (index > 0) return use_gate(self, protected_gate, kGatePages, index, is_protected);
  Random random(self, index);
  constexpr uint64_t kSize = kGatePages * kPage;
  constexpr int kOpen = PROT_READ | PROT_WRITE;
  uint8_t* const region = own_region(self, 2, kSize, kOpen);
  protected_gate.region = region;
  for (uint64_t epoch = 0; self.goes_on(); epoch += 4) {
    protected_gate.epoch = epoch;
    pause_microseconds(random.below(300));
    protected_gate.epoch = epoch + 2;
    if (mprotect(region, kSize, epoch % 8 == 0 ? PROT_NONE : PROT_READ))
      fail(self, "mprotect: %s", strerror(errno));
    protected_gate.epoch = epoch + 1;
    pause_microseconds(random.below(300));
    protected_gate.epoch = epoch + 3;
    if (mprotect(region, kSize, kOpen)) fail(self, "mprotect: %s", strerror(errno));
    self.step();
  }
}

void run_unmapped(Activity& self, unsigned index) {
  if (index > 0) return use_gate(self, unmapped_gate, kGatePages, index, is_unmapped);
  Random random(self, index);
  constexpr uint64_t kSize = kGatePages * kPage;
  uint8_t* region = own_region(self, 3, kSize, PROT_READ | PROT_WRITE);
  unmapped_gate.region = region;
  for (uint64_t epoch = 0; self.goes_on(); epoch += 4) {
    unmapped_gate.epoch = epoch;
    pause_microseconds(random.below(300));
    unmapped_gate.epoch = epoch + 2;
    if (munmap(region, kSize)) fail(self, "munmap: %s", strerror(errno));
    unmapped_gate.epoch = epoch + 1;
    pause_microseconds(random.below(300));
    unmapped_gate.epoch = epoch + 3;
    region = own_region(self, 3, kSize, PROT_READ | PROT_WRITE);
    self.step();
  }
}

}  // namespace

Activity page_faults("page-faults", 3, 10, run_page_faults);
Activity replaced_pages("replaced-pages", 3, 30, run_replaced);
Activity protected_pages("protected-pages", 3, 30, run_protected);
Activity unmapped_pages("unmapped-pages", 3, 30, run_unmapped);

}  // namespace torture
