// Error: what every function of Sobograd throws when its caller gave it something wrong.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace sg {

/// Bad input, found where it happens. The message reads `operation: what is wrong: the values`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws an Error with a message formatted by fmt.
[[noreturn]] void fail_with(fmt::string_view format, fmt::format_args arguments);
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  fail_with(format, fmt::make_format_args(args...));
}

}  // namespace sg
