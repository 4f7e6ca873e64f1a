// The libFuzzer binary: the environment variable SOBOGRAD_FUZZ_TARGET names the reader.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/fuzz/targets.h"

namespace {

const sg::fuzz::Target& chosen() {
  const char* name = std::getenv("SOBOGRAD_FUZZ_TARGET");
  for (const auto& group : {sg::fuzz::file_targets(), sg::fuzz::application_targets()}) {
    for (const sg::fuzz::Target& target : group) {
      if (name && std::string_view(target.name) == name) {
        return target;
      }
      if (!name) {
        std::fprintf(stderr, "%s\n", target.name);
      }
    }
  }
  std::fprintf(stderr, "SOBOGRAD_FUZZ_TARGET has to name one of the readers\n");
  std::exit(2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const sg::fuzz::Target& target = chosen();
  sg::fuzz::run(target, std::as_bytes(std::span(data, size)));
  return 0;
}
