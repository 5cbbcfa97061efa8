#include "boot/machine_settings.h"

#include "lib/format.h"
#include "lib/log.h"
#include "lib/new.h"
#include "lib/types.h"
#include "linux/process_info.h"
#include "platform/firmware_config.h"
#include "platform/smbios.h"

namespace runtime {

namespace {

const StringView kVariablePrefix("opt/runtimejs/env/");
/// As Linux limits one string of the environment (MAX_ARG_STRLEN).
constexpr size_t kLongestString = 128 * 1024;
constexpr size_t kLongestHostName = 64;

char host_name[kLongestHostName + 1];
size_t host_name_size = 0;

StringView without_newline(StringView text) {
  return !text.is_empty() && text.data[text.size - 1] == '\n' ? text.first(text.size - 1) : text;
}

/// A copy of the pieces in one string with a NUL behind it. Empty when there is no memory.
StringView joined(StringView first, StringView second) {
  char* const text = static_cast<char*>(allocate(first.size + second.size + 1));
  if (!text) return StringView();
  memcpy(text, first.data, first.size);
  memcpy(text + first.size, second.data, second.size);
  text[first.size + second.size] = '\0';
  return StringView(text, first.size + second.size);
}

bool is_usable(const FirmwareFile& file, StringView content) {
  if (content.find('\0') == content.size) return true;
  log(LogLevel::Error, "fw_cfg: %s holds a NUL character and is ignored", file.name);
  return false;
}

Result<void> add_copy(Vector<StringView>* list, StringView first, StringView second) {
  const StringView copy = joined(first, second);
  if (!copy.data) return Errno::NoMemory;
  return list->push(copy);
}

/// Adds each line of a file.
Result<void> add_lines(const FirmwareFile& file, StringView content, bool are_variables,
                       Vector<StringView>* list) {
  StringView rest = without_newline(content);
  while (!rest.is_empty()) {
    const size_t end = rest.find('\n');
    StringView line = rest.first(end);
    rest = rest.from(min_of(end + 1, rest.size));
    if (!line.is_empty() && line.data[line.size - 1] == '\r') line = line.first(line.size - 1);
    if (are_variables) {
      if (line.is_empty() || line.data[0] == '#') continue;
      const size_t name_size = line.find('=');
      if (name_size == 0 || name_size == line.size) {
        log(LogLevel::Error, "fw_cfg: %s has a line that is not NAME=value; it is ignored",
            file.name);
        continue;
      }
    }
    Result<void> added = add_copy(list, line, StringView());
    if (added.is_error()) return added;
  }
  return {};
}

void set_host_name(const char* source, StringView name) {
  bool is_valid = !name.is_empty() && name.size <= kLongestHostName;
  for (size_t i = 0; i < name.size && is_valid; ++i) {
    const char c = name.data[i];
    is_valid = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.';
  }
  if (!is_valid) {
    log(LogLevel::Error,
        "%s is not a host name (letters, digits, - and ., at most %zu) and is ignored", source,
        kLongestHostName);
    return;
  }
  memcpy(host_name, name.data, name.size);
  host_name_size = name.size;
}

/// Takes the host name from the SMBIOS serial number, unless there is a better one.
void read_smbios_host_name() {
  constexpr size_t kLargestTables = 64 * 1024;
  const FirmwareFile* const file = firmware_smbios_tables();
  if (!file || host_name_size > 0) return;
  const StringView tables = firmware_file_content(*file, kLargestTables);
  const StringView name = nocloud_host_name(smbios_system_serial(tables));
  if (!name.is_empty()) set_host_name("the SMBIOS serial number's h=", name);
}

}  // namespace

StringView machine_host_name() { return StringView(host_name, host_name_size); }

Result<void> read_machine_settings(Vector<StringView>* environment, Vector<StringView>* arguments) {
  for (unsigned i = 0; i < firmware_file_count(); ++i) {
    const FirmwareFile& file = firmware_file(i);
    const StringView name = file.name_view();
    const bool is_variable = name.starts_with(kVariablePrefix) && name.size > kVariablePrefix.size;
    const bool are_variables = name == StringView("opt/runtimejs/environment");
    const bool are_arguments = name == StringView("opt/runtimejs/arguments");
    const bool is_host_name = name == StringView("opt/runtimejs/hostname");
    if (!is_variable && !are_variables && !are_arguments && !is_host_name) continue;
    const StringView content = firmware_file_content(file, kLongestString);
    if (content.size != file.size || !is_usable(file, content)) continue;
    Result<void> added;
    if (is_host_name) {
      set_host_name(file.name, without_newline(content));
    } else if (is_variable) {
      const StringView prefix = joined(name.from(kVariablePrefix.size), StringView("="));
      if (!prefix.data) return Errno::NoMemory;
      added = add_copy(environment, prefix, without_newline(content));
    } else {
      added = add_lines(file, content, are_variables, are_variables ? environment : arguments);
    }
    if (added.is_error()) return added;
  }
  read_smbios_host_name();
  return {};
}

}  // namespace runtime
