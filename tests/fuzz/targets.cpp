// Targets: running them.
#include "tests/fuzz/targets.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>

#include "engine/error.h"
#include "engine/printable.h"

namespace sg::fuzz {
namespace {

namespace fs = std::filesystem;

/// A folder in memory.
const fs::path& folder() {
  struct Folder {
    Folder() {
      const fs::path memory = "/dev/shm";
      path = (fs::is_directory(memory) ? memory : fs::temp_directory_path()) /
             fmt::format("sobograd-fuzz-{}", static_cast<int>(::getpid()));
      fs::create_directories(path);
    }
    ~Folder() {
      std::error_code error;
      fs::remove_all(path, error);
    }
    fs::path path;
  };
  static const Folder folder;
  return folder.path;
}

}  // namespace

fs::path write(const std::string& name, std::span<const std::byte> bytes) {
  const fs::path path = folder() / name;
  static std::set<std::string> written;
  if (written.insert(name).second) {
    fs::create_directories(path.parent_path());
  }
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return path;
}

std::string run(const Target& target, std::span<const std::byte> bytes) {
  try {
    target.read(bytes);
    return "";
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.size() > 1000 || message.find(file_mark) == std::string::npos ||
        printable(message, message.size()) != message || message.ends_with(": ")) {
      std::fprintf(stderr, "%s: an error that is no clear line: %s\n", target.name, message.c_str());
      std::abort();
    }
    return message;
  }
}

}  // namespace sg::fuzz
