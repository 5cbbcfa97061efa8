#include "lib/format.h"

#include "lib/string.h"

namespace runtime {

namespace {

/// Where formatted characters go: counts nothing beyond the capacity.
class Output {
 public:
  Output(char* buffer, size_t capacity) : buffer_(buffer), limit_(capacity ? capacity - 1 : 0) {}

  void put(char character) {
    if (length_ < limit_) buffer_[length_++] = character;
  }
  void fill(char character, size_t count) {
    while (count-- && length_ < limit_) put(character);
  }
  void put(const char* text, size_t size) {
    for (size_t i = 0; i < size; ++i) put(text[i]);
  }
  size_t length() const { return length_; }

 private:
  char* buffer_;
  size_t limit_;
  size_t length_ = 0;
};

enum class Length { Int, Long, LongLong, Size };

/// What stands between a percent sign and its conversion letter.
struct Directive {
  bool left_aligned = false;
  bool zero_padded = false;
  size_t width = 0;
  bool has_precision = false;
  size_t precision = 0;
  Length length = Length::Int;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

size_t parse_number(const char** pattern) {
  size_t value = 0;
  for (; is_digit(**pattern); ++*pattern) value = value * 10 + static_cast<size_t>(**pattern - '0');
  return value;
}

/// Writes a sign or prefix, zeroes or blanks up to the width, and the text.
void put_padded(Output& output, const Directive& directive, StringView prefix, StringView text) {
  const size_t length = prefix.size + text.size;
  const size_t padding = directive.width > length ? directive.width - length : 0;
  const bool zeroes = directive.zero_padded && !directive.left_aligned;
  if (!directive.left_aligned && !zeroes) output.fill(' ', padding);
  output.put(prefix.data, prefix.size);
  if (zeroes) output.fill('0', padding);
  output.put(text.data, text.size);
  if (directive.left_aligned) output.fill(' ', padding);
}

void put_number(Output& output, const Directive& directive, StringView prefix, uint64_t value,
                unsigned base, const char* digits) {
  char text[24];
  size_t start = sizeof(text);
  do {
    text[--start] = digits[value % base];
    value /= base;
  } while (value);
  put_padded(output, directive, prefix, StringView(text + start, sizeof(text) - start));
}

constexpr char kLowerDigits[] = "0123456789abcdef";
constexpr char kUpperDigits[] = "0123456789ABCDEF";

/// Length of `text`, looking at no more than `limit` characters.
size_t bounded_length(const char* text, size_t limit) {
  size_t length = 0;
  while (length < limit && text[length]) ++length;
  return length;
}

/// A va_list that functions can take by reference (it is an array type on x86-64).
struct Arguments {
  va_list list;

  uint64_t take_unsigned(Length length) {
    switch (length) {
      case Length::Int:
        return va_arg(list, unsigned);
      case Length::Long:
      case Length::LongLong:
        return va_arg(list, unsigned long long);
      case Length::Size:
        return va_arg(list, size_t);
    }
    return 0;
  }
  int64_t take_signed(Length length) {
    if (length == Length::Int) return va_arg(list, int);
    return static_cast<int64_t>(take_unsigned(length));
  }
};

const char* parse_directive(const char* pattern, Arguments& arguments, Directive* directive) {
  for (;; ++pattern) {
    if (*pattern == '-') {
      directive->left_aligned = true;
    } else if (*pattern == '0') {
      directive->zero_padded = true;
    } else {
      break;
    }
  }
  if (*pattern == '*') {
    ++pattern;
    int width = va_arg(arguments.list, int);
    if (width < 0) directive->left_aligned = true;
    directive->width = static_cast<size_t>(width < 0 ? -static_cast<int64_t>(width) : width);
  } else {
    directive->width = parse_number(&pattern);
  }
  if (*pattern == '.') {
    ++pattern;
    directive->has_precision = true;
    if (*pattern == '*') {
      ++pattern;
      int precision = va_arg(arguments.list, int);
      directive->has_precision = precision >= 0;
      directive->precision = precision >= 0 ? static_cast<size_t>(precision) : 0;
    } else {
      directive->precision = parse_number(&pattern);
    }
  }
  if (*pattern == 'l') {
    ++pattern;
    directive->length = Length::Long;
    if (*pattern == 'l') {
      ++pattern;
      directive->length = Length::LongLong;
    }
  } else if (*pattern == 'z') {
    ++pattern;
    directive->length = Length::Size;
  }
  return pattern;
}

void put_conversion(Output& output, const Directive& directive, char conversion,
                    Arguments& arguments) {
  switch (conversion) {
    case 'd':
    case 'i': {
      const int64_t value = arguments.take_signed(directive.length);
      const uint64_t magnitude =
          value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
      put_number(output, directive, value < 0 ? "-" : "", magnitude, 10, kLowerDigits);
      return;
    }
    case 'u':
      put_number(output, directive, "", arguments.take_unsigned(directive.length), 10,
                 kLowerDigits);
      return;
    case 'x':
      put_number(output, directive, "", arguments.take_unsigned(directive.length), 16,
                 kLowerDigits);
      return;
    case 'X':
      put_number(output, directive, "", arguments.take_unsigned(directive.length), 16,
                 kUpperDigits);
      return;
    case 'o':
      put_number(output, directive, "", arguments.take_unsigned(directive.length), 8, kLowerDigits);
      return;
    case 'p':
      put_number(output, directive, "0x",
                 reinterpret_cast<uintptr_t>(va_arg(arguments.list, void*)), 16, kLowerDigits);
      return;
    case 's': {
      const char* text = va_arg(arguments.list, const char*);
      if (!text) text = "(null)";
      const size_t limit = directive.has_precision ? directive.precision : SIZE_MAX;
      put_padded(output, directive, "", StringView(text, bounded_length(text, limit)));
      return;
    }
    case 'c': {
      const char character = static_cast<char>(va_arg(arguments.list, int));
      put_padded(output, directive, "", StringView(&character, 1));
      return;
    }
    case '%':
      output.put('%');
      return;
    default:
      // Shown as written, so that a mistake in a pattern is visible.
      output.put('%');
      output.put(conversion);
  }
}

}  // namespace

size_t format_list(char* buffer, size_t capacity, const char* pattern, va_list arguments) {
  Arguments copy;
  va_copy(copy.list, arguments);
  Output output(buffer, capacity);
  while (*pattern) {
    if (*pattern != '%') {
      output.put(*pattern++);
      continue;
    }
    Directive directive;
    pattern = parse_directive(pattern + 1, copy, &directive);
    if (!*pattern) break;
    put_conversion(output, directive, *pattern++, copy);
  }
  va_end(copy.list);
  if (capacity) buffer[output.length()] = '\0';
  return output.length();
}

size_t format(char* buffer, size_t capacity, const char* pattern, ...) {
  va_list arguments;
  va_start(arguments, pattern);
  const size_t length = format_list(buffer, capacity, pattern, arguments);
  va_end(arguments);
  return length;
}

}  // namespace runtime
