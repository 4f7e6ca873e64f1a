// Train: one denoiser a loss, from the same start on the same batches, and their comparison.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/common/options.h"
#include "apps/common/picture_data.h"
#include "apps/common/report.h"
#include "apps/mnist_denoise/command.h"
#include "data/batches.h"
#include "data/image_io.h"
#include "data/noise.h"
#include "engine/kernels/parallel.h"
#include "engine/profile.h"
#include "engine/recompute.h"
#include "nn/models/denoiser.h"
#include "nn/optim/adam.h"
#include "nn/safetensors.h"

namespace sg::mnist_denoise {
namespace {

constexpr std::int64_t kTestBatch = 250;
constexpr std::int64_t kShown = 16;

struct Settings {
  apps::Options common;
  std::string noise = "sine";
  std::int64_t z = 32;
  double test_fraction = 0.1;
};

/// The noise of training, or the stronger one that the network has never seen.
Tensor noise_for(const Settings& settings, std::span<const std::int64_t> samples, std::int64_t epoch, bool amplified) {
  const Dtype dtype = settings.common.element_type();
  if (settings.noise == "sine") return data::sine_noise(kSide, kSide, 0.3, amplified ? 10 : 1, dtype);
  return data::gaussian_noise({1, kSide, kSide}, samples, amplified ? 1.0 : 0.5, settings.common.seed, epoch, dtype);
}

class Denoiser : public apps::Trainee {
 public:
  /// Takes the starting weights of --init when it is `fresh`; otherwise a checkpoint is to fill it.
  Denoiser(const Settings& settings, const apps::PictureSets& pictures, apps::Loss loss, bool fresh)
      : settings_(settings),
        pictures_(pictures),
        loss_(std::move(loss)),
        network_(settings.z),
        order_(pictures.train->size(), settings.common.batch_size, settings.common.seed, settings.common.shuffle) {
    network_.initialise(settings.common.seed);
    network_.to(settings.common.element_type());
    if (fresh && !settings.common.init.empty()) nn::load_weights(network_, settings.common.init, "--init");
    adam_ = std::make_unique<nn::Adam>(network_, nn::AdamOptions{.learning_rate = settings.common.lr});
  }

  nn::Module& network() override { return network_; }
  nn::Optimizer& optimizer() override { return *adam_; }
  std::int64_t steps_per_epoch() const override { return order_.batches_per_epoch(); }

  Tensor loss(std::int64_t step, const data::BatchPart& part) override {
    order_.seek(step);
    const data::Batch batch = order_.next();
    const std::vector<std::int64_t> samples = part.of(batch.samples);
    if (samples.empty()) return {};
    const Tensor clean = data::read_pictures(*pictures_.train, samples, 0, settings_.common.element_type());
    const Tensor noisy = clean + noise_for(settings_, samples, batch.position.epoch, false);
    const Tensor loss = apps::picture_loss(loss_, network_(noisy) - clean, settings_.common);
    return apps::share_of_mean(loss, part, static_cast<std::int64_t>(batch.samples.size()));
  }

  std::vector<double> evaluate() override {
    const NoGrad no_grad;
    double errors[2] = {0, 0};
    for (const auto& samples : data::batches_in_order(pictures_.test->size(), kTestBatch)) {
      for (const bool amplified : {false, true}) {
        const auto [noisy, output, clean] = denoise(samples, amplified);
        errors[amplified] += sum(square(output - clean)).item();
      }
    }
    const auto pixels = static_cast<double>(pictures_.test->size() * kSide * kSide);
    return {errors[0] / pixels, errors[1] / pixels};
  }

  /// The first test pictures in rows: with noise, denoised, clean.
  std::string picture(bool amplified) {
    const NoGrad no_grad;
    network_.eval();
    std::vector<std::int64_t> samples(std::min(kShown, pictures_.test->size()));
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<std::int64_t>(i);
    const auto [noisy, output, clean] = denoise(samples, amplified);
    return data::encode_png(
        data::picture_grid(concat({noisy, output, clean}, 0), static_cast<std::int64_t>(samples.size()), 2, 2));
  }

 private:
  struct Result {
    Tensor noisy, output, clean;
  };
  Result denoise(std::span<const std::int64_t> samples, bool amplified) {
    const Tensor clean = data::read_pictures(*pictures_.test, samples, 0, settings_.common.element_type());
    const Tensor noisy = clean + noise_for(settings_, samples, data::test_epoch, amplified);
    return {noisy, network_(noisy), clean};
  }

