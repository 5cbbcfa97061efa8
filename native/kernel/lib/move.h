// The few type utilities that a freestanding C++11 kernel needs from <type_traits> and <utility>.
#pragma once

namespace runtime {

template <typename T>
struct RemoveReference {
  using Type = T;
};
template <typename T>
struct RemoveReference<T&> {
  using Type = T;
};
template <typename T>
struct RemoveReference<T&&> {
  using Type = T;
};

template <typename T>
constexpr typename RemoveReference<T>::Type&& move(T&& value) {
  return static_cast<typename RemoveReference<T>::Type&&>(value);
}

template <typename T>
constexpr T&& forward(typename RemoveReference<T>::Type& value) {
  return static_cast<T&&>(value);
}

template <typename T>
void swap_values(T& a, T& b) {
  T saved = move(a);
  a = move(b);
  b = move(saved);
}

}  // namespace runtime
