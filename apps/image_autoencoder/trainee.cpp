// Trainee: the steps and test figures of one autoencoder.
#include "apps/image_autoencoder/trainee.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "apps/common/ranks.h"
#include "apps/image_autoencoder/directions.h"
#include "apps/image_autoencoder/encoder_weights.h"
#include "engine/autodiff.h"
#include "engine/printable.h"
#include "nn/safetensors.h"

namespace sg::image_autoencoder {

namespace {

constexpr std::int64_t kTestBatch = 32;

data::BatchPart rank_part() { return {apps::this_rank(), apps::rank_count()}; }

}  // namespace

Autoencoder::Autoencoder(const Settings& settings, const Pictures& pictures, apps::Loss loss, bool fresh,
                         std::string* notice)
    : settings_(settings),
      pictures_(pictures),
      loss_(std::move(loss)),
      network_(make_net(settings.net)),
      order_(pictures.train->size(), settings.common.batch_size, settings.common.seed, settings.common.shuffle) {
  network_->initialise(settings.common.seed);
  network_->to(settings.common.element_type());
  if (fresh && !settings.common.init.empty()) nn::load_weights(*network_, settings.common.init, "--init");
  if (fresh && !settings.init_encoder.empty()) {
    const auto ignored = load_encoder(static_cast<nn::ResnetAutoencoder&>(*network_).encoder(), settings.init_encoder);
    if (notice && !ignored.empty()) {
      constexpr std::size_t longest = 4000;
      *notice = printable(fmt::format("--init-encoder: ignored {}", fmt::join(ignored, ", ")), longest);
    }
  }
  adam_ = std::make_unique<nn::Adam>(
      *network_, nn::AdamOptions{.learning_rate = settings.common.lr, .weight_decay = settings.weight_decay});
}

Tensor Autoencoder::pieces_of(std::int64_t step) {
  if (step == loaded_step_) return loaded_;
  if (!loader_ || step != loaded_step_ + 1) {
    data::BatchOrder order = order_;
    order.seek(step);
    order.take(rank_part());
    loader_ = std::make_unique<data::PictureLoader>(*pictures_.train, order, settings_.common.element_type());
  }
  loaded_ = loader_->next().pictures;
  loaded_step_ = step;
  return loaded_;
}

std::int64_t Autoencoder::batch_size(std::int64_t step) const {
  data::BatchOrder order = order_;
  order.seek(step);
  return static_cast<std::int64_t>(order.next().samples.size());
}

Tensor Autoencoder::loss(std::int64_t step, const data::BatchPart& part) {
  const std::int64_t all = batch_size(step), first = part.first(all), last = part.last(all);
  if (first == last) return {};
  const std::int64_t read_before = rank_part().first(all);
  const Tensor pieces = pieces_of(step);
  const Tensor input = part.count == 1 ? pieces : slice(pieces, 0, first - read_before, last - read_before).detach();
  const Tensor output = (*network_)(input);
  Tensor loss = apps::picture_loss(loss_, output - input, settings_.common);
  if (settings_.exact_directions > 0 && loss_.kind == "h1") {
    Shape whole = input.shape();
    whole[0] = all;
    Tensors directions;
    for (std::int64_t k = 0; k < settings_.exact_directions; ++k) {
      directions.push_back(
          slice(smooth_directions(whole, settings_.common.seed, step, k, input.dtype()), 0, first, last));
    }
    loss = loss + exact_directions_loss(output, input, directions) * settings_.exact_weight;
  }
  return apps::share_of_mean(loss, part, all);
}

std::vector<double> Autoencoder::evaluate() {
  if (!pictures_.test) return {};
  const NoGrad no_grad;
  double squares = 0;
  for (const auto& samples : data::batches_in_order(pictures_.test->size(), kTestBatch)) {
    const Tensor pieces = data::read_pictures(*pictures_.test, samples, 0, settings_.common.element_type());
    squares += sum(square((*network_)(pieces)-pieces)).item();
  }
  const double error = squares / static_cast<double>(pictures_.test->size() * 3 * settings_.size * settings_.size);
  return {error, 10 * std::log10(1 / std::max(error, 1e-300))};
}

Tensor Autoencoder::examples(std::int64_t count) const {
  const std::int64_t all = shown().size();
  std::vector<std::int64_t> samples;
  for (std::int64_t i = 0; i < std::min(count, all); ++i) {
    samples.push_back((2 * i + 1) * all / (2 * std::min(count, all)));
  }
  return data::read_pictures(shown(), samples, 0, settings_.common.element_type());
}

double Autoencoder::derivative_error() {
  constexpr std::int64_t directions = 2;
  network_->eval();
  const Tensor input = examples(16);
  const Tensor output = (*network_)(input);
  Tensors along;
  for (std::int64_t k = 0; k < directions; ++k) {
    along.push_back(smooth_directions(input.shape(), 0, -1, k, input.dtype()));
  }
  return std::sqrt(exact_directions_loss(output, input, along).item());
}

}  // namespace sg::image_autoencoder