  const Settings& settings_;
  const apps::PictureSets& pictures_;
  apps::Loss loss_;
  nn::DenoisingAutoencoder network_;
  std::unique_ptr<nn::Adam> adam_;
  data::BatchOrder order_;
};

apps::PictureSets read_data(const Settings& settings) {
  const data::ImageFolderOptions whole{.side = kSide, .channels = 1, .crops = data::Crops::whole};
  apps::PictureSets pictures = apps::read_picture_sets(settings.common, whole, settings.test_fraction);
  const Shape needed{1, kSide, kSide};
  if (pictures.train->sample_shape() != needed) {
    fail("--data: the pictures are {}, this network needs {}", pictures.train->sample_shape(), needed);
  }
  return pictures;
}

}  // namespace

void train_all(const apps::Arguments& arguments) {
  Settings settings;
  settings.common.losses = {"l2", "h1", "h2"};
  settings.common.epochs = 5;
  settings.common.lr = 0.005;
  settings.common.seed = 1;
  apps::CommonUse use;
  use.data =
      "a folder of IDX files with pictures of 28 x 28; or of images, searched recursively, each as a whole made "
      "grey and resized to 28 x 28; empty: the embedded digits";
  apps::OptionParser parser(kName,
                            "Trains a denoising autoencoder on handwritten digits, once for each loss from the same "
                            "start on the same batches, and "
                            "compares the losses by the plain squared error on test digits.",
                            settings.common, use);
  parser.add<std::string>("--noise", settings.noise, "sine or gauss: what is added to the digits",
                          apps::one_of({"sine", "gauss"}));
  parser.add<std::int64_t>("--z", settings.z, "numbers between encoder and decoder",
                           apps::between<std::int64_t>(1, 1 << 16));
  parser.add("--test-fraction", settings.test_fraction,
             "part of a folder's images kept for the test, at least one; a single one, and all of them at 0, train and "
             "test",
             apps::between<double>(0, 0.9));
  parser.footer(
      "mnist_denoise denoise --model DIR_OR_FILE IMAGE... --out DIR applies a trained network to your own pictures.");
  parser.parse(arguments);
  const apps::Options& options = settings.common;
  if (options.threads > 0) kernels::set_threads(static_cast<int>(options.threads));
  set_memory_limit(options.memory_limit << 20);
  const std::vector<apps::Loss> losses = options.loss_list();
  apps::RunFolder folder(kName, options, losses);
  apps::PictureSets pictures = read_data(settings);
  if (!pictures.skipped.empty() && !options.quiet) {
    fmt::print(stderr, "{}\n", apps::describe_skipped(pictures.skipped, pictures.found));
  }
  if (options.profile) profile::enable(true);

  Settings seeded = settings;
  const std::int64_t train_count = pictures.train->size(), test_count = pictures.test->size();
  std::int64_t parameters = 0, per_epoch = 0;
  const apps::Run first_run{options.seed_list().front(), "", losses[0], folder.folder_of(losses[0]), {}};
  {
    // Finds a wrong --init before anything is written.
    Denoiser first(seeded, pictures, losses[0], first_run.is_fresh(options));
    parameters = first.network().parameter_count();
    per_epoch = first.steps_per_epoch();
  }
  folder.create();
  nlohmann::json facts{{"train_count", train_count},
                       {"test_count", test_count},
                       {"sample_shape", {1, kSide, kSide}},
                       {"parameters", parameters},
                       {"skipped", apps::skipped_to_json(pictures.skipped)},
                       {"data_checksum", apps::data_checksum(pictures.train.get(), pictures.test.get())}};
  folder.write_config(parser.config(), facts);
  apps::Comparison comparison{.app = kName, .losses = losses, .test_columns = {"test_mse", "test_mse_amplified"}};
  comparison.prepare = [&](std::uint64_t seed) {
    if (seed == seeded.common.seed) return;
    seeded.common.seed = seed;
    if (!pictures.digits) pictures = read_data(seeded);
  };
  comparison.begin = [&](const apps::Run& run) {
    return std::make_unique<Denoiser>(seeded, pictures, run.loss, run.is_fresh(options));
  };
  comparison.finish = [&](apps::Trainee& trainee, const apps::Run& run) {
    auto& denoiser = static_cast<Denoiser&>(trainee);
    apps::write_file_atomically(run.folder / "test.png", denoiser.picture(false));
    apps::write_file_atomically(run.folder / "test_amplified.png", denoiser.picture(true));
  };
  const std::vector<apps::Run> runs = apps::compare_losses(comparison, options, folder);
  const auto damaged = apps::add_damaged(pictures.skipped, pictures.train.get(), pictures.test.get());
  if (!damaged.empty()) {
    facts["skipped"] = apps::skipped_to_json(pictures.skipped);
    folder.write_config(parser.config(), facts);
    if (!options.quiet) fmt::print(stderr, "{}\n", apps::describe_skipped(damaged, pictures.found));
  }

  const std::string kind = pictures.digits ? "digits" : "pictures";
  const apps::Table table = apps::final_table(runs, "test_mse");
  apps::Report report("Denoising " + kind,
                      fmt::format("One autoencoder ({} parameters), trained for {} steps on {} {} with {} noise, "
                                  "once for each of {} losses and {} seeds, all losses from the same start on the same "
                                  "batches. Test errors are plain mean squared errors on {} {}.",
                                  parameters, apps::total_steps(options, per_epoch), train_count, kind, settings.noise,
                                  losses.size(), options.seed_list().size(), test_count, kind));
  report.comparison(runs, "test_mse", "mean squared error on test " + kind);
  report.chart(apps::curves_chart(runs, "test_mse_amplified", "test error under the noise not seen in training"));
  report.weights(kSide, losses, options);
  report.heading("Test " + kind + ": with noise, denoised, clean");
  for (std::size_t i = 0; i < losses.size(); ++i) {  // of the first seed
    report.picture(apps::read_file(runs[i].folder / "test.png", 1 << 26), losses[i].name + ": the noise of training");
    report.picture(apps::read_file(runs[i].folder / "test_amplified.png", 1 << 26),
                   losses[i].name + ": the noise that it has not seen");
  }
  if (!pictures.skipped.empty()) {
    report.heading("Left out");
    report.paragraph(apps::describe_skipped(pictures.skipped, pictures.found));
  }
  report.write(folder.path());
  if (options.profile) fmt::print("{}", profile::table());
  if (!options.quiet) fmt::print("{}", table.to_text());
  fmt::print("report: {}{}\n", (folder.path() / "report.html").string(),
             options.quiet ? apps::count_skipped(pictures.skipped) : "");
}

}  // namespace sg::mnist_denoise
