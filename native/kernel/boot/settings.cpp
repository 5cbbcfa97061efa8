#include "boot/settings.h"

namespace runtime {

namespace {

const CommandLine* options = nullptr;

}  // namespace

void settings_initialise(const CommandLine& command_line) { options = &command_line; }

Result<StringView> find_setting(StringView name) {
  for (size_t i = options ? options->setting_count : 0; i-- > 0;) {
    const StringView entry = options->settings[i];
    if (entry.find('=') == name.size && entry.starts_with(name)) return entry.from(name.size + 1);
  }
  return Errno::NoEntry;
}

}  // namespace runtime
