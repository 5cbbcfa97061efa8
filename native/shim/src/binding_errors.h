// The exceptions that bindings of bare isolates throw: each names the function, and the argument or
// the error that the kernel gave.
#ifndef RUNTIME_SHIM_BINDING_ERRORS_H
#define RUNTIME_SHIM_BINDING_ERRORS_H

#include <cstdint>
#include <string>

namespace runtime {

/** Throws on behalf of one function. All methods return false, for a binding to return on. */
class BindingErrors {
 public:
  /** @param function its name in JavaScript, such as "arena.copy"; must outlive this object */
  explicit BindingErrors(const char* function) : function_(function) {}

  /** A TypeError: the argument must be something else. */
  bool ThrowType(const char* argument, const char* expected) const;
  /** A RangeError: the argument must be a whole number between two bounds. */
  bool ThrowRange(const char* argument, double least, double most) const;
  /** A RangeError with a sentence of its own. */
  bool ThrowRange(const std::string& text) const;
  /** A TypeError: the function that was passed must return something else. */
  bool ThrowReturned(const char* expected) const;
  /** An Error for a negated error number of Linux, with the error's name in `code`. */
  bool ThrowErrno(int32_t negated) const;

 private:
  std::string Subject(const char* argument) const;

  const char* const function_;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_BINDING_ERRORS_H
