#include "arch/x86_64/cpuid.h"

namespace runtime {

uint32_t cpuid_word(uint32_t leaf, uint32_t subleaf, CpuidRegister reg) {
  // Leaf 0 of each range (basic, hypervisor, extended) tells its last leaf; asking beyond it
  // returns the data of another leaf on some CPUs.
  const uint32_t range = leaf & 0xffff0000u;
  const uint32_t last = cpuid(range).eax;
  if (leaf > last || (last & 0xffff0000u) != range) return 0;
  const CpuidResult result = cpuid(leaf, subleaf);
  switch (reg) {
    case CpuidRegister::Eax:
      return result.eax;
    case CpuidRegister::Ebx:
      return result.ebx;
    case CpuidRegister::Ecx:
      return result.ecx;
    case CpuidRegister::Edx:
      return result.edx;
  }
  return 0;
}

bool cpu_has(const CpuFeature& feature) {
  return ((cpuid_word(feature.leaf, feature.subleaf, feature.reg) >> feature.bit) & 1) != 0;
}

}  // namespace runtime
