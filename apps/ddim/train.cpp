// Train: one denoiser a loss, from the same start on the same batches, and their comparison.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/common/files.h"
#include "apps/common/report.h"
#include "apps/common/run_folder.h"
#include "apps/ddim/command.h"
#include "apps/ddim/dataset.h"
#include "apps/ddim/denoiser.h"
#include "apps/ddim/quality.h"
#include "engine/kernels/parallel.h"
#include "engine/profile.h"
#include "engine/recompute.h"

namespace sg::ddim {
namespace {

constexpr std::int64_t kReplayTest = 256;

struct RunSettings : TrainSettings {
  DatasetSettings dataset;
};

/// On the embedded digits, what is not given takes values with which a small network learns them in a coffee break.
void choose_digit_defaults(const apps::OptionParser& parser, RunSettings& settings) {
  const auto choose = [&](const char* name, auto& value, auto chosen) {
    if (!parser.given(name)) value = chosen;
  };
  choose("--dim", settings.model.dim, 16);
  choose("--batch-size", settings.common.batch_size, 32);
  choose("--lr", settings.common.lr, 1e-3);
  choose("--ema-decay", settings.ema_decay, 0.99);
  choose("--ema-every", settings.ema_every, 1);
  choose("--sample-every", settings.sample_every, 200);
  choose("--limit-test", settings.common.limit_test, 1000);
  choose("--sample-count", settings.sample_count, 36);
  if (!parser.given("--epochs")) choose("--steps", settings.common.steps, 600);
  if (!parser.given("--eval-every")) choose("--eval-steps", settings.common.eval_steps, 100);
}

/// Channels and size that the data have by themselves: taken over, and refused when others are given.
void take_shape(const apps::OptionParser& parser, const Shape& shape, ModelSettings& model) {
  if (parser.given("--channels") && model.channels != shape[0]) {
    fail("--channels: the data have {}, not {}", shape[0], model.channels);
  }
  if (shape[1] != shape[2]) fail("--data: square pictures are needed, not {} x {}", shape[1], shape[2]);
  if (parser.given("--size") && model.size != shape[1]) {
    fail("--size: the data's pictures are {} x {}, not {}", shape[1], shape[2], model.size);
  }
  model.channels = shape[0];
  model.size = shape[1];
}

class TrainCommand {
 public:
  explicit TrainCommand(const apps::Arguments& arguments) : parser_(kName, kDescription, defaults()) {
    add_model_options(parser_, settings_.model);
    parser_.add("--loss-weight", settings_.loss_weight,
                "weight of a picture's loss by its time: none, snr or min-snr (at most 5)",
                apps::one_of({"none", "snr", "min-snr"}));
    parser_.add("--ema-decay", settings_.ema_decay, "decay of the average of the weights", apps::between<double>(0, 1));
    parser_.add("--ema-every", settings_.ema_every, "steps between its updates", apps::at_least<std::int64_t>(1));
    parser_.add("--ema-after", settings_.ema_after, "up to this step the average is a copy",
                apps::at_least<std::int64_t>(0));
    parser_.add("--clip", settings_.clip, "largest norm of the gradient; 0: any", apps::at_least<double>(0));
    parser_.add("--sample-every", settings_.sample_every, "a grid of samples every N steps; 0: none",
                apps::at_least<std::int64_t>(0), apps::OnResume::anew);
    parser_.add("--sample-count", settings_.sample_count, "samples of such a grid, and of the one at the end",
                apps::between<std::int64_t>(1, 1024), apps::OnResume::anew);
    add_sampling_options(parser_, settings_.sampling, apps::OnResume::anew);
    parser_.add("--crops", settings_.dataset.crops, "pieces of larger pictures: random, center or tile",
                apps::one_of({"random", "center", "tile"}));
    parser_.add("--pieces", settings_.dataset.pieces,
                "random pieces of a larger picture in an epoch; 0: as many as fit side by side",
                apps::between<std::int64_t>(0, 1 << 20));
    parser_.add("--flips", settings_.dataset.flips, "pictures of a folder turned left to right at random");
    parser_.add("--test-fraction", settings_.dataset.test_fraction, "part of a folder's pictures kept for the test",
                apps::between<double>(0, 0.9));
    parser_.add_path("--replay", settings_.replay,
                     "trains on the batches of a safetensors file: x0, noise [S, N, C, H, W] and t [S, N]");
    parser_.add_flag("--fid", settings_.fid, "at the end, the Frechet distance of samples and test pictures: see below",
                     apps::OnResume::anew);
    parser_.add("--fid-count", settings_.fid_count, "samples that it takes, and at most as many test pictures",
                apps::between<std::int64_t>(2, 100'000), apps::OnResume::anew);
    parser_.footer(kFooter);
    parser_.parse(arguments);
    const apps::Options& options = settings_.common;
    if (options.threads > 0) kernels::set_threads(static_cast<int>(options.threads));
    set_memory_limit(options.memory_limit << 20);
    losses_ = options.loss_list();
    prepare();
  }

  void run() {
    const apps::Options& options = settings_.common;
    apps::RunFolder folder(kName, options, losses_);
    make_source();
    if (settings_.fid) check_quality();
    if (!dataset_.skipped.empty() && !options.quiet) {
      fmt::print(stderr, "{}\n", apps::describe_skipped(dataset_.skipped, dataset_.found));
    }
    if (options.profile) profile::enable(true);
    const apps::Run first_run{options.seed_list().front(), "", losses_[0], folder.folder_of(losses_[0]), {}};
    std::int64_t parameters = 0;
    {
      // Finds a wrong --init before anything is written.
      Denoiser first(settings_, *source_, *test_, losses_[0], "", first_run.is_fresh(options));
      parameters = first.network().parameter_count();
    }
    folder.create();
    nlohmann::json facts{{"train_count", train_count_},
                         {"test_count", test_->size()},
                         {"sample_shape", {settings_.model.channels, settings_.model.size, settings_.model.size}},
                         {"parameters", parameters},
                         {"skipped", apps::skipped_to_json(dataset_.skipped)},
                         {"data_checksum", checksum()}};
    folder.write_config(parser_.config(), facts);
    apps::Comparison comparison{.app = kName, .losses = losses_, .test_columns = {"test_mse"}};
    comparison.prepare = [this](std::uint64_t seed) { use_seed(seed); };
    comparison.begin = [&](const apps::Run& run) {
      return std::make_unique<Denoiser>(settings_, *source_, *test_, run.loss, run.folder, run.is_fresh(options));
    };
    comparison.finish = [this](apps::Trainee& trainee, const apps::Run& run) {
      sample(static_cast<Denoiser&>(trainee), run);
    };
    const std::vector<apps::Run> runs = apps::compare_losses(comparison, options, folder);
    const auto damaged = apps::add_damaged(dataset_.skipped, dataset_.train.get(), dataset_.test.get());
    if (!damaged.empty()) {
      facts["skipped"] = apps::skipped_to_json(dataset_.skipped);
      folder.write_config(parser_.config(), facts);
      if (!options.quiet) fmt::print(stderr, "{}\n", apps::describe_skipped(damaged, dataset_.found));
    }
    report(runs, folder, parameters);
  }

 private:
  static constexpr const char* kDescription =
      "Trains a diffusion model of pictures, once for each loss from the same start on the same batches, and compares "
      "the losses by the plain "
      "squared error of the denoiser on test pictures with fixed noise and times.";
  static constexpr const char* kFooter =
      "On the embedded digits (no --data, no --replay) these defaults differ: --dim 16 --batch-size 32 --lr 0.001 "
      "--ema-decay 0.99 --ema-every 1 "
      "--steps 600 --eval-steps 100 --limit-test 1000 --sample-every 200 --sample-count 36; channels and size are the "
      "digits' own.\n\n"
      "--fid compares samples with test pictures by features: where the data have labels (IDX files, the embedded "
      "digits), the 64 numbers before the last "
      "layer of a small classifier that is trained on the training pictures from a fixed seed, so that runs can be "
      "compared; elsewhere the means "
      "over all places of the middle of the first loss's denoiser, which compares the losses of one run only. Both "
      "sets are taken for Gaussians of these "
      "features; the figure is |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)). Beside it stand "
      "the distance of as many training pictures as samples, the part of the samples that the classifier reads with a "
      "probability "
      "over 0.9, and the number of classes among them.";

  apps::Options& defaults() {
    settings_.common.losses = {"l2", "h1"};
    settings_.common.epochs = 100;
    settings_.common.batch_size = 16;
    settings_.common.lr = 1e-4;
    return settings_.common;
  }

  /// What the options mean together, before any data are read.
  void prepare() {
    apps::Options& options = settings_.common;
    if (options.resume.empty() && options.data.empty() && settings_.replay.empty()) {
      choose_digit_defaults(parser_, settings_);
    }
    if (!settings_.replay.empty()) {
      apps::check_exists("--replay", settings_.replay);
      if (parser_.given("--epochs")) fail("--epochs: --replay goes through its file once; --steps may end it earlier");
    }
    check_sampling(parser_, settings_.sampling, settings_.model.timesteps);
  }

  void use_seed(std::uint64_t seed) {
    if (seed == settings_.common.seed) return;
    settings_.common.seed = seed;
    source_.reset(), test_.reset();
    make_source();
  }

  /// Throws where --fid would find too few pictures after the training of any seed, whose test pictures may be others.
  void check_quality() {
    const std::vector<std::uint64_t> seeds = settings_.common.seed_list();
    for (auto seed = seeds.rbegin(); seed != seeds.rend(); ++seed) {  // the first one's pictures stay
      use_seed(*seed);
      const std::int64_t train = dataset_.train ? dataset_.train->size() : train_count_;
      if (test_->size() < 2 || train < 2) {
        fail("--fid: needs at least 2 test and 2 training pictures, and there are {} and {}", test_->size(), train);
      }
    }
  }

  std::string checksum() const {
    if (!settings_.replay.empty()) {
      const std::uint32_t batches = static_cast<const Replay&>(*source_).checksum();
      return apps::checksum_text(dataset_.test ? dataset_.test->checksum(batches) : batches);
    }
    return apps::data_checksum(dataset_.train.get(), dataset_.test.get());
  }

  void make_source() {
    apps::Options& options = settings_.common;
    ModelSettings& model = settings_.model;
    const Dtype dtype = options.element_type();
    if (!settings_.replay.empty()) {
      auto replay = std::make_unique<Replay>(settings_.replay, model.timesteps, dtype);
      take_shape(parser_, replay->sample_shape(), model);
      if (options.steps > replay->steps_per_epoch()) {
        fail("--steps: {} of a --replay file that holds {}", options.steps, replay->steps_per_epoch());
      }
      if (options.steps == 0) options.steps = replay->steps_per_epoch();
      if (parser_.given("--batch-size") && options.batch_size != replay->batch_size()) {
        fail("--batch-size: the --replay file has batches of {}, not {}", replay->batch_size(), options.batch_size);
      }
      options.batch_size = replay->batch_size();
      train_count_ = replay->steps_per_epoch() * replay->batch_size();
      check_model(model);
      if (options.data.empty()) test_ = std::make_unique<TestBatches>(replay->pictures(kReplayTest), model.timesteps);
      source_ = std::move(replay);
      if (test_) return;
    }
    if (!apps::has_own_shape(options.data)) check_model(model);
    dataset_ = read_dataset(options, settings_.dataset, model);
    if (source_ && dataset_.test->sample_shape() != model.sample_shape()) {
      fail("--data: the pictures are {}, those of --replay {}", dataset_.test->sample_shape(), model.sample_shape());
    }
    take_shape(parser_, dataset_.train->sample_shape(), model);
    check_model(model);
    test_ = std::make_unique<TestBatches>(*dataset_.test, model.timesteps, dtype);
    if (source_) return;
    train_count_ = dataset_.train->size();
    source_ = std::make_unique<DrawnBatches>(*dataset_.train, options.batch_size, options.seed, options.shuffle,
                                             model.timesteps, dtype);
  }

  /// The grid of samples at the end, and under --fid their quality.
  void sample(Denoiser& denoiser, const apps::Run& run) {
    const apps::Options& options = settings_.common;
    SamplingJob job{
        .count = settings_.sample_count, .seed = options.seed, .dtype = options.element_type(), .quiet = options.quiet};
    // Trained before `with_averages`, under which no derivatives are taken.
    if (settings_.fid && !features_ && dataset_.train && !dataset_.train_labels.empty()) {
      features_ = classifier_features(*dataset_.train, dataset_.train_labels);
    }
    denoiser.with_averages([&](nn::Unet& network) {
      const Tensor grid = draw_samples(network, settings_.model, settings_.sampling, job);
      apps::write_file_atomically(run.folder / "samples.png", grid_png(grid, grid_columns(settings_.sample_count)));
      if (!settings_.fid) return;
      if (!features_) features_ = encoder_features(network);
      job.count = settings_.fid_count;
      job.seed = options.seed + 1;
      const Tensor samples = draw_samples(network, settings_.model, settings_.sampling, job);
      const Tensor test = test_->pictures(settings_.fid_count);
      const Tensor training =
          dataset_.train ? TestBatches(*dataset_.train, settings_.model.timesteps, f32).pictures(settings_.fid_count)
                         : test;
      const Quality quality = measure_quality(*features_, samples, training, test);
      nlohmann::json json = quality.to_json();
      json["loss"] = run.loss.name;
      json["samples"] = settings_.fid_count;
      json["test_pictures"] = test.shape(0);
      json["training_pictures"] = training.shape(0);
      json["features"] = features_->description();
      apps::write_file_atomically(run.folder / "fid.json", json.dump(2) + "\n");
      qualities_[run.loss.name].push_back(quality);
    });
  }

  apps::Table quality_table() const {
    apps::Table table{{"loss", "Frechet distance", "training to test pictures", "readable", "classes"}, {}};
    for (const apps::Loss& loss : losses_) {
      std::vector<double> distance, real, readable, classes;
      for (const Quality& quality : qualities_.at(loss.name)) {
        distance.push_back(quality.distance), real.push_back(quality.real_distance);
        if (quality.readable) readable.push_back(*quality.readable);
        if (quality.classes) classes.push_back(static_cast<double>(*quality.classes));
      }
      table.rows.push_back({loss.name, apps::show_quartiles(distance), apps::show_quartiles(real),
                            apps::show_quartiles(readable), apps::show_quartiles(classes)});
    }
    return table;
  }

  void report(const std::vector<apps::Run>& runs, const apps::RunFolder& folder, std::int64_t parameters) {
    const apps::Options& options = settings_.common;
    const std::int64_t steps = apps::total_steps(options, source_->steps_per_epoch());
    const apps::Table table = apps::final_table(runs, "test_mse");
    apps::Report page(
        "A diffusion model of pictures",
        fmt::format("One U-Net ({} parameters), trained for {} steps on {} pictures of {} x {}, once for each of {} "
                    "losses and {} seeds, all losses from the same start on the same batches. Test errors are plain "
                    "mean squared errors of the denoiser on {} pictures with fixed noise and times.",
                    parameters, steps, train_count_, settings_.model.size, settings_.model.size, losses_.size(),
                    options.seed_list().size(), test_->size()));
    page.comparison(runs, "test_mse", "mean squared error of the denoiser on test pictures");
    page.weights(settings_.model.size, losses_, options);
    if (!qualities_.empty()) {
      page.heading("Quality of samples");
      page.table(
          quality_table(),
          fmt::format(
              "Frechet distance of {} samples from test pictures, and of as many training pictures (or "
              "all there are), which is what can be reached; the part of the samples that a classifier reads with a "
              "probability over 0.9, and how many classes these have. Features: {}.",
              settings_.fid_count, features_->description()));
    }
    page.heading("Samples");
    for (std::size_t i = 0; i < losses_.size(); ++i) {  // of the first seed
      page.picture(apps::read_file(runs[i].folder / "samples.png", 1 << 28),
                   fmt::format("{}: after {} steps, from the same noise", losses_[i].name, steps));
    }
    if (!dataset_.skipped.empty()) {
      page.heading("Left out");
      page.paragraph(apps::describe_skipped(dataset_.skipped, dataset_.found));
    }
    page.write(folder.path());
    if (options.profile) fmt::print("{}", profile::table());
    if (!options.quiet) fmt::print("{}", table.to_text());
    if (!options.quiet && !qualities_.empty()) fmt::print("{}", quality_table().to_text());
    fmt::print("report: {}{}\n", (folder.path() / "report.html").string(),
               options.quiet ? apps::count_skipped(dataset_.skipped) : "");
  }

  RunSettings settings_;
  apps::OptionParser parser_;
  std::vector<apps::Loss> losses_;
  apps::PictureSets dataset_;
  std::unique_ptr<TestBatches> test_;
  std::unique_ptr<BatchSource> source_;
  std::int64_t train_count_ = 0;
  std::unique_ptr<PictureFeatures> features_;              // of --fid
  std::map<std::string, std::vector<Quality>> qualities_;  // by loss
};

}  // namespace

void train_command(const apps::Arguments& arguments) { TrainCommand(arguments).run(); }

}  // namespace sg::ddim
