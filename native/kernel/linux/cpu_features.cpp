#include "linux/cpu_features.h"

#include "arch/x86_64/cpuid.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

namespace runtime {

namespace {

CpuInfo info;

struct FeatureName {
  uint8_t bit;
  const char* name;
};

/// The named bits of one CPUID word.
struct FeatureWord {
  uint32_t leaf;
  uint32_t subleaf;
  CpuidRegister reg;
  const FeatureName* names;
  size_t count;
};

// Names as in /proc/cpuinfo of Linux, in its order of words. Sources: SDM volume 2A (CPUID), AMD
// APM volume 3 appendix E. Bits without meaning for applications are left out.
const FeatureName kLeaf1Edx[] = {
    {0, "fpu"},  {1, "vme"},   {2, "de"},    {3, "pse"},   {4, "tsc"},    {5, "msr"},
    {6, "pae"},  {7, "mce"},   {8, "cx8"},   {9, "apic"},  {11, "sep"},   {12, "mtrr"},
    {13, "pge"}, {14, "mca"},  {15, "cmov"}, {16, "pat"},  {17, "pse36"}, {19, "clflush"},
    {23, "mmx"}, {24, "fxsr"}, {25, "sse"},  {26, "sse2"}, {27, "ss"},    {28, "ht"},
};
const FeatureName kExtended1Edx[] = {
    {11, "syscall"}, {20, "nx"}, {22, "mmxext"},   {25, "fxsr_opt"}, {26, "pdpe1gb"},
    {27, "rdtscp"},  {29, "lm"}, {30, "3dnowext"}, {31, "3dnow"},
};
const FeatureName kExtended7Edx[] = {{8, "constant_tsc"}};
const FeatureName kLeaf1Ecx[] = {
    {0, "pni"},
    {1, "pclmulqdq"},
    {3, "monitor"},
    {9, "ssse3"},
    {12, "fma"},
    {13, "cx16"},
    {17, "pcid"},
    {19, "sse4_1"},
    {20, "sse4_2"},
    {21, "x2apic"},
    {22, "movbe"},
    {23, "popcnt"},
    {24, "tsc_deadline_timer"},
    {25, "aes"},
    {26, "xsave"},
    {28, "avx"},
    {29, "f16c"},
    {30, "rdrand"},
    {31, "hypervisor"},
};
const FeatureName kExtended1Ecx[] = {
    {0, "lahf_lm"},       {4, "cr8_legacy"}, {5, "abm"},   {6, "sse4a"}, {7, "misalignsse"},
    {8, "3dnowprefetch"}, {11, "xop"},       {16, "fma4"}, {21, "tbm"},
};
const FeatureName kLeaf7Ebx[] = {
    {0, "fsgsbase"},    {1, "tsc_adjust"}, {3, "bmi1"},      {5, "avx2"},    {7, "smep"},
    {8, "bmi2"},        {9, "erms"},       {10, "invpcid"},  {14, "mpx"},    {16, "avx512f"},
    {17, "avx512dq"},   {18, "rdseed"},    {19, "adx"},      {20, "smap"},   {21, "avx512ifma"},
    {23, "clflushopt"}, {24, "clwb"},      {28, "avx512cd"}, {29, "sha_ni"}, {30, "avx512bw"},
    {31, "avx512vl"},
};
const FeatureName kLeafDEax[] = {
    {0, "xsaveopt"},
    {1, "xsavec"},
    {2, "xgetbv1"},
    {3, "xsaves"},
};
const FeatureName kLeaf7Sub1Eax[] = {{4, "avx_vnni"}, {5, "avx512_bf16"}};
const FeatureName kLeaf7Ecx[] = {
    {1, "avx512vbmi"},
    {2, "umip"},
    {3, "pku"},
    {4, "ospke"},
    {6, "avx512_vbmi2"},
    {8, "gfni"},
    {9, "vaes"},
    {10, "vpclmulqdq"},
    {11, "avx512_vnni"},
    {12, "avx512_bitalg"},
    {14, "avx512_vpopcntdq"},
    {16, "la57"},
    {22, "rdpid"},
    {27, "movdiri"},
    {28, "movdir64b"},
};
const FeatureName kLeaf7Edx[] = {
    {4, "fsrm"},
    {8, "avx512_vp2intersect"},
    {14, "serialize"},
    {23, "avx512_fp16"},
};

#define RUNTIME_FEATURE_WORD(leaf, subleaf, reg, names) \
  { leaf, subleaf, CpuidRegister::reg, names, array_size(names) }
const FeatureWord kFeatureWords[] = {
    RUNTIME_FEATURE_WORD(1, 0, Edx, kLeaf1Edx),
    RUNTIME_FEATURE_WORD(0x80000001, 0, Edx, kExtended1Edx),
    RUNTIME_FEATURE_WORD(0x80000007, 0, Edx, kExtended7Edx),
    RUNTIME_FEATURE_WORD(1, 0, Ecx, kLeaf1Ecx),
    RUNTIME_FEATURE_WORD(0x80000001, 0, Ecx, kExtended1Ecx),
    RUNTIME_FEATURE_WORD(7, 0, Ebx, kLeaf7Ebx),
    RUNTIME_FEATURE_WORD(0xd, 1, Eax, kLeafDEax),
    RUNTIME_FEATURE_WORD(7, 1, Eax, kLeaf7Sub1Eax),
    RUNTIME_FEATURE_WORD(7, 0, Ecx, kLeaf7Ecx),
    RUNTIME_FEATURE_WORD(7, 0, Edx, kLeaf7Edx),
};
#undef RUNTIME_FEATURE_WORD

/// Appends `word` to a blank-separated list; a word that does not fit is left out whole.
size_t append_word(char* list, size_t length, size_t capacity, const char* word,
                   const char* separator) {
  const size_t needed = strlen(word) + (length ? strlen(separator) : 0);
  if (length + needed >= capacity) return length;
  return length + format(list + length, capacity - length, "%s%s", length ? separator : "", word);
}

void read_vendor() {
  const CpuidResult result = cpuid(0);
  memcpy(info.vendor, &result.ebx, 4);
  memcpy(info.vendor + 4, &result.edx, 4);
  memcpy(info.vendor + 8, &result.ecx, 4);
  info.vendor[12] = '\0';
}

/// The brand string of leaves 0x80000002 to 4, without the blanks that some CPUs put around it.
void read_model_name() {
  if (cpuid(0x80000000).eax < 0x80000004) {
    format(info.model_name, sizeof(info.model_name), "unknown");
    return;
  }
  char brand[49] = {};
  for (uint32_t i = 0; i < 3; ++i) {
    const CpuidResult part = cpuid(0x80000002 + i);
    memcpy(brand + 16 * i, &part, 16);
  }
  const char* start = brand;
  while (*start == ' ') ++start;
  size_t length = strlen(start);
  while (length && start[length - 1] == ' ') --length;
  memcpy(info.model_name, start, length);
  info.model_name[length] = '\0';
}

/// Family and model with their extensions folded in (SDM volume 2A, CPUID leaf 1).
void read_version() {
  const uint32_t version = cpuid(1).eax;
  info.stepping = version & 0xf;
  info.model = (version >> 4) & 0xf;
  info.family = (version >> 8) & 0xf;
  if (info.family == 0xf || info.family == 6) info.model |= ((version >> 16) & 0xf) << 4;
  if (info.family == 0xf) info.family += (version >> 20) & 0xff;
}

void read_flags() {
  size_t length = 0;
  for (const FeatureWord& word : kFeatureWords) {
    const uint32_t bits = cpuid_word(word.leaf, word.subleaf, word.reg);
    for (size_t i = 0; i < word.count; ++i) {
      if (!((bits >> word.names[i].bit) & 1)) continue;
      length = append_word(info.flags, length, sizeof(info.flags), word.names[i].name, " ");
    }
  }
}

struct Requirement {
  CpuFeature feature;
  const char* name;
};

// V8 checks for CMOV and SSE2 and has a way without everything newer (checked with Node 26 under
// an emulated CPU that has neither SSE3 nor CMPXCHG16B); OpenSSL, simdutf and simdjson choose at
// run time. Without SAHF, V8 loads flags by POPF for every remainder of two floating-point numbers, and with
// that turns interrupts off, as the app runs in ring 0. The rest is the kernel's: NX for W^X, SYSCALL for the system-call instruction, FXSR to
// save SSE registers (XSAVE is used when there), TSC for clocks, APIC for timers and interrupts.
const Requirement kRequirements[] = {
    {cpu_feature::kFpu, "FPU"},
    {cpu_feature::kTsc, "TSC"},
    {cpu_feature::kMsr, "MSR"},
    {cpu_feature::kPae, "PAE"},
    {cpu_feature::kCmpxchg8b, "CMPXCHG8B"},
    {cpu_feature::kApic, "APIC"},
    {cpu_feature::kPge, "PGE"},
    {cpu_feature::kCmov, "CMOV"},
    {cpu_feature::kPat, "PAT"},
    {cpu_feature::kFxsr, "FXSR"},
    {cpu_feature::kSse, "SSE"},
    {cpu_feature::kSse2, "SSE2"},
    {cpu_feature::kLahf, "LAHF and SAHF in 64-bit mode"},
    {cpu_feature::kSyscall, "SYSCALL"},
    {cpu_feature::kNx, "NX"},
};

/// The first feature that the CPU lacks although it has a later one of the same family, or null.
/// Libraries test for the last one only and then use them all: they would die of an illegal
/// instruction in the middle of the app.
const Requirement* find_gap(const Requirement** later) {
  static const Requirement kFamily[] = {
      {{1, 0, CpuidRegister::Ecx, 0}, "SSE3"},    {{1, 0, CpuidRegister::Ecx, 9}, "SSSE3"},
      {{1, 0, CpuidRegister::Ecx, 19}, "SSE4.1"}, {{1, 0, CpuidRegister::Ecx, 20}, "SSE4.2"},
      {{1, 0, CpuidRegister::Ecx, 28}, "AVX"},    {{7, 0, CpuidRegister::Ebx, 5}, "AVX2"},
  };
  *later = nullptr;
  for (size_t i = array_size(kFamily); i-- > 0;) {
    if (cpu_has(kFamily[i].feature)) {
      if (!*later) *later = &kFamily[i];
    } else if (*later) {
      return &kFamily[i];
    }
  }
  return nullptr;
}

}  // namespace

const CpuInfo& cpu_info() {
  // Only /proc/cpuinfo asks for the flags, and boot time is dear.
  if (!info.flags[0]) read_flags();
  return info;
}

void cpu_features_initialise() {
  info.count = 1;
  read_vendor();
  read_model_name();
  read_version();
}

void set_cpu_count(unsigned count) { info.count = count; }
void set_cpu_frequency(uint64_t hertz) { info.frequency_hertz = hertz; }

bool check_required_cpu_features(char* message, size_t capacity) {
  const Requirement* later;
  if (const Requirement* gap = find_gap(&later)) {
    format(
        message, capacity,
        "this CPU reports %s but lacks %s, which no real CPU does; start QEMU with -cpu max or a "
        "named CPU model, and do not take single features away",
        later->name, gap->name);
    return false;
  }
  char missing[128] = {};
  size_t length = 0;
  size_t count = 0;
  for (const Requirement& requirement : kRequirements) {
    if (cpu_has(requirement.feature)) continue;
    length = append_word(missing, length, sizeof(missing), requirement.name, ", ");
    ++count;
  }
  if (!count) return true;
  format(message, capacity,
         "this CPU lacks %s, which Node.js and this kernel need; start QEMU with -cpu max, or with "
         "-cpu host under KVM, and give cloud machines a CPU of the x86-64 baseline",
         missing);
  return false;
}

}  // namespace runtime
