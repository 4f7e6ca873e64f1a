// The three convolutions: the product, its gradient by the input (the transposed convolution) and its gradient by the
// weight. Each is bilinear and each one's derivatives are the other two.
#include "engine/kernels/conv.h"
#include "engine/ops/elementwise.h"

namespace sg {
namespace {

/// The extents of one convolution, from which the kernels' geometry follows.
struct ConvShapes {
  const Shape &image, &weight, &output;  // [N, C, H, W], [O, C / groups, kh, kw], [N, O, H', W']
};

kernels::ConvGeometry geometry(const ConvShapes& shapes, const Conv2dOptions& options) {
  kernels::ConvGeometry g{};
  g.batch = shapes.image[0];
  g.in_channels = shapes.image[1];
  g.in_height = shapes.image[2];
  g.in_width = shapes.image[3];
  g.out_channels = shapes.output[1];
  g.kernel_height = shapes.weight[2];
  g.kernel_width = shapes.weight[3];
  g.out_height = shapes.output[2];
  g.out_width = shapes.output[3];
  for (int i = 0; i < 2; ++i) {
    g.stride[i] = options.stride[i];
    g.padding[i] = options.padding[i];
    g.dilation[i] = options.dilation[i];
  }
  g.groups = options.groups;
  return g;
}

/// Two operations for each of the products that a convolution is made of.
double conv_flops(const ConvShapes& shapes) {
  return 2.0 * static_cast<double>(element_count(shapes.output)) * static_cast<double>(element_count(shapes.weight)) /
         static_cast<double>(std::max<std::int64_t>(shapes.weight[0], 1));
}

void check_images(std::string_view operation, const Tensor& x, std::string_view what, const Tensor& other,
                  std::string_view other_what) {
  if (x.rank() != 4) fail("{}: {} must have four axes, got {}", operation, what, x.shape());
  if (other.rank() != 4) fail("{}: {} must have four axes, got {}", operation, other_what, other.shape());
  if (x.dtype() != other.dtype() || !is_floating(x.dtype())) {
    fail("{}: needs two of f32 or two of f64, got {} and {}", operation, name_of(x.dtype()), name_of(other.dtype()));
  }
}

void check_options(std::string_view operation, const Conv2dOptions& options) {
  for (int i = 0; i < 2; ++i) {
    if (options.stride[i] < 1) fail("{}: stride must be at least 1, got {}", operation, options.stride[i]);
    if (options.dilation[i] < 1) fail("{}: dilation must be at least 1, got {}", operation, options.dilation[i]);
    if (options.padding[i] < 0) fail("{}: padding must not be negative, got {}", operation, options.padding[i]);
  }
  if (options.groups < 1) fail("{}: groups must be at least 1, got {}", operation, options.groups);
}

/// The output's extent along one axis, and at least zero.
std::int64_t conv_extent(std::int64_t extent, std::int64_t kernel, const Conv2dOptions& options, int axis) {
  const std::int64_t reach = extent + 2 * options.padding[axis] - options.dilation[axis] * (kernel - 1) - 1;
  return reach < 0 ? 0 : reach / options.stride[axis] + 1;
}

/// The padding that is on both sides, which the kernels know, and what one side has more of.
struct Padding {
  Conv2dOptions common;
  Shape before{0, 0, 0, 0}, after{0, 0, 0, 0};
  bool is_equal() const { return before == after; }
};
Padding split_padding(std::string_view operation, Conv2dOptions options) {
  Padding padding;
  for (int i = 0; i < 2; ++i) {
    const std::int64_t before = options.padding[i];
    const std::int64_t after = options.padding_after[i] < 0 ? before : options.padding_after[i];
    if (before < 0) fail("{}: padding must not be negative, got {}", operation, before);
    options.padding[i] = std::min(before, after);
    options.padding_after[i] = -1;
    padding.before[2 + i] = before - options.padding[i];
    padding.after[2 + i] = after - options.padding[i];
  }
  padding.common = options;
  return padding;
}

/// What the three have in common: the options as attributes.
class Convolution : public Configured<Conv2dOptions> {
 public:
  using Configured::Configured;
  Linearity linearity() const final { return Linearity::bilinear; }
};
}  // namespace

static Tensor input_gradient(const Tensor& cotangent, const Tensor& weight, const Conv2dOptions& options,
                             const Shape& image);

namespace {
/// [n, N, C, H, W] -> [n N, C, H, W].
Tensor folded(const Tensor& x) {
  return reshape(x, {x.shape()[0] * x.shape()[1], x.shape()[2], x.shape()[3], x.shape()[4]});
}

/// [n, N, C, H, W] -> [N, n C, H, W]: a batch of convolutions as groups of one.
Tensor batch_to_channels(const Tensor& x) {
  const Shape& s = x.shape();
  return reshape(transpose(x, {1, 0, 2, 3, 4}), {s[1], s[0] * s[2], s[3], s[4]});
}

/// The inverse of batch_to_channels.
Tensor channels_to_batch(const Tensor& x, std::int64_t n) {
  const Shape& s = x.shape();
  return transpose(reshape(x, {s[0], n, s[1] / n, s[2], s[3]}), {1, 0, 2, 3, 4});
}

Tensor unfolded(const Tensor& x, std::int64_t n) {
  const Shape& s = x.shape();
  return reshape(x, {n, s[0] / n, s[1], s[2], s[3]});
}

Conv2dOptions grouped(Conv2dOptions options, std::int64_t n) {
  options.groups *= n;
  return options;
}

struct Conv2d final : Convolution {
  using Convolution::Convolution;
  std::string_view name() const override { return "conv2d"; }
  Rows rows() const override { return Rows::first; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const auto g = geometry({*inputs[0].shape, *inputs[1].shape, *output.shape}, settings());
    if (output.dtype == f32) {
      kernels::conv2d(g, inputs[0].as<const float>(), inputs[1].as<const float>(), output.as<float>());
    } else {
      kernels::conv2d(g, inputs[0].as<const double>(), inputs[1].as<const double>(), output.as<double>());
    }
  }
  double flops(std::span<const Shape* const> inputs, const Shape& output) const override {
    return conv_flops({*inputs[0], *inputs[1], output});
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    if (argument == 0) return input_gradient(cotangent, inputs[1], settings(), inputs[0].shape());
    return conv2d_weight_gradient(inputs[0], cotangent, {inputs[1].shape()[2], inputs[1].shape()[3]}, settings());
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor&, std::int64_t n) const override {
    if (!mapped[1]) return unfolded(conv2d(folded(inputs[0]), inputs[1], settings()), n);
    const Tensor images = batch_to_channels(with_batch(inputs[0], mapped[0], n));
    return channels_to_batch(conv2d(images, folded(inputs[1]), grouped(settings(), n)), n);
  }
};
}  // namespace
Tensor conv2d(const Tensor& x, const Tensor& weight, const Conv2dOptions& options) {
  check_images("conv2d", x, "the input", weight, "the weight");
  check_options("conv2d", options);
  const Padding padding = split_padding("conv2d", options);
  if (!padding.is_equal()) return conv2d(pad(x, padding.before, padding.after), weight, padding.common);
  const Shape &image = x.shape(), &kernel = weight.shape();
  if (image[1] != kernel[1] * options.groups || kernel[0] % options.groups != 0) {
    fail("conv2d: channels do not fit: input {}, weight {}, groups {}", image, kernel, options.groups);
  }
  const Shape shape{image[0], kernel[0], conv_extent(image[2], kernel[2], options, 0),
                    conv_extent(image[3], kernel[3], options, 1)};
  if (shape[2] == 0 || shape[3] == 0) {
    fail("conv2d: the kernel does not fit into the padded input: {} and {}", image, kernel);
  }
  return make_node(make_primitive<Conv2d>(padding.common), {x, weight}, shape, x.dtype());
}

namespace {
struct ConvTranspose2d final : Convolution {
  using Convolution::Convolution;
  std::string_view name() const override { return "conv_transpose2d"; }
  Rows rows() const override { return Rows::first; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const auto g = geometry({*output.shape, *inputs[1].shape, *inputs[0].shape}, settings());
    if (output.dtype == f32) {
      kernels::conv2d_input_gradient(g, inputs[0].as<const float>(), inputs[1].as<const float>(), output.as<float>());
    } else {
      kernels::conv2d_input_gradient(g, inputs[0].as<const double>(), inputs[1].as<const double>(),
                                     output.as<double>());
    }
  }
  double flops(std::span<const Shape* const> inputs, const Shape& output) const override {
    return conv_flops({output, *inputs[1], *inputs[0]});
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    if (argument == 0) return conv2d(cotangent, inputs[1], settings());
    return conv2d_weight_gradient(cotangent, inputs[0], {inputs[1].shape()[2], inputs[1].shape()[3]}, settings());
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor& output,
               std::int64_t n) const override {
    Shape image = output.shape();
    if (!mapped[1]) {
      image[0] *= n;
      return unfolded(input_gradient(folded(inputs[0]), inputs[1], settings(), image), n);
    }
    image[1] *= n;
    const Tensor cotangents = batch_to_channels(with_batch(inputs[0], mapped[0], n));
    return channels_to_batch(input_gradient(cotangents, folded(inputs[1]), grouped(settings(), n), image), n);
  }
};
}  // namespace
static Tensor input_gradient(const Tensor& cotangent, const Tensor& weight, const Conv2dOptions& options,
                             const Shape& image) {
  return make_node(make_primitive<ConvTranspose2d>(options), {cotangent, weight}, image, cotangent.dtype());
}
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Conv2dOptions& options,
                        PerAxis<2> output_padding) {
  check_images("conv_transpose2d", x, "the input", weight, "the weight");
  check_options("conv_transpose2d", options);
  const Padding padding = split_padding("conv_transpose2d", options);
  if (!padding.is_equal()) {
    Tensor whole = conv_transpose2d(x, weight, padding.common, output_padding);
    for (std::int64_t axis : {2, 3}) {
      const std::int64_t start = padding.before[axis], stop = whole.shape()[axis] - padding.after[axis];
      if (stop <= start) {
        fail("conv_transpose2d: the output would be empty: input {}, weight {}, padding {} and {}", x.shape(),
             weight.shape(), options.padding[axis - 2], options.padding_after[axis - 2]);
      }
      whole = slice(whole, axis, start, stop);
    }
    return whole;
  }
  const Shape &input = x.shape(), &kernel = weight.shape();
  if (input[1] != kernel[0] || kernel[0] % options.groups != 0) {
    fail("conv_transpose2d: channels do not fit: input {}, weight {}, groups {}", input, kernel, options.groups);
  }
  Shape image{input[0], kernel[1] * options.groups, 0, 0};
  bool reads_back = true;  // as many rows and columns as the input has
  for (int i = 0; i < 2; ++i) {
    if (output_padding[i] < 0 || output_padding[i] >= std::max(options.stride[i], options.dilation[i])) {
      fail("conv_transpose2d: output padding {} must be smaller than stride {} or dilation {}", output_padding[i],
           options.stride[i], options.dilation[i]);
    }
    image[2 + i] = (input[2 + i] - 1) * options.stride[i] - 2 * options.padding[i] +
                   options.dilation[i] * (kernel[2 + i] - 1) + 1 + output_padding[i];
    if (image[2 + i] < 1) {
      fail("conv_transpose2d: the output would be empty: input {}, weight {}, padding {}", input, kernel,
           options.padding[i]);
    }
    reads_back = reads_back && conv_extent(image[2 + i], kernel[2 + i], options, i) == input[2 + i];
  }
  if (!reads_back) {
    Conv2dOptions unpadded = padding.common;
    unpadded.padding = {0, 0};
    Tensor whole =
        pad(conv_transpose2d(x, weight, unpadded), {0, 0, 0, 0}, {0, 0, output_padding[0], output_padding[1]});
    for (int i = 0; i < 2; ++i) {
      whole = slice(whole, 2 + i, options.padding[i], options.padding[i] + image[2 + i]);
    }
    return whole;
  }
  return input_gradient(x, weight, padding.common, image);
}

