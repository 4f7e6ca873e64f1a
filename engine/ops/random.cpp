// Random numbers as nodes of a graph: what is drawn depends on the key's value and the shape alone, so the plan of a
// step serves the next one, whose key is another leaf.
#include "engine/random.h"

#include "engine/ops/elementwise.h"

namespace sg {
namespace {

/// For each key of the input, a stretch of its stream.
class RandomNumbers : public Primitive {
 public:
  void run(std::span<const Span> inputs, const Span& output) const final {
    const std::int64_t keys = element_count(*inputs[0].shape) / 2;
    const std::int64_t each = keys == 0 ? 0 : element_count(*output.shape) / keys;
    const auto* key = inputs[0].as<const std::int64_t>();
    for (std::int64_t i = 0; i < keys; ++i) {
      const auto seed = static_cast<std::uint64_t>(key[2 * i]), stream = static_cast<std::uint64_t>(key[2 * i + 1]);
      const auto count = static_cast<std::size_t>(each);
      if (output.dtype == f32) {
        fill(std::span(output.as<float>() + i * each, count), seed, stream);
      } else {
        fill(std::span(output.as<double>() + i * each, count), seed, stream);
      }
    }
  }
  virtual void fill(std::span<float> out, std::uint64_t seed, std::uint64_t stream) const = 0;
  virtual void fill(std::span<double> out, std::uint64_t seed, std::uint64_t stream) const = 0;
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const final { return {}; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors&) const final { return {}; }
  Series jet(const std::vector<Series>&, const Tensor& output, int) const final { return {output}; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor& output, std::int64_t n) const final {
    Shape shape = output.shape();
    shape.insert(shape.begin(), n);
    return make_node(output.node()->primitive(), inputs, shape, output.dtype());
  }
};

Tensor draw(const PrimitivePointer& primitive, const Tensor& key, const Shape& shape, Dtype dtype) {
  if (key.dtype() != i64 || key.rank() == 0 || key.shape(-1) != 2) {
    fail("{}: needs a key i64 [..., 2], got {} {}", primitive->name(), name_of(key.dtype()), key.shape());
  }
  if (!is_floating(dtype)) fail("{}: the dtype must be f32 or f64, not {}", primitive->name(), name_of(dtype));
  Shape whole(key.shape().begin(), key.shape().end() - 1);
  for (std::int64_t extent : shape) {
    if (extent < 0) fail("{}: negative extent: {}", primitive->name(), shape);
    whole.push_back(extent);
  }
  return make_node(primitive, {key}, whole, dtype);
}

struct Uniform final : RandomNumbers {
  std::string_view name() const override { return "uniform"; }
  void fill(std::span<float> out, std::uint64_t seed, std::uint64_t stream) const override {
    fill_uniform(out, seed, stream);
  }
  void fill(std::span<double> out, std::uint64_t seed, std::uint64_t stream) const override {
    fill_uniform(out, seed, stream);
  }
};
}  // namespace
Tensor uniform(const Tensor& key, Shape shape, Dtype dtype) { return draw(instance<Uniform>(), key, shape, dtype); }

namespace {
struct Normal final : RandomNumbers {
  std::string_view name() const override { return "normal"; }
  void fill(std::span<float> out, std::uint64_t seed, std::uint64_t stream) const override {
    fill_normal(out, seed, stream);
  }
  void fill(std::span<double> out, std::uint64_t seed, std::uint64_t stream) const override {
    fill_normal(out, seed, stream);
  }
};
}  // namespace
Tensor normal(const Tensor& key, Shape shape, Dtype dtype) { return draw(instance<Normal>(), key, shape, dtype); }

Tensor random_key(std::uint64_t seed, std::uint64_t stream) {
  const std::int64_t words[] = {static_cast<std::int64_t>(seed), static_cast<std::int64_t>(stream)};
  return tensor(std::span<const std::int64_t>(words), {2});
}

Tensor bernoulli(const Tensor& key, Shape shape, double probability, Dtype dtype) {
  if (!(probability >= 0 && probability <= 1)) fail("bernoulli: a probability lies in [0, 1]: {}", probability);
  return less(uniform(key, shape, dtype), probability);
}

}  // namespace sg
