// Features.
#include "apps/ddim/features.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/common/run_app.h"
#include "apps/ddim/settings.h"
#include "data/batches.h"
#include "engine/random.h"
#include "nn/activation.h"
#include "nn/container.h"
#include "nn/conv.h"
#include "nn/diffusion.h"
#include "nn/linear.h"
#include "nn/optim/adam.h"
#include "nn/optim/schedule.h"

namespace sg::ddim {
namespace {

constexpr std::int64_t kFeatures = 64, kBatch = 100;
constexpr std::uint64_t kSeed = 0;

/// Calls `work` with batches of the pictures, and joins what it returns.
template <class Work>
Tensor in_batches(const Tensor& pictures, Work work) {
  const NoGrad no_grad;
  Tensors parts;
  for (std::int64_t first = 0; first < pictures.shape(0); first += kBatch) {
    parts.push_back(work(slice(pictures, 0, first, std::min(first + kBatch, pictures.shape(0)))).eval().detach());
  }
  return concat(parts, 0).eval().detach();
}

class Classifier : public nn::Module {
 public:
  Classifier(const Shape& sample, std::int64_t classes)
      : flat_(64 * ((sample[1] + 3) / 4) * ((sample[2] + 3) / 4)),
        first_(sample[0], 32, 3, {.stride = 2, .padding = 1}),
        second_(32, 64, 3, {.stride = 2, .padding = 1}),
        features_(flat_, kFeatures),
        last_(kFeatures, classes) {
    add_child("first", first_);
    add_child("second", second_);
    add_child("features", features_);
    add_child("last", last_);
  }
  Tensor features(const Tensor& x) {
    return relu(features_(reshape(relu(second_(relu(first_(x)))), {x.shape(0), flat_})));
  }
  Tensor forward(const Tensor& x) override { return last_(features(x)); }

 private:
  std::int64_t flat_;
  nn::Conv2d first_, second_;
  nn::Linear features_, last_;
};

/// The pictures [N, C, H, W] moved by up to two pixels each way, by the step alone; black comes in at the edges.
Tensor moved(const Tensor& x, std::int64_t step) {
  Philox random(kSeed, static_cast<std::uint64_t>(step));
  const auto up = static_cast<std::int64_t>(random.below(5)), left = static_cast<std::int64_t>(random.below(5));
  const Tensor wide = pad(x, {0, 0, 2, 2}, {0, 0, 2, 2});
  return slice(slice(wide, 2, up, up + x.shape(2)), 3, left, left + x.shape(3));
}

class ClassifierFeatures : public PictureFeatures {
 public:
  ClassifierFeatures(const data::PictureSet& pictures, std::span<const std::uint8_t> labels, int epochs)
      : network_(pictures.sample_shape(), 1 + *std::max_element(labels.begin(), labels.end())),
        count_(pictures.size()) {
    network_.initialise(kSeed);
    nn::Adam adam(network_, {.learning_rate = 2e-3});
    data::BatchOrder order(pictures.size(), kBatch, kSeed, true);
    const std::int64_t steps = epochs * order.batches_per_epoch();
    const nn::Schedule rate = nn::cosine_schedule(2e-3, steps);
    for (std::int64_t step = 0; step < steps; ++step) {
      if (apps::interrupted()) apps::stop_interrupted(kName, "");
      const data::Batch batch = order.next();
      std::vector<std::int64_t> classes;
      for (const std::int64_t i : batch.samples) classes.push_back(labels[static_cast<std::size_t>(i)]);
      const auto count = static_cast<std::int64_t>(classes.size());
      const Tensor x = moved(data::read_pictures(pictures, batch.samples), step);
      const Tensor scores = log_softmax(network_(x * 2 - 1), 1);
      adam.set_learning_rate(rate(step));
      adam.minimise(-mean(gather(scores, tensor(std::span<const std::int64_t>(classes), {count, 1}), 1)));
    }
  }
  Tensor operator()(const Tensor& pictures) override {
    return in_batches(pictures, [&](const Tensor& part) { return network_.features(cast(part, f32) * 2 - 1); });
  }
  Tensor probabilities(const Tensor& pictures) override {
    return in_batches(pictures, [&](const Tensor& part) { return softmax(network_(cast(part, f32) * 2 - 1), 1); });
  }
  std::string description() const override {
    return fmt::format(
        "the {} numbers before the last layer of a small classifier, trained on the {} labelled training pictures from "
        "a fixed seed",
        kFeatures, count_);
  }

 private:
  Classifier network_;
  std::int64_t count_;
};

class EncoderFeatures : public PictureFeatures {
 public:
  explicit EncoderFeatures(nn::Unet& network) : network_(network.options()) {
    network_.load_state(network.state());
    network_.eval();
  }
  Tensor operator()(const Tensor& pictures) override {
    return in_batches(pictures, [&](const Tensor& part) {
      return mean(network_.encode(cast(part, f32) * 2 - 1, zeros({part.shape(0)})), {2, 3});
    });
  }
  std::string description() const override {
    return "the means over all places of the middle of the first loss's own denoiser, for pictures without noise at "
           "time 0";
  }

 private:
  nn::Unet network_;
};

}  // namespace

std::unique_ptr<PictureFeatures> classifier_features(const data::PictureSet& pictures,
                                                     std::span<const std::uint8_t> labels, int epochs) {
  if (static_cast<std::int64_t>(labels.size()) != pictures.size() || labels.empty()) {
    fail("classifier_features: {} labels for {} pictures", labels.size(), pictures.size());
  }
  return std::make_unique<ClassifierFeatures>(pictures, labels, epochs);
}

double classification_accuracy(PictureFeatures& features, const Tensor& pictures,
                               std::span<const std::uint8_t> labels) {
  const Tensor probabilities = features.probabilities(pictures);
  if (!probabilities.defined()) fail("classification_accuracy: these features are no classifier's");
  if (pictures.shape(0) != static_cast<std::int64_t>(labels.size()) || labels.empty()) {
    fail("classification_accuracy: {} labels for {} pictures", labels.size(), pictures.shape(0));
  }
  const auto classes = argmax(probabilities, 1).to_vector<std::int64_t>();
  std::size_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += classes[i] == labels[i];
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

std::unique_ptr<PictureFeatures> encoder_features(nn::Unet& network) {
  return std::make_unique<EncoderFeatures>(network);
}

}  // namespace sg::ddim
