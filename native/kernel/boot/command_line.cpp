#include "boot/command_line.h"

namespace runtime {

namespace {

constexpr char kKnownOptions[] =
    "known options are log=error|warn|info|debug, env.NAME=value, trace=syscalls, layout=fixed, "
    "profile=HERTZ, "
    "clock=kvm-clock|tsc|hpet|acpi_pm, idle=halt, acpi=tables, "
    "root=rw, warm=freeze|off, shutdown=SECONDS, "
    "restart=never|on-failure|always, console=NAME,NAME, terminal=COLUMNSxROWS, keyboard=, "
    "screen=, "
    "shell=, reload=PORT:TOKEN, "
    "virtio_mmio.device=SIZE@ADDRESS:LINE, and -- before arguments for the app";

/// What went wrong, to be put into a sentence.
class Complaint {
 public:
  Complaint(char* message, size_t capacity) : message_(message), capacity_(capacity) {}

  /// Writes "kernel command line: TEXT" and returns false.
  bool operator()(const char* pattern, ...) __attribute__((format(printf, 2, 3))) {
    const size_t length = format(message_, capacity_, "kernel command line: ");
    va_list arguments;
    va_start(arguments, pattern);
    format_list(message_ + length, capacity_ - length, pattern, arguments);
    va_end(arguments);
    return false;
  }

 private:
  char* message_;
  size_t capacity_;
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

int printed_length(StringView text) {
  constexpr size_t kLongestShown = 80;
  return static_cast<int>(text.size < kLongestShown ? text.size : kLongestShown);
}

/// Copies words one by one into the storage, without their quotes.
class WordReader {
 public:
  WordReader(StringView line, char* storage) : line_(line), storage_(storage) {}

  enum class Outcome { Word, End, UnclosedQuote };

  /// Takes the next word. The storage holds the line, so it holds its words: between two words there
  /// is at least one blank, whose place the NUL takes.
  Outcome next(StringView* word) {
    while (position_ < line_.size && is_blank(line_[position_])) ++position_;
    if (position_ == line_.size) return Outcome::End;
    char* const start = storage_ + used_;
    bool is_quoted = false;
    for (; position_ < line_.size && (is_quoted || !is_blank(line_[position_])); ++position_) {
      if (line_[position_] == '"') {
        is_quoted = !is_quoted;
      } else {
        storage_[used_++] = line_[position_];
      }
    }
    *word = StringView(start, static_cast<size_t>(storage_ + used_ - start));
    storage_[used_++] = '\0';
    return is_quoted ? Outcome::UnclosedQuote : Outcome::Word;
  }

