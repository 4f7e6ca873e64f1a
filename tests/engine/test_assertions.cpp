// The split of errors: a mistake of the caller's is an sg::Error in every build, one of ours stops the checked builds.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "engine/node.h"
#include "engine/ops.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using tests::error_of;

namespace {

#if defined(NDEBUG)
constexpr bool assertions_run = false;
#else
constexpr bool assertions_run = true;
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static_assert(assertions_run, "the builds of tests/sanitize.sh keep assertions");
#endif

/// Whether `work` ends its process by an assertion. The process is a child's, which says nothing.
bool asserts(const std::function<void()>& work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    close(STDERR_FILENO);
    work();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE((WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGABRT));
  return WIFSIGNALED(status);
}

/// A kernel primitive whose author forgot the kernel.
class WithoutKernel : public Primitive {
 public:
  std::string_view name() const override { return "without_kernel"; }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor& cotangent, std::size_t) const override { return cotangent; }
};

}  // namespace

TEST_CASE("an assertion of the engine ends the checked builds and costs the others nothing", "[assertions]") {
  const WithoutKernel primitive;
  const Span none{nullptr, nullptr, nullptr, f32};
  CHECK(asserts([&] { primitive.run({}, none); }) == assertions_run);
  CHECK_FALSE(asserts([] {}));
}

TEST_CASE("a caller's mistake is an Error whether assertions run or not", "[assertions]") {
  const Tensor x = zeros({2, 3}), y = zeros({2, 4});
  CHECK(error_of([&] { matmul(x, y); }).starts_with("matmul: "));
  CHECK(error_of([&] { x.shape(2); }).starts_with("shape: "));
  CHECK(error_of([&] { Tensor().eval(); }).starts_with("eval: "));
}
