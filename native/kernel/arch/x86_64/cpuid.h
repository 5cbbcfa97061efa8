// The CPUID instruction and the features that the kernel asks about (SDM volume 2A, CPUID).
#pragma once

#include <stdint.h>

namespace runtime {

struct CpuidResult {
  uint32_t eax, ebx, ecx, edx;
};

inline CpuidResult cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  CpuidResult r;
  asm volatile("cpuid"
               : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
               : "a"(leaf), "c"(subleaf));
  return r;
}

enum class CpuidRegister : uint8_t { Eax, Ebx, Ecx, Edx };

/// Where one feature bit is.
struct CpuFeature {
  uint32_t leaf;
  uint32_t subleaf;
  CpuidRegister reg;
  uint8_t bit;
};

/// True when the CPU reports `feature`; false for leaves that it does not have.
bool cpu_has(const CpuFeature& feature);

/// One 32-bit feature word; 0 when the CPU does not have the leaf.
uint32_t cpuid_word(uint32_t leaf, uint32_t subleaf, CpuidRegister reg);

namespace cpu_feature {

constexpr CpuFeature kFpu = {1, 0, CpuidRegister::Edx, 0};
constexpr CpuFeature kTsc = {1, 0, CpuidRegister::Edx, 4};
constexpr CpuFeature kMsr = {1, 0, CpuidRegister::Edx, 5};
constexpr CpuFeature kPae = {1, 0, CpuidRegister::Edx, 6};
constexpr CpuFeature kCmpxchg8b = {1, 0, CpuidRegister::Edx, 8};
constexpr CpuFeature kApic = {1, 0, CpuidRegister::Edx, 9};
constexpr CpuFeature kPge = {1, 0, CpuidRegister::Edx, 13};
constexpr CpuFeature kCmov = {1, 0, CpuidRegister::Edx, 15};
constexpr CpuFeature kPat = {1, 0, CpuidRegister::Edx, 16};
constexpr CpuFeature kFxsr = {1, 0, CpuidRegister::Edx, 24};
constexpr CpuFeature kSse = {1, 0, CpuidRegister::Edx, 25};
constexpr CpuFeature kSse2 = {1, 0, CpuidRegister::Edx, 26};
constexpr CpuFeature kSse3 = {1, 0, CpuidRegister::Ecx, 0};
constexpr CpuFeature kSsse3 = {1, 0, CpuidRegister::Ecx, 9};
constexpr CpuFeature kCmpxchg16b = {1, 0, CpuidRegister::Ecx, 13};
constexpr CpuFeature kPcid = {1, 0, CpuidRegister::Ecx, 17};
constexpr CpuFeature kSse41 = {1, 0, CpuidRegister::Ecx, 19};
constexpr CpuFeature kX2Apic = {1, 0, CpuidRegister::Ecx, 21};
constexpr CpuFeature kTscDeadline = {1, 0, CpuidRegister::Ecx, 24};
constexpr CpuFeature kXsave = {1, 0, CpuidRegister::Ecx, 26};
constexpr CpuFeature kRdrand = {1, 0, CpuidRegister::Ecx, 30};
constexpr CpuFeature kHypervisor = {1, 0, CpuidRegister::Ecx, 31};
constexpr CpuFeature kFsGsBase = {7, 0, CpuidRegister::Ebx, 0};
constexpr CpuFeature kSmep = {7, 0, CpuidRegister::Ebx, 7};
constexpr CpuFeature kErms = {7, 0, CpuidRegister::Ebx, 9};
constexpr CpuFeature kRdseed = {7, 0, CpuidRegister::Ebx, 18};
constexpr CpuFeature kXsaveopt = {0xd, 1, CpuidRegister::Eax, 0};
constexpr CpuFeature kLahf = {0x80000001, 0, CpuidRegister::Ecx, 0};
constexpr CpuFeature kSyscall = {0x80000001, 0, CpuidRegister::Edx, 11};
constexpr CpuFeature kNx = {0x80000001, 0, CpuidRegister::Edx, 20};
constexpr CpuFeature kHugePages = {0x80000001, 0, CpuidRegister::Edx, 26};
constexpr CpuFeature kRdtscp = {0x80000001, 0, CpuidRegister::Edx, 27};
constexpr CpuFeature kLongMode = {0x80000001, 0, CpuidRegister::Edx, 29};
constexpr CpuFeature kInvariantTsc = {0x80000007, 0, CpuidRegister::Edx, 8};

}  // namespace cpu_feature

}  // namespace runtime
