// Trainee: one autoencoder under one loss.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/compare_losses.h"
#include "apps/image_autoencoder/pictures.h"
#include "data/picture_loader.h"
#include "nn/optim/adam.h"

namespace sg::image_autoencoder {

class Autoencoder : public apps::Trainee {
 public:
  /// With `fresh`, takes the starting weights of --init or --init-encoder, and says in `notice` what it ignored of
  /// them; otherwise a checkpoint is to fill it.
  Autoencoder(const Settings& settings, const Pictures& pictures, apps::Loss loss, bool fresh = true,
              std::string* notice = nullptr);

  nn::PictureAutoencoder& network() override { return *network_; }
  nn::Optimizer& optimizer() override { return *adam_; }
  std::int64_t steps_per_epoch() const override { return order_.batches_per_epoch(); }

  Tensor loss(std::int64_t step, const data::BatchPart& part) override;
  /// Mean squared error of all test pieces and its PSNR, 10 log10(1 / error), in decibels; nothing without test pieces.
  std::vector<double> evaluate() override;

  /// |J v - v| / |v| along fixed smooth directions v at the first test pieces (training pieces when there are none).
  double derivative_error();
  /// Pieces spread evenly over the test set (training set when there is none).
  Tensor examples(std::int64_t count) const;

 private:
  const data::ImageFolder& shown() const { return pictures_.test ? *pictures_.test : *pictures_.train; }
  /// Those that this rank reads of a step's batch.
  Tensor pieces_of(std::int64_t step);
  /// How many the whole batch has.
  std::int64_t batch_size(std::int64_t step) const;

  const Settings& settings_;
  const Pictures& pictures_;
  apps::Loss loss_;
  std::unique_ptr<nn::PictureAutoencoder> network_;
  std::unique_ptr<nn::Adam> adam_;
  data::BatchOrder order_;
  std::unique_ptr<data::PictureLoader> loader_;
  std::int64_t loaded_step_ = -1;
  Tensor loaded_;
};

}  // namespace sg::image_autoencoder
