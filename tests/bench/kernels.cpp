// Times the convolutions and matrix products on the shapes of the applications' networks.
//   bench_kernels [--peak] [--threads N] [--seconds S] [--filter TEXT] [--double] [--cold] [--batch N]
// Beside each rate stands its share of the machine's peak, and, where passing the tensors through memory once would
// take longer than the multiply-adds at the peak, the share of the memory's rate.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "engine/kernels/conv.h"
#include "engine/kernels/cpu.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/parallel.h"
#include "tests/bench/parts/machine.h"

namespace {

using namespace sg::kernels;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Empties the caches before each run, as the rest of a network's step does.
bool cold = false;

void empty_caches() {
  static std::vector<float> filler(32 << 20, 1);
  parallel_for(64, [&](std::int64_t i) {
    const std::int64_t part = static_cast<std::int64_t>(filler.size()) / 64;
    for (std::int64_t k = 0; k < part; ++k) filler[i * part + k] += 1;
  });
}

/// The fastest of the runs that fit into the given time, after one that warms up.
template <class Function>
double fastest(double budget, const Function& function) {
  function();
  double best = 1e30;
  const double end = seconds_now() + budget;
  do {
    if (cold) empty_caches();
    const double start = seconds_now();
    function();
    best = std::min(best, seconds_now() - start);
  } while (seconds_now() < end);
  return best;
}

/// What the machine does at most.
struct Peak {
  double gflops, gigabytes;  // a second, on the threads in use
};

Peak measure_peak(double budget) {
  const Peak peak{sg::bench::peak_gflops(budget), sg::bench::copy_gigabytes(budget)};
  std::printf("%s, %d threads: %.1f GFLOPS f32, copies %.1f GB/s (read and written)\n", name_of(isa()), threads(),
              peak.gflops, peak.gigabytes);
  return peak;
}

/// "GFLOP/s share-of-peak share-of-memory" of 10^9 operations on 10^9 bytes.
std::string rates(const Peak& peak, double work, double gigabytes, double seconds) {
  char text[64], memory[16] = "-";
  const double at_peak = work / peak.gflops, through_memory = gigabytes / peak.gigabytes;
  if (through_memory > at_peak) std::snprintf(memory, sizeof memory, "%.0f%%", 100 * through_memory / seconds);
  std::snprintf(text, sizeof text, "%8.1f %4.0f%% %5s", work / seconds, 100 * at_peak / seconds, memory);
  return text;
}

struct Shape {
  const char* name;
  ConvGeometry geometry;
};

ConvGeometry square(std::int64_t batch, std::int64_t in, std::int64_t out, std::int64_t side, std::int64_t kernel,
                    std::int64_t stride, std::int64_t padding, std::int64_t groups = 1) {
  const std::int64_t result = (side + 2 * padding - kernel) / stride + 1;
  return {batch,  in,    side, side, out, kernel, kernel, result, result, {stride, stride}, {padding, padding},
          {1, 1}, groups};
}

const std::vector<Shape> kShapes = {
    {"denoiser 1-32 28", square(128, 1, 32, 28, 3, 1, 1)},
    {"denoiser 32-64 28 s2", square(128, 32, 64, 28, 3, 2, 1)},
    {"denoiser 64-64 14 s2", square(128, 64, 64, 14, 3, 2, 1)},
    {"denoiser 32-1 28", square(128, 32, 1, 28, 3, 1, 1)},
    {"conv_h1 1-32 28", square(32, 1, 32, 28, 3, 1, 1)},
    {"conv_h1 32-32 28 s2", square(32, 32, 32, 28, 3, 2, 1)},
    {"conv_h1 32-32 14 s2", square(32, 32, 32, 14, 3, 2, 1)},
    {"light 3-16 64", square(32, 3, 16, 64, 3, 1, 1)},
    {"light 16-16 64", square(32, 16, 16, 64, 3, 1, 1)},
    {"light 16-32 64 s2", square(32, 16, 32, 64, 3, 2, 1)},
    {"light 32-32 32", square(32, 32, 32, 32, 3, 1, 1)},
    {"light 64-64 16", square(32, 64, 64, 16, 3, 1, 1)},
    {"resnet18 3-64 64 7x7 s2", square(16, 3, 64, 64, 7, 2, 3)},
    {"resnet18 64-64 32", square(16, 64, 64, 32, 3, 1, 1)},
    {"resnet18 64-64 16", square(16, 64, 64, 16, 3, 1, 1)},
    {"resnet18 64-128 16 s2", square(16, 64, 128, 16, 3, 2, 1)},
    {"resnet18 128-128 8", square(16, 128, 128, 8, 3, 1, 1)},
    {"resnet18 256-256 4", square(16, 256, 256, 4, 3, 1, 1)},
    {"resnet18 512-512 2", square(16, 512, 512, 2, 3, 1, 1)},
    {"unet 3-64 32 7x7", square(4, 3, 64, 32, 7, 1, 3)},
    {"unet 64-64 32", square(4, 64, 64, 32, 3, 1, 1)},
    {"unet 128-128 16", square(4, 128, 128, 16, 3, 1, 1)},
    {"unet 256-256 8", square(4, 256, 256, 8, 3, 1, 1)},
    {"unet 384-256 8", square(4, 384, 256, 8, 3, 1, 1)},
    {"unet 64-384 32 1x1", square(4, 64, 384, 32, 1, 1, 0)},
    {"unet 128-64 32 1x1", square(4, 128, 64, 32, 1, 1, 0)},
    {"unet 256-256 8 1x1", square(4, 256, 256, 8, 1, 1, 0)},
    {"depthwise 64 32", square(8, 64, 64, 32, 3, 1, 1, 64)},
    {"grouped 64 32 g4", square(8, 64, 64, 32, 3, 1, 1, 4)},
};

template <class T>
void time_convolutions(const Peak& peak, double budget, const std::string& filter, std::int64_t batch) {
  std::printf("%-26s", "convolution");
  for (const char* const pass : {"forward ms", "by input ms", "by weight ms"}) {
    std::printf(" %12s %8s %5s %5s", pass, "GFLOP/s", "peak", "mem");
  }
  std::printf("\n");
  for (const Shape& shape : kShapes) {
    const char* const name = shape.name;
    ConvGeometry g = shape.geometry;
    if (batch > 0) g.batch = batch;
    if (std::string(name).find(filter) == std::string::npos) continue;
    std::vector<T> input(g.batch * g.in_channels * g.in_height * g.in_width, T(0.5));
    std::vector<T> weight(g.out_channels * g.in_channels / g.groups * g.kernel_height * g.kernel_width, T(0.25));
    std::vector<T> output(g.batch * g.out_channels * g.out_height * g.out_width, T(1));
    const double work = 2e-9 * static_cast<double>(output.size()) * static_cast<double>(weight.size()) /
                        static_cast<double>(g.out_channels);
    const double gigabytes = 1e-9 * static_cast<double>((input.size() + weight.size() + output.size()) * sizeof(T));
    const double times[] = {
        fastest(budget, [&] { conv2d(g, input.data(), weight.data(), output.data()); }),
        fastest(budget, [&] { conv2d_input_gradient(g, output.data(), weight.data(), input.data()); }),
        fastest(budget, [&] { conv2d_weight_gradient(g, input.data(), output.data(), weight.data()); }),
    };
    std::printf("%-26s", name);
    for (const double time : times) std::printf(" %12.3f %s", 1e3 * time, rates(peak, work, gigabytes, time).c_str());
    std::printf("\n");
  }
}

template <class T>
void time_products(const Peak& peak, double budget, const std::string& filter) {
  std::printf("%-32s %9s %8s %5s %5s\n", "product", "ms", "GFLOP/s", "peak", "mem");
  struct Product {
    std::int64_t batch, m, n, k;
    bool transpose_a, transpose_b;
  };
  const Product products[] = {
      {1, 1000, 64, 64, false, false},    {1, 1000, 64, 64, false, true},   {1, 64, 64, 1000, true, false},
      {1, 10000, 64, 64, false, false},   {1, 10000, 64, 64, false, true},  {1, 64, 64, 10000, true, false},
      {1, 1000, 64, 1, false, false},     {1, 1000, 1, 64, false, false},   {1, 64, 1, 1000, true, false},
      {1, 1, 64, 1000, true, false},      {1, 10000, 64, 2, false, false},  {1, 10000, 2, 64, false, true},
      {1, 128, 3136, 32, false, true},    {1, 128, 32, 3136, false, true},  {1, 128, 32, 3136, false, false},
      {1, 3136, 32, 128, true, false},    {1, 512, 512, 512, false, false}, {1, 2048, 2048, 512, false, false},
      {4096, 28, 28, 28, false, false},   {16, 64, 64, 64, false, true},    {16, 1024, 1024, 32, false, true},
      {16, 1024, 32, 1024, false, false}, {16, 32, 32, 1024, false, true},  {4096, 4, 4, 4, false, false},
  };
  for (const Product& p : products) {
    char name[80];
    std::snprintf(name, sizeof name, "%ld x [%ld,%ld]%s [%ld,%ld]%s", p.batch, p.m, p.k, p.transpose_a ? "'" : "", p.k,
                  p.n, p.transpose_b ? "'" : "");
    if (std::string(name).find(filter) == std::string::npos) continue;
    std::vector<T> a(p.batch * p.m * p.k, T(0.5)), b(p.batch * p.k * p.n, T(0.25)), c(p.batch * p.m * p.n);
    const MatmulShape shape{p.batch,
                            p.m,
                            p.n,
                            p.k,
                            p.transpose_a,
                            p.transpose_b,
                            p.transpose_a ? p.m : p.k,
                            p.transpose_b ? p.k : p.n,
                            p.n,
                            p.m * p.k,
                            p.k * p.n,
                            p.m * p.n};
    const double time = fastest(budget, [&] { matmul(shape, a.data(), b.data(), c.data()); });
    const double work = 2e-9 * static_cast<double>(p.batch * p.m) * static_cast<double>(p.n * p.k);
    const double gigabytes = 1e-9 * static_cast<double>((a.size() + b.size() + c.size()) * sizeof(T));
    std::printf("%-32s %9.4f %s\n", name, 1e3 * time, rates(peak, work, gigabytes, time).c_str());
  }
}

}  // namespace

