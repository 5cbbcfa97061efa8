// A reader of the common part of the Itanium C++ ABI's mangling grammar (chapter 5.1). It writes
// names and skips types: where a type or an expression is beyond it, it gives up as a whole.
#include "lib/demangle.h"

#include "lib/format.h"
#include "lib/types.h"

namespace runtime {

namespace {

/// Nesting of types and names that is followed; real names stay far below.
constexpr unsigned kMaximumDepth = 64;

struct OperatorName {
  char code[3];
  const char* name;
};

/// Section 5.1.4: operator encodings.
const OperatorName kOperators[] = {
    {"nw", " new"}, {"na", " new[]"}, {"dl", " delete"}, {"da", " delete[]"}, {"ps", "+"},
    {"ng", "-"},    {"ad", "&"},      {"de", "*"},       {"co", "~"},         {"pl", "+"},
    {"mi", "-"},    {"ml", "*"},      {"dv", "/"},       {"rm", "%"},         {"an", "&"},
    {"or", "|"},    {"eo", "^"},      {"aS", "="},       {"pL", "+="},        {"mI", "-="},
    {"mL", "*="},   {"dV", "/="},     {"rM", "%="},      {"aN", "&="},        {"oR", "|="},
    {"eO", "^="},   {"ls", "<<"},     {"rs", ">>"},      {"lS", "<<="},       {"rS", ">>="},
    {"eq", "=="},   {"ne", "!="},     {"lt", "<"},       {"gt", ">"},         {"le", "<="},
    {"ge", ">="},   {"ss", "<=>"},    {"nt", "!"},       {"aa", "&&"},        {"oo", "||"},
    {"pp", "++"},   {"mm", "--"},     {"cm", ","},       {"pm", "->*"},       {"pt", "->"},
    {"cl", "()"},   {"ix", "[]"},
};

struct StandardName {
  char code;
  const char* name;
  const char* last;  // the class's own name, for its constructors
};

/// Section 5.1.8: abbreviations of the standard library.
const StandardName kStandardNames[] = {
    {'t', "std", "std"},
    {'a', "std::allocator", "allocator"},
    {'b', "std::basic_string", "basic_string"},
    {'s', "std::string", "basic_string"},
    {'i', "std::istream", "basic_istream"},
    {'o', "std::ostream", "basic_ostream"},
    {'d', "std::iostream", "basic_iostream"},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool contains(const char* set, char c) {
  for (; *set; ++set) {
    if (*set == c) return true;
  }
  return false;
}

class Demangler {
 public:
  Demangler(StringView text, char* buffer, size_t capacity)
      : text_(text), buffer_(buffer), capacity_(capacity) {}

  /// Reads a whole mangled name. Returns false when it is beyond this reader.
  bool run() {
    if (!take("_Z")) return false;
    if (!special_prefix() || !encoding()) return false;
    // What compilers append to clones: .isra.0, .cold, .part.1
    if (!at_end() && peek() != '.') return false;
    return length_ > 0;
  }
  size_t length() const { return length_; }

 private:
  /// Counts nesting for the scope of a recursive rule.
  struct Depth {
    explicit Depth(Demangler* owner) : counter(owner->depth_) { ++counter; }
    ~Depth() { --counter; }
    bool is_too_deep() const { return counter > kMaximumDepth; }
    unsigned& counter;
  };
  /// Suppresses output for a scope: what is read inside is only skipped.
  struct Silence {
    explicit Silence(Demangler* owner) : counter(owner->silence_) { ++counter; }
    ~Silence() { --counter; }
    unsigned& counter;
  };

  bool at_end() const { return position_ == text_.size; }
  char peek(size_t ahead = 0) const {
    return position_ + ahead < text_.size ? text_[position_ + ahead] : '\0';
  }
  bool take(char wanted) {
    if (at_end() || peek() != wanted) return false;
    ++position_;
    return true;
  }
  bool take(const char* wanted) {
    const StringView view(wanted);
    if (!text_.from(position_).starts_with(view)) return false;
    position_ += view.size;
    return true;
  }
  void put(StringView text) {
    if (silence_) return;
    length_ += format(buffer_ + length_, capacity_ - length_, "%.*s", static_cast<int>(text.size),
                      text.data);
  }

  /// T <call-offset>: thunks. Virtual tables and type information are no functions.
  bool special_prefix() {
    if (peek() != 'T') return true;
    if (take("Th")) {
      put("non-virtual thunk to ");
      return call_offset_number() && take('_');
    }
    if (take("Tv")) {
      put("virtual thunk to ");
      return call_offset_number() && take('_') && call_offset_number() && take('_');
    }
    return false;
  }
  bool call_offset_number() {
    take('n');
    size_t ignored;
    return number(&ignored);
  }

  /// <name> and, unread except where something follows it, <bare-function-type>.
  bool encoding() {
    if (!name()) return false;
    Silence silence(this);
    return parameters();
  }

  /// Skips types up to an E, a clone suffix, or the end.
  bool parameters() {
    while (!at_end() && peek() != 'E' && peek() != '.') {
      if (!type()) return false;
    }
    return true;
  }

  bool name() {
    Depth depth(this);
    if (depth.is_too_deep()) return false;
    if (peek() == 'N') return nested_name();
    if (peek() == 'Z') return local_name();
    if (take("St")) {
      put("std::");
      last_ = StringView("std");
    } else if (peek() == 'S') {
      if (!substitution()) return false;
      return peek() != 'I' || template_arguments();
    }
    return unqualified_name() && (peek() != 'I' || template_arguments());
  }

  /// N [cv-qualifiers] [ref-qualifier] <prefix> <unqualified-name> E
  bool nested_name() {
    if (!take('N')) return false;
    while (contains("rVK", peek()) && !at_end()) ++position_;
    if (peek() == 'R' || peek() == 'O') ++position_;
    bool is_first = true;
    while (!take('E')) {
      if (at_end()) return false;
      if (peek() == 'I') {
        if (is_first || !template_arguments()) return false;
        continue;
      }
      if (peek() == 'S' && is_first) {
        if (!substitution()) return false;
      } else if (peek() == 'T' && is_first) {
        if (!template_parameter()) return false;
      } else {
        if (!is_first) put("::");
        if (!unqualified_name()) return false;
      }
      is_first = false;
    }
    return !is_first;
  }

  /// Z <encoding> E <name> [discriminator]: something local to a function.
  bool local_name() {
    if (!take('Z') || !name()) return false;
    {
      Silence silence(this);
      if (!parameters()) return false;
    }
    if (!take('E')) return false;
    if (take('s')) return discriminator();  // a string literal
    if (peek() == 'd') return false;        // within a default argument
    put("::");
    return name() && discriminator();
  }
  bool discriminator() {
    if (!take('_')) return true;
    const bool is_long = take('_');
    size_t ignored;
    return number(&ignored) && (!is_long || take('_'));
  }

  bool number(size_t* value) {
    if (!is_digit(peek())) return false;
    *value = 0;
    while (is_digit(peek())) {
      if (*value > text_.size) return false;  // longer than the name itself
      *value = *value * 10 + static_cast<size_t>(text_[position_++] - '0');
    }
    return true;
  }

  bool source_name() {
    size_t length;
    if (!number(&length) || length == 0 || length > text_.size - position_) return false;
    const StringView name = text_.from(position_).first(length);
    position_ += length;
    last_ = name.starts_with(StringView("_GLOBAL__N")) ? StringView("(anonymous namespace)") : name;
    put(last_);
    return true;
  }

  bool unqualified_name() {
    while (take('L')) {
    }  // internal linkage
    bool done;
    if (is_digit(peek())) {
      done = source_name();
    } else if (peek() == 'C' || peek() == 'D') {
      done = constructor_or_destructor();
    } else if (peek() == 'U') {
      done = unnamed_type();
    } else {
      done = operator_name();
    }
    while (done && take('B')) {  // ABI tags such as [abi:cxx11]
      Silence silence(this);
      const StringView saved = last_;
      done = source_name();
      last_ = saved;
    }
    return done;
  }

  bool constructor_or_destructor() {
    const StringView class_name = last_;
    if (peek() == 'C' && contains("12345", peek(1)) && peek(1)) {
      position_ += 2;
      put(class_name);
      return true;
    }
    if (peek() == 'D' && contains("01245", peek(1)) && peek(1)) {
      position_ += 2;
      put("~");
      put(class_name);
      return true;
    }
    return false;
  }

  /// Ul <types> E [number] _ (a closure) or Ut [number] _.
  bool unnamed_type() {
    const bool is_closure = take("Ul");
    if (!is_closure && !take("Ut")) return false;
    if (is_closure) {
      Silence silence(this);
      if (!parameters() || !take('E')) return false;
    }
    size_t ignored;
    if (is_digit(peek()) && !number(&ignored)) return false;
    last_ = is_closure ? StringView("{lambda}") : StringView("{unnamed}");
    put(last_);
    return take('_');
  }

  bool operator_name() {
    if (take("cv")) {
      put("operator (conversion)");
      Silence silence(this);
      return type();
    }
    if (take("li")) {
      put("operator\"\" ");
      return source_name();
    }
    for (const OperatorName& op : kOperators) {
      if (!take(op.code)) continue;
      put("operator");
      put(op.name);
      return true;
    }
    return false;
  }

  /// S_, S<base 36>_ or an abbreviation. What a numbered substitution stands for is not kept, so
  /// it is only known inside skipped text.
  bool substitution() {
    if (!take('S')) return false;
    for (const StandardName& standard : kStandardNames) {
      if (peek() != standard.code) continue;
      ++position_;
      put(standard.name);
      last_ = StringView(standard.last);
      if (standard.code != 't') return true;
      // "St" is only a prefix: the name follows, also outside a nested name.
      put("::");
      return unqualified_name();
    }
    while (is_digit(peek()) || (peek() >= 'A' && peek() <= 'Z')) ++position_;
    return take('_') && silence_ > 0;
  }

  bool template_parameter() {
    if (!take('T')) return false;
    while (is_digit(peek())) ++position_;
    return take('_') && silence_ > 0;
  }

  /// I <argument>* E, written as <...>.
  bool template_arguments() {
    if (!take('I')) return false;
    const bool follows_angle = length_ && buffer_[length_ - 1] == '<';  // operator< and others
    put(follows_angle ? " <...>" : "<...>");
    const StringView saved = last_;
    Silence silence(this);
    while (!take('E')) {
      if (at_end() || !template_argument()) return false;
    }
    last_ = saved;
    return true;
  }

  bool template_argument() {
    Depth depth(this);
    if (depth.is_too_deep()) return false;
    if (peek() == 'L') return literal();
    if (peek() == 'X') return false;  // an expression
    if (take('J')) {                  // an argument pack
      while (!take('E')) {
        if (at_end() || !template_argument()) return false;
      }
      return true;
    }
    return type();
  }

  /// L <type> <value> E, or L _Z <encoding> E.
  bool literal() {
    if (!take('L')) return false;
    if (take("_Z")) return encoding() && take('E');
    if (!type()) return false;
    while (!at_end() && peek() != 'E') {
      const char c = text_[position_++];
      if (!is_digit(c) && c != 'n' && !(c >= 'a' && c <= 'f')) return false;
    }
    return take('E');
  }

  /// Skips one <type>. Section 5.1.5.
  bool type() {
    Depth depth(this);
    if (depth.is_too_deep() || at_end()) return false;
    const char c = peek();
    if (contains("PROKVrCG", c)) {  // pointers, references, qualifiers
      ++position_;
      return type();
    }
    if (contains("vwbcahstijlmxynofdegz", c)) {  // built-in types
      ++position_;
      return true;
    }
    switch (c) {
      case 'S':
        return name();
      case 'N':
      case 'Z':
        return name();
      case 'T':
        return template_parameter() && (peek() != 'I' || template_arguments());
      case 'F':
        return function_type();
      case 'A':
        return array_type();
      case 'M':
        ++position_;
        return type() && type();
      case 'D':
        return extended_type();
      case 'U':
        if (peek(1) == 'l' || peek(1) == 't') return name();
        ++position_;  // a vendor's qualifier
        return source_name() && type();
      default:
        return is_digit(c) && name();
    }
  }

  bool function_type() {
    if (!take('F')) return false;
    take('Y');
    while (!take('E')) {
      if (peek() == 'R' && peek(1) == 'E') ++position_;
      if (peek() == 'O' && peek(1) == 'E') ++position_;
      if (take('E')) return true;
      if (at_end() || !type()) return false;
    }
    return true;
  }

  bool array_type() {
    if (!take('A')) return false;
    while (is_digit(peek())) ++position_;
    return take('_') && type();
  }

  /// D-types: packs, auto, nullptr, character types, noexcept functions.
  bool extended_type() {
    if (take("Dp")) return type();
    if (take("Do")) return function_type();
    if (peek() == 'D' && peek(1) && contains("acdefhinsu", peek(1))) {
      position_ += 2;
      return true;
    }
    return false;  // decltype and others
  }

  StringView text_;
  char* buffer_;
  size_t capacity_;
  size_t position_ = 0;
  size_t length_ = 0;
  unsigned depth_ = 0;
  unsigned silence_ = 0;
  StringView last_;  // the last plain name, which constructors and destructors repeat
};

}  // namespace

size_t demangle(StringView name, char* buffer, size_t capacity) {
  if (capacity == 0) return 0;
  Demangler demangler(name, buffer, capacity);
  if (demangler.run()) return demangler.length();
  return format(buffer, capacity, "%.*s", static_cast<int>(name.size), name.data);
}

}  // namespace runtime
