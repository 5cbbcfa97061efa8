// V8's fast API calls, by which optimised code calls a C++ function without leaving its world.
//
// V8 describes such functions in v8-fast-api-calls.h, which Node does not put among its headers, though
// the executable exports what it declares. So the few declarations that are needed stand here. They
// were compared with the executable's code (the constructors below, and the descriptions of Node's
// own fast functions). A new V8 must be compared again: look at CTypeInfo's size and the numbers.
#ifndef RUNTIME_SHIM_FAST_CALL_H
#define RUNTIME_SHIM_FAST_CALL_H

#include <v8.h>

#include <cstdint>
#include <type_traits>

namespace v8 {

static_assert(V8_MAJOR_VERSION == 14 && V8_MINOR_VERSION == 6,
              "compare the declarations of fast API calls with those of this V8");

/** How a value is passed. */
class CTypeInfo {
 public:
  enum class Type : uint8_t { kVoid = 0, kInt32 = 3, kUint32 = 4, kFloat64 = 8, kV8Value = 10 };
  explicit constexpr CTypeInfo(Type type) : type_(type) {}

 private:
  Type type_;
  uint8_t flags_ = 0;
};
static_assert(sizeof(CTypeInfo) == 2);

/** Result and parameters of a function, the receiver first. */
class CFunctionInfo {
 public:
  enum class Int64Representation : uint8_t { kNumber = 0 };
  V8_EXPORT CFunctionInfo(const CTypeInfo& result, unsigned int count, const CTypeInfo* parameters,
                          Int64Representation representation = Int64Representation::kNumber);

 private:
  const CTypeInfo result_;
  const Int64Representation representation_;
  const unsigned int count_;
  const CTypeInfo* const parameters_;
};
static_assert(sizeof(CFunctionInfo) == 16);

/** A function with its description. */
class CFunction {
 public:
  V8_EXPORT CFunction(const void* address, const CFunctionInfo* info);

 private:
  const void* const address_;
  const CFunctionInfo* const info_;
};
static_assert(sizeof(CFunction) == 16);

}  // namespace v8

namespace runtime {

template <typename T>
constexpr v8::CTypeInfo FastType() {
  using Type = v8::CTypeInfo::Type;
  if constexpr (std::is_same_v<T, void>) {
    return v8::CTypeInfo(Type::kVoid);
  } else if constexpr (std::is_same_v<T, int32_t>) {
    return v8::CTypeInfo(Type::kInt32);
  } else if constexpr (std::is_same_v<T, uint32_t>) {
    return v8::CTypeInfo(Type::kUint32);
  } else if constexpr (std::is_same_v<T, double>) {
    return v8::CTypeInfo(Type::kFloat64);
  } else {
    static_assert(std::is_same_v<T, v8::Local<v8::Value>>, "V8 has no such fast type");
    return v8::CTypeInfo(Type::kV8Value);
  }
}

template <auto function, typename Result, typename... Parameters>
const v8::CFunction* DescribeFastCall(Result (*)(Parameters...)) {
  static constexpr v8::CTypeInfo kResult = FastType<Result>();
  static constexpr v8::CTypeInfo kParameters[] = {FastType<Parameters>()...};
  static const v8::CFunctionInfo info(kResult, sizeof...(Parameters), kParameters);
  static const v8::CFunction described(reinterpret_cast<const void*>(function), &info);
  return &described;
}

/**
 * Describes a function for v8::FunctionTemplate::New(). It takes the receiver and then doubles and
 * values, and may throw, but not call JavaScript.
 */
template <auto function>
const v8::CFunction* FastCall() {
  return DescribeFastCall<function>(function);
}

}  // namespace runtime

#endif  // RUNTIME_SHIM_FAST_CALL_H
