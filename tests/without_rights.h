// Without rights: what a folder is to somebody who may not read it, also where the tests are run by root.
#pragma once

#include <unistd.h>

#include <filesystem>

namespace sg::tests {

/// While it lives, root is nobody; anyone else stays who they are.
class WithoutRights {
 public:
  WithoutRights() : user_(::geteuid()) {
    constexpr uid_t nobody = 65534;
    if (user_ == 0) is_nobody_ = ::seteuid(nobody) == 0;
  }
  ~WithoutRights() {
    if (is_nobody_) static_cast<void>(::seteuid(user_));
  }
  WithoutRights(const WithoutRights&) = delete;
  WithoutRights& operator=(const WithoutRights&) = delete;

 private:
  uid_t user_;
  bool is_nobody_ = false;
};

/// Makes a folder that others may enter and write to, so that they meet only what is forbidden below it.
inline void open_to_all(const std::filesystem::path& folder) {
  std::filesystem::permissions(folder, std::filesystem::perms::all);
}

}  // namespace sg::tests
