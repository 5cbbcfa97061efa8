#include "warm/frozen_process.h"

#include "arch/x86_64/cpu.h"
#include "boot/image_layout.h"
#include "memory/physical.h"
#include "memory/user.h"
#include "warm/state_writer.h"

namespace runtime {

namespace {

/// Variables that Node, its libraries and the C library read before the app runs.
const char* const kEarlyVariables[] = {"NODE_", "UV_",      "SSL_",       "OPENSSL_", "LD_",
                                       "LANG",  "LC_",      "GLIBC",      "MALLOC_",  "ICU_",
                                       "TZDIR", "NO_COLOR", "FORCE_COLOR"};

bool is_early(StringView variable) {
  for (const char* const name : kEarlyVariables) {
    if (variable.starts_with(name)) return true;
  }
  return false;
}

/// Takes the first of NUL-terminated strings off.
StringView take_string(StringView* strings) {
  const StringView first = strings->first(strings->find(0));
  *strings = strings->from(min_of(first.size + 1, strings->size));
  return first;
}

bool has_variable(StringView strings, StringView wanted) {
  while (!strings.is_empty()) {
    if (take_string(&strings) == wanted) return true;
  }
  return false;
}

bool has_variable(const Vector<StringView>& list, StringView wanted) {
  for (const StringView& variable : list) {
    if (variable == wanted) return true;
  }
  return false;
}

}  // namespace

const char* FrozenProcess::open(StringView state, StringView pages) {
  state_ = state;
  pages_ = pages;
  header_ = reinterpret_cast<const FrozenHeader*>(state.data);
  if (reinterpret_cast<uint64_t>(state.data) % 8 || state.size < sizeof(FrozenHeader) ||
      memcmp(header_->magic, kFrozenMagic, sizeof(kFrozenMagic)) != 0 || header_->size > state.size)
    return "it is not a state of this version";
  return check_tables();
}

/// What is used as an index, a place or an address is looked at here or where it is used.
const char* FrozenProcess::check_tables() const {
  constexpr const char* kDamaged = "it is damaged";
  const FrozenHeader& header = *header_;
  if (!fits<FrozenPage>(header.pages) || !fits<FrozenArea>(header.areas) ||
      !fits<FrozenThread>(header.threads) || !fits<FrozenFile>(header.files) ||
      !fits<FrozenDescriptor>(header.descriptors) || !fits<FrozenWatch>(header.watches) ||
      !fits<char>(header.bytes) || header.threads.count == 0)
    return kDamaged;
  const uint64_t frames = pages_.size / kPageSize;
  for (uint64_t i = 0; i < header.pages.count; ++i) {
    const FrozenPage& page = pages()[i];
    if (page.address % kPageSize || page.address >= kUserEnd || page.frame >= frames)
      return kDamaged;
  }
  for (uint64_t i = 0; i < header.descriptors.count; ++i)
    if (descriptors()[i].file >= header.files.count) return kDamaged;
  for (uint64_t i = 0; i < header.watches.count; ++i)
    if (watches()[i].file >= header.files.count || watches()[i].epoll >= header.files.count ||
        files()[watches()[i].epoll].kind != FrozenFileKind::Epoll)
      return kDamaged;
  return nullptr;
}

const char* FrozenProcess::difference_of_machine() const {
  if (header_->kernel_stamp != base_image.stamp) return "it was made with another runtime";
  for (unsigned i = 0; i < kFrozenFeatureWords; ++i)
    if (header_->features[i] & ~frozen_feature_word(i))
      return "this CPU lacks features of the CPU that it was made on";
  const bool has_xsave = extended_state_features() != 0;
  if ((header_->extended_state & ~extended_state_features()) ||
      has_xsave != (header_->extended_state != 0))
    return "this CPU lacks registers of the CPU that it was made on";
  if (header_->memory_size > physical_memory_size() + physical_memory_size() / 64)
    return "this machine has less memory than the one that it was made on";
  return nullptr;
}

const char* FrozenProcess::difference_of_program(const ProgramStart& start) const {
  StringView arguments = bytes(header_->arguments, header_->arguments_size);
  size_t index = 0;
  for (; !arguments.is_empty(); ++index) {
    const StringView argument = take_string(&arguments);
    if (index >= start.arguments.size() || start.arguments[index] != argument)
      return "Node's arguments are others";
  }
  const StringView environment = bytes(header_->environment, header_->environment_size);
  for (const StringView& variable : start.environment)
    if (is_early(variable) && !has_variable(environment, variable))
      return "variables that Node reads at its start have changed";
  for (StringView rest = environment; !rest.is_empty();) {
    const StringView variable = take_string(&rest);
    if (is_early(variable) && !has_variable(start.environment, variable))
      return "variables that Node reads at its start have changed";
  }
  return nullptr;
}

StringView FrozenProcess::bytes(uint64_t place, uint64_t size) const {
  const FrozenTable& all = header_->bytes;
  if (place > all.count || size > all.count - place) return StringView();
  return StringView(table<char>(all) + place, size);
}

StringView FrozenProcess::text(uint64_t place) const {
  if (place >= header_->bytes.count) return StringView();
  const StringView rest = bytes(place, header_->bytes.count - place);
  const size_t length = rest.find(0);
  return length < rest.size ? rest.first(length) : StringView();
}

}  // namespace runtime