int main(int count, char** arguments) {
  double budget = 0.2;
  std::string filter;
  std::int64_t batch = 0;
  bool peak_only = false, in_double = false;
  for (int i = 1; i < count; ++i) {
    const std::string option = arguments[i];
    if (option == "--peak") {
      peak_only = true;
    } else if (option == "--double") {
      in_double = true;
    } else if (option == "--cold") {
      cold = true;
    } else if (i + 1 < count && option == "--threads") {
      set_threads(std::atoi(arguments[++i]));
    } else if (i + 1 < count && option == "--seconds") {
      budget = std::atof(arguments[++i]);
    } else if (i + 1 < count && option == "--filter") {
      filter = arguments[++i];
    } else if (i + 1 < count && option == "--batch") {
      batch = std::atoll(arguments[++i]);
    } else {
      std::fprintf(stderr,
                   "bench_kernels: error: unknown option %s; there are --peak, --double, --cold, --threads N, "
                   "--seconds S, --filter TEXT, --batch N\n",
                   option.c_str());
      return 2;
    }
  }
  Peak peak = measure_peak(budget);
  if (peak_only) return 0;
  if (in_double) {
    peak.gflops /= 2;  // half as many lanes
    time_convolutions<double>(peak, budget, filter, batch);
    time_products<double>(peak, budget, filter);
  } else {
    time_convolutions<float>(peak, budget, filter, batch);
    time_products<float>(peak, budget, filter);
  }
  return 0;
}