 private:
  StringView line_;
  char* storage_;
  size_t position_ = 0;
  size_t used_ = 0;
};

bool parse_log_level(StringView value, LogLevel* level) {
  static const char* const kNames[] = {"error", "warn", "info", "debug"};
  for (int i = 0; i < 4; ++i) {
    if (value == StringView(kNames[i])) {
      *level = static_cast<LogLevel>(i);
      return true;
    }
  }
  return false;
}

bool add_environment(StringView entry, CommandLine* result, Complaint& complain) {
  const size_t name_length = entry.find('=');
  if (name_length == entry.size || name_length == 0) {
    return complain("\"env.%.*s\" is not of the form env.NAME=value", printed_length(entry),
                    entry.data);
  }
  const StringView assignment = entry.first(name_length + 1);
  for (size_t i = 0; i < result->environment_count; ++i) {
    if (!result->environment[i].starts_with(assignment)) continue;
    result->environment[i] = entry;
    return true;
  }
  if (result->environment_count == CommandLine::kMaximumEntries) {
    return complain(
        "more than %zu env. options; put the rest into the initrd's "
        "/etc/runtime/environment",
        CommandLine::kMaximumEntries);
  }
  result->environment[result->environment_count++] = entry;
  return true;
}

bool add_argument(StringView argument, CommandLine* result, Complaint& complain) {
  if (result->argument_count == CommandLine::kMaximumEntries) {
    return complain(
        "more than %zu arguments after --; put the rest into the initrd's "
        "/etc/runtime/arguments",
        CommandLine::kMaximumEntries);
  }
  result->arguments[result->argument_count++] = argument;
  return true;
}

/// Takes a number, decimal or with 0x, off the front of `text`. False when there is none.
bool take_number(StringView* text, uint64_t* number) {
  unsigned base = 10;
  if (text->starts_with(StringView("0x"))) {
    base = 16;
    *text = text->from(2);
  }
  size_t digits = 0;
  *number = 0;
  for (; digits < text->size; ++digits) {
    const char c = static_cast<char>(text->data[digits] | 0x20);
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                                                  : 16;
    if (digit >= base || *number > (UINT64_MAX - digit) / base) break;
    *number = *number * base + digit;
  }
  *text = text->from(digits);
  return digits > 0;
}

/// Takes one character off the front of `text`. False when it is another.
bool take_character(StringView* text, char c) {
  if (text->is_empty() || text->data[0] != c) return false;
  *text = text->from(1);
  return true;
}

/// Parses SIZE@ADDRESS:LINE[:ID]; SIZE may end in K, M or G.
bool parse_virtio_mmio(StringView value, VirtioMmioOption* option) {
  uint64_t line;
  uint64_t id;
  if (!take_number(&value, &option->size)) return false;
  unsigned shift = 0;
  if (take_character(&value, 'K') || take_character(&value, 'k')) shift = 10;
  if (take_character(&value, 'M') || take_character(&value, 'm')) shift = 20;
  if (take_character(&value, 'G') || take_character(&value, 'g')) shift = 30;
  if (option->size >> (64 - shift - 1) >> 1) return false;
  option->size <<= shift;
  if (!take_character(&value, '@') || !take_number(&value, &option->address)) return false;
  if (!take_character(&value, ':') || !take_number(&value, &line) || line > 255) return false;
  if (take_character(&value, ':') && !take_number(&value, &id)) return false;
  option->line = static_cast<uint32_t>(line);
  return value.is_empty() && option->address <= UINT64_MAX - option->size;
}

bool add_virtio_mmio(StringView word, StringView value, CommandLine* result, Complaint& complain) {
  if (result->virtio_mmio_count == CommandLine::kMaximumEntries)
    return complain("more than %zu virtio_mmio.device options", CommandLine::kMaximumEntries);
  if (parse_virtio_mmio(value, &result->virtio_mmio[result->virtio_mmio_count])) {
    ++result->virtio_mmio_count;
    return true;
  }
  return complain("\"%.*s\" is not of the form virtio_mmio.device=SIZE@ADDRESS:LINE[:ID]",
                  printed_length(word), word.data);
}

bool parse_restart_policy(StringView name, RestartPolicy* policy) {
  const struct {
    const char* name;
    RestartPolicy policy;
  } known[] = {{"never", RestartPolicy::Never},
               {"on-failure", RestartPolicy::OnFailure},
               {"always", RestartPolicy::Always}};
  for (const auto& entry : known) {
    if (name != StringView(entry.name)) continue;
    *policy = entry.policy;
    return true;
  }
  return false;
}

bool parse_clock_source(StringView name, ClockSource* source) {
  const struct {
    const char* name;
    ClockSource source;
  } known[] = {{"kvm-clock", ClockSource::Kvmclock},
               {"tsc", ClockSource::TimeStampCounter},
               {"hpet", ClockSource::Hpet},
               {"acpi_pm", ClockSource::PowerTimer}};
  for (const auto& entry : known) {
    if (name != StringView(entry.name)) continue;
    *source = entry.source;
    return true;
  }
  return false;
}

/// Options that a service reads, with their "=".
const char* const kSettings[] = {
    "console=", "terminal=", "keyboard=", "screen=", "shell=", "reload="};

bool is_setting(StringView word) {
  for (const char* const name : kSettings) {
    if (word.starts_with(StringView(name))) return true;
  }
  return false;
}

bool parse_window_size(StringView value, uint32_t* columns, uint32_t* rows) {
  uint64_t numbers[2];
  if (!take_number(&value, &numbers[0]) || !take_character(&value, 'x')) return false;
  if (!take_number(&value, &numbers[1]) || !value.is_empty()) return false;
  for (const uint64_t number : numbers) {
    if (number < 1 || number > 0xffff) return false;
  }
  *columns = static_cast<uint32_t>(numbers[0]);
  *rows = static_cast<uint32_t>(numbers[1]);
  return true;
}

bool add_setting(StringView word, CommandLine* result, Complaint& complain) {
  const StringView size_prefix("terminal=");
  if (word.starts_with(size_prefix) &&
      !parse_window_size(word.from(size_prefix.size), &result->terminal_columns,
                         &result->terminal_rows)) {
    return complain("\"%.*s\" is not terminal=COLUMNSxROWS, such as terminal=80x24",
                    printed_length(word), word.data);
  }
  if (result->setting_count == CommandLine::kMaximumEntries) {
    return complain("more than %zu options for services", CommandLine::kMaximumEntries);
  }
  result->settings[result->setting_count++] = word;
  return true;
}

bool apply_option(StringView word, CommandLine* result, Complaint& complain) {
  const StringView log_prefix("log=");
  const StringView environment_prefix("env.");
  if (word.starts_with(log_prefix)) {
    if (parse_log_level(word.from(log_prefix.size), &result->log_level)) return true;
    return complain("\"%.*s\" is not a log level; use log=error, log=warn, log=info or log=debug",
                    printed_length(word), word.data);
  }
  const StringView virtio_mmio_prefix("virtio_mmio.device=");
  if (word.starts_with(virtio_mmio_prefix)) {
    return add_virtio_mmio(word, word.from(virtio_mmio_prefix.size), result, complain);
  }
  if (word.starts_with(environment_prefix)) {
    return add_environment(word.from(environment_prefix.size), result, complain);
  }
  const StringView clock_prefix("clock=");
  if (word.starts_with(clock_prefix)) {
    if (parse_clock_source(word.from(clock_prefix.size), &result->clock_source)) return true;
    return complain("\"%.*s\" is not a clock; use kvm-clock, tsc, hpet or acpi_pm",
                    printed_length(word), word.data);
  }
  const StringView profile_prefix("profile=");
  if (word.starts_with(profile_prefix)) {
    StringView value = word.from(profile_prefix.size);
    uint64_t hertz;
    if (!take_number(&value, &hertz) || !value.is_empty() || hertz < 1 || hertz > 10000)
      return complain("\"%.*s\" is not profile=HERTZ with a number from 1 to 10000",
                      printed_length(word), word.data);
    result->profile_hertz = static_cast<uint32_t>(hertz);
    return true;
  }
  const StringView shutdown_prefix("shutdown=");
  if (word.starts_with(shutdown_prefix)) {
    StringView value = word.from(shutdown_prefix.size);
    uint64_t seconds;
    if (!take_number(&value, &seconds) || !value.is_empty() || seconds > 86400)
      return complain("\"%.*s\" is not shutdown=SECONDS with a number from 0 to 86400",
                      printed_length(word), word.data);
    result->shutdown_seconds = static_cast<uint32_t>(seconds);
    return true;
  }
  const StringView restart_prefix("restart=");
  if (word.starts_with(restart_prefix)) {
    if (parse_restart_policy(word.from(restart_prefix.size), &result->restart_policy)) return true;
    return complain("\"%.*s\" is not restart=never, restart=on-failure or restart=always",
                    printed_length(word), word.data);
  }
  if (is_setting(word)) return add_setting(word, result, complain);
  if (word == StringView("provoke=lockup")) {
    result->provoked_lockup = ProvokedLockup::WithInterrupts;
  } else if (word == StringView("provoke=hard-lockup")) {
    result->provoked_lockup = ProvokedLockup::WithoutInterrupts;
  } else if (word == StringView("provoke=stopped-clock")) {
    result->provoked_clock = ProvokedClock::Stops;
  } else if (word == StringView("provoke=backward-clock")) {
    result->provoked_clock = ProvokedClock::GoesBack;
  } else if (word == StringView("provoke=stray-interrupts")) {
    result->provokes_stray_interrupts = true;
  } else if (word == StringView("trace=syscalls")) {
    result->trace_system_calls = true;
  } else if (word == StringView("idle=halt")) {
    result->halts_when_idle = true;
  } else if (word == StringView("acpi=tables")) {
    result->leaves_byte_code = true;
  } else if (word == StringView("layout=fixed")) {
    result->fixed_layout = true;
  } else if (word == StringView("warm=freeze")) {
    result->warm_start = WarmStart::Freeze;
  } else if (word == StringView("warm=off")) {
    result->warm_start = WarmStart::Off;
  } else if (word == StringView("root=rw")) {
    result->writable_root = true;
  } else {
    return complain("unknown option \"%.*s\"; %s", printed_length(word), word.data, kKnownOptions);
  }
  return true;
}

}  // namespace

bool parse_command_line(StringView line, CommandLine* result, char* message, size_t capacity) {
  Complaint complain(message, capacity);
  if (line.size >= CommandLine::kTextCapacity) {
    return complain("%zu characters are too long; at most %zu are allowed", line.size,
                    CommandLine::kTextCapacity - 1);
  }
  WordReader reader(line, result->text);
  bool are_arguments = false;
  for (;;) {
    StringView word;
    switch (reader.next(&word)) {
      case WordReader::Outcome::End:
        return true;
      case WordReader::Outcome::UnclosedQuote:
        return complain("the quote in \"%.*s\" is not closed", printed_length(word), word.data);
      case WordReader::Outcome::Word:
        break;
    }
    if (are_arguments) {
      if (!add_argument(word, result, complain)) return false;
    } else if (word == StringView("--")) {
      are_arguments = true;
    } else if (!apply_option(word, result, complain)) {
      return false;
    }
  }
}

}  // namespace runtime
