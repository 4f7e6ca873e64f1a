// A program that knows nothing of Sobograd loads the library named by its argument and uses it, then prints the kernel
// set of OpenBLAS that runs. Fails when the product is wrong or when loading has changed the environment.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>

int main(int, char** arguments) {
  const auto variable = [] {
    const char* value = std::getenv("OPENBLAS_CORETYPE");
    return std::string(value ? value : "");
  };
  const std::string before = variable();
  void* plugin = dlopen(arguments[1], RTLD_NOW);
  if (!plugin) {
    std::printf("%s\n", dlerror());
    return 1;
  }
  const auto product = reinterpret_cast<double (*)(int)>(dlsym(plugin, "plugin_product"));
  if (!product || product(300) != 300) return 2;
  if (variable() != before) return 3;
  void* blas = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_NOLOAD);
  if (!blas) return 4;
  std::printf("kernels %s\n", reinterpret_cast<const char* (*)()>(dlsym(blas, "openblas_get_corename"))());
  return 0;
}