namespace {
struct Conv2dWeightGradient final : Convolution {
  using Convolution::Convolution;
  std::string_view name() const override { return "conv2d_weight_gradient"; }
  Rows rows() const override { return Rows::sum; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const auto g = geometry({*inputs[0].shape, *output.shape, *inputs[1].shape}, settings());
    if (output.dtype == f32) {
      kernels::conv2d_weight_gradient(g, inputs[0].as<const float>(), inputs[1].as<const float>(), output.as<float>());
    } else {
      kernels::conv2d_weight_gradient(g, inputs[0].as<const double>(), inputs[1].as<const double>(),
                                      output.as<double>());
    }
  }
  double flops(std::span<const Shape* const> inputs, const Shape& output) const override {
    return conv_flops({*inputs[0], output, *inputs[1]});
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    // The cotangent has the weight's shape, and stands in its place.
    if (argument == 0) return input_gradient(inputs[1], cotangent, settings(), inputs[0].shape());
    return conv2d(inputs[0], cotangent, settings());
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor& output,
               std::int64_t n) const override {
    const Tensor images = batch_to_channels(with_batch(inputs[0], mapped[0], n));
    const Tensor cotangents = batch_to_channels(with_batch(inputs[1], mapped[1], n));
    const Shape& weight = output.shape();
    return unfolded(conv2d_weight_gradient(images, cotangents, {weight[2], weight[3]}, grouped(settings(), n)), n);
  }
};
}  // namespace
Tensor conv2d_weight_gradient(const Tensor& x, const Tensor& cotangent, PerAxis<2> kernel,
                              const Conv2dOptions& options) {
  check_images("conv2d_weight_gradient", x, "the input", cotangent, "the cotangent");
  check_options("conv2d_weight_gradient", options);
  const Padding padding = split_padding("conv2d_weight_gradient", options);
  if (!padding.is_equal()) {
    return conv2d_weight_gradient(pad(x, padding.before, padding.after), cotangent, kernel, padding.common);
  }
  const Shape &image = x.shape(), &output = cotangent.shape();
  if (image[0] != output[0] || image[1] % options.groups != 0 || output[1] % options.groups != 0 || kernel[0] < 1 ||
      kernel[1] < 1) {
    fail("conv2d_weight_gradient: input {} and cotangent {} do not fit (kernel [{}, {}], groups {})", image, output,
         kernel[0], kernel[1], options.groups);
  }
  for (int i = 0; i < 2; ++i) {
    const std::int64_t expected = conv_extent(image[2 + i], kernel[i], options, i);
    if (expected != output[2 + i]) {
      fail("conv2d_weight_gradient: input {} gives an extent of {} along axis {}, the cotangent has {}", image,
           expected, 2 + i, output);
    }
  }
  return make_node(make_primitive<Conv2dWeightGradient>(padding.common), {x, cotangent},
                   {output[1], image[1] / options.groups, kernel[0], kernel[1]}, x.dtype());
}

}  // namespace sg
