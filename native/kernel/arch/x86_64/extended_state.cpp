// FPU, SSE, AVX and AVX-512 state. Source: Intel SDM volume 1, chapter 13 (XSAVE), 10.5 (FXSAVE).
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "lib/string.h"

namespace runtime {

namespace {

constexpr uint64_t kFeatureX87 = 1 << 0;
constexpr uint64_t kFeatureSse = 1 << 1;
constexpr uint64_t kFeatureAvx = 1 << 2;
constexpr uint64_t kFeatureAvx512 = 7 << 5;
constexpr size_t kLegacySize = 512;
constexpr size_t kHeaderSize = 64;
constexpr uint32_t kInitialMxcsr = 0x1f80;
constexpr uint16_t kInitialControlWord = 0x037f;

uint64_t features = 0;
uint64_t limit = ~0ull;
size_t state_size = kLegacySize;
uint32_t mxcsr_mask = 0xffbf;

uint32_t& word_at(uint8_t* area, size_t offset) {
  return *reinterpret_cast<uint32_t*>(area + offset);
}

}  // namespace

void extended_state_limit(uint64_t wanted) {
  limit = wanted;
  extended_state_initialise();
}

void extended_state_initialise() {
  uint64_t cr0, cr4;
  asm volatile("movq %%cr0, %0" : "=r"(cr0));
  cr0 = (cr0 & ~(1ull << 2 | 1ull << 3)) | 1 << 1 | 1 << 5;  // no EM, no TS; MP, NE
  asm volatile("movq %0, %%cr0" : : "r"(cr0));
  asm volatile("movq %%cr4, %0" : "=r"(cr4));
  cr4 |= 1 << 9 | 1 << 10;  // OSFXSR, OSXMMEXCPT
  cr4 |= 1 << 7;            // PGE: the kernel's pages stay in the TLB
  const bool has_xsave = cpu_has(cpu_feature::kXsave);
  if (has_xsave) cr4 |= 1 << 18;
  asm volatile("movq %0, %%cr4" : : "r"(cr4));
  if (has_xsave) {
    const CpuidResult supported = cpuid(0xd, 0);
    const uint64_t all = static_cast<uint64_t>(supported.edx) << 32 | supported.eax;
    features = all & (kFeatureX87 | kFeatureSse | kFeatureAvx);
    if ((all & kFeatureAvx512) == kFeatureAvx512) features |= kFeatureAvx512;
    features &= limit;
    asm volatile("xsetbv"
                 :
                 : "c"(0), "a"(static_cast<uint32_t>(features)),
                   "d"(static_cast<uint32_t>(features >> 32)));
    state_size = cpuid(0xd, 0).ebx;
  }
  alignas(16) uint8_t probe[kLegacySize];
  memset(probe, 0, sizeof(probe));
  asm volatile("fxsaveq %0" : "=m"(probe));
  if (word_at(probe, 28)) mxcsr_mask = word_at(probe, 28);
}

size_t extended_state_size() { return state_size; }
uint64_t extended_state_features() { return features; }

void save_extended_state(uint8_t* area) {
  if (features) {
    asm volatile("xsaveq (%0)"
                 :
                 : "r"(area), "a"(static_cast<uint32_t>(features)),
                   "d"(static_cast<uint32_t>(features >> 32))
                 : "memory");
  } else {
    asm volatile("fxsaveq (%0)" : : "r"(area) : "memory");
  }
}

void restore_extended_state(const uint8_t* area) {
  if (features) {
    asm volatile("xrstorq (%0)"
                 :
                 : "r"(area), "a"(static_cast<uint32_t>(features)),
                   "d"(static_cast<uint32_t>(features >> 32))
                 : "memory");
  } else {
    asm volatile("fxrstorq (%0)" : : "r"(area) : "memory");
  }
}

void reset_extended_state(uint8_t* area) {
  memset(area, 0, state_size);
  *reinterpret_cast<uint16_t*>(area) = kInitialControlWord;
  word_at(area, 24) = kInitialMxcsr;
  if (features) *reinterpret_cast<uint64_t*>(area + kLegacySize) = kFeatureX87 | kFeatureSse;
}

void sanitise_extended_state(uint8_t* area) {
  word_at(area, 24) &= mxcsr_mask;
  if (!features) return;
  *reinterpret_cast<uint64_t*>(area + kLegacySize) &= features;
  // XCOMP_BV and the reserved words of the header must be zero for the standard form.
  memset(area + kLegacySize + 8, 0, kHeaderSize - 8);
}

}  // namespace runtime
