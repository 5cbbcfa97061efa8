// ACPICA's host layer: messages, into the kernel's log.
//
// ACPICA prints a line in several pieces. Its first byte, when it is one of those that aclinux.h puts in
// front of messages, says how serious it is; a line without one goes with the line before.
#include "acpi/host.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "sync/spinlock.h"

// ACPICA's own formatter (utprint.c): it knows what ACPICA's messages use.
extern "C" int vsnprintf(char* into, acpi_size size, const char* pattern, va_list arguments);

namespace runtime {

namespace {

/// Damaged tables can have very much to say: after so many lines, the rest goes to the log's debug level.
constexpr unsigned kMaximumWarnings = 50;
constexpr size_t kPieceCapacity = 256;
constexpr size_t kLineCapacity = 400;

struct Line {
  char text[kLineCapacity];
  size_t length = 0;
  LogLevel level = LogLevel::Debug;
  unsigned warnings = 0;
};
Locked<Line> line(LockRank::AcpiHardware);

LogLevel level_of(char mark) {
  switch (mark) {
    case '\001':
    case '\002':
      return LogLevel::Warn;
    default:
      return LogLevel::Debug;
  }
}

/// A finished line, copied so that it is logged without the lock.
struct Finished {
  char text[kLineCapacity];
  int length = 0;
  LogLevel level = LogLevel::Debug;
};

/// Takes characters up to the end of the line. Returns true when there is one; `text` is behind it then.
bool take(const char** text, Finished* finished) {
  return line.with([text, finished](Line& current) {
    for (; **text; ++*text) {
      const char c = **text;
      if (c >= '\001' && c <= '\003') {
        current.level = level_of(c);
      } else if (c == '\n') {
        ++*text;
        if (current.level == LogLevel::Warn && ++current.warnings > kMaximumWarnings)
          current.level = LogLevel::Debug;
        memcpy(finished->text, current.text, current.length);
        finished->length = static_cast<int>(current.length);
        finished->level = current.level;
        current.length = 0;
        return true;
      } else if (c >= ' ' && current.length < kLineCapacity) {
        current.text[current.length++] = c;
      }
    }
    return false;
  });
}

bool is_marked(const Finished& finished) {
  return finished.length >= 4 && memcmp(finished.text, "ACPI", 4) == 0;
}

void print(const char* text) {
  Finished finished;
  while (take(&text, &finished))
    if (finished.length > 0)
      log(finished.level, "%s%.*s", is_marked(finished) ? "" : "ACPI: ", finished.length,
          finished.text);
}

}  // namespace

}  // namespace runtime

void acpi_os_vprintf(const char* pattern, va_list arguments) {
  char piece[runtime::kPieceCapacity];
  vsnprintf(piece, sizeof(piece), pattern, arguments);
  piece[sizeof(piece) - 1] = '\0';
  runtime::print(piece);
}

void acpi_os_printf(const char* pattern, ...) {
  va_list arguments;
  va_start(arguments, pattern);
  acpi_os_vprintf(pattern, arguments);
  va_end(arguments);
}
