// Train: one autoencoder a loss, from the same start on the same batches, and their comparison.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/common/files.h"
#include "apps/common/values.h"
#include "apps/image_autoencoder/command.h"
#include "apps/image_autoencoder/report.h"
#include "apps/image_autoencoder/trainee.h"
#include "engine/kernels/parallel.h"
#include "engine/profile.h"
#include "engine/recompute.h"

namespace sg::image_autoencoder {
namespace {

/// Batch norm needs two values a channel, also in an epoch's last batch.
void check_batches(const Settings& settings, std::int64_t pieces) {
  const bool one_pixel = settings.net != "photo" && settings.size == make_net(settings.net)->side_multiple();
  const std::int64_t batch = std::min(settings.common.batch_size, pieces),
                     last = pieces % batch == 0 ? batch : pieces % batch;
  if (one_pixel && last == 1) {
    fail(
        "--batch-size: {} of {} pieces leave a batch of one, whose latent of one pixel has no variance for batch norm; "
        "another --batch-size, or a "
        "larger --size",
        batch, pieces);
  }
}

std::string summary_of(const Settings& settings, const Pictures& pictures, std::int64_t parameters,
                       std::int64_t steps) {
  std::string text = fmt::format(
      "One autoencoder ({}, {} parameters), trained for {} steps of {} pieces of {} x {} pixels out of {}, "
      "once for each of {} losses and {} seeds, all losses from the same start on the same batches.",
      settings.net, parameters, steps, std::min(settings.common.batch_size, pictures.train->size()), settings.size,
      settings.size, apps::counted(pictures.train->picture_count(), "picture"), settings.common.losses.size(),
      settings.common.seed_list().size());
  if (pictures.test) {
    text += fmt::format(" Test errors are plain mean squared errors on {} pieces of {}.", pictures.test->size(),
                        apps::counted(pictures.test->picture_count(), "other picture"));
  }
  if (settings.exact_directions > 0) {
    text += fmt::format(" The loss h1 has the exact derivatives along {} besides, with weight {}.",
                        apps::counted(settings.exact_directions, "random direction"), settings.exact_weight);
  }
  return text;
}

nlohmann::json describe(const Pictures& pictures, const Settings& settings, std::int64_t parameters) {
  return {{"train_count", pictures.train->size()},
          {"test_count", pictures.test ? pictures.test->size() : 0},
          {"train_pictures", pictures.train->picture_count()},
          {"test_pictures", pictures.test ? pictures.test->picture_count() : 0},
          {"skipped", apps::skipped_to_json(pictures.lists.skipped)},
          {"data_checksum", apps::data_checksum(pictures.train.get(), pictures.test.get())},
          {"sample_shape", {3, settings.size, settings.size}},
          {"parameters", parameters}};
}

/// The reference's networks are trained as the reference does, unless told otherwise.
void choose_reference_defaults(const apps::OptionParser& parser, Settings& settings) {
  if (settings.net == "photo" || !settings.common.resume.empty()) return;
  const auto choose = [&](const char* name, auto& value, auto chosen) {
    if (!parser.given(name)) value = chosen;
  };
  choose("--steps", settings.common.steps, 0);
  choose("--epochs", settings.common.epochs, 8);
  choose("--eval-steps", settings.common.eval_steps, 0);
  choose("--lr", settings.common.lr, 1e-3);
  choose("--warmup-steps", settings.common.warmup_steps, 0);
  choose("--cosine-steps", settings.common.cosine_steps, 0);
  choose("--weight-decay", settings.weight_decay, 1e-5);
}

}  // namespace

void train_all(const apps::Arguments& arguments) {
  Settings settings;
  settings.common.losses = {"l2", "h1"};
  settings.common.steps = 800;
  settings.common.batch_size = 32;
  settings.common.lr = 2e-3;
  settings.common.warmup_steps = 50;
  settings.common.cosine_steps = 800;
  settings.common.eval_steps = 50;
  apps::OptionParser parser(
      kName,
      "Trains a residual autoencoder on photographs, once for each loss from the same start on the same batches, and "
      "compares the "
      "losses by the plain squared error on test pictures (test_mse; test_psnr is 10 log10(1 / test_mse)).",
      settings.common);
  add_options(parser, settings);
  parser.footer(
      "With a trained network (--help after each tells more):\n"
      "  image_autoencoder reconstruct --model M IMAGE... --out DIR     pictures of any size, in blended tiles\n"
      "  image_autoencoder encode --model M IMAGE... --out DIR          their latents as safetensors files\n"
      "  image_autoencoder decode --model M FILE... --out DIR           latents back to pictures\n"
      "  image_autoencoder latent --model M IMAGE IMAGE --out FILE.png  the way from one picture to another\n"
      "With --net resnet18-light and resnet18 these defaults differ, the reference's: --epochs 8 --lr 0.001 "
      "--weight-decay 1e-5, and no\nwarm-up, cosine or --eval-steps.\n"
      "Pictures are JPEG, PNG, BMP, GIF, TGA or PNM files of at most 16,384 pixels a side, 64 Mpixel and 256 MB.");
  parser.parse(arguments);
  choose_reference_defaults(parser, settings);
  const apps::Options& options = settings.common;
  if (options.threads > 0) kernels::set_threads(static_cast<int>(options.threads));
  set_memory_limit(options.memory_limit << 20);
  const std::vector<apps::Loss> losses = options.loss_list();
  check_options(settings);
  apps::RunFolder folder(kName, options, losses);
  Pictures pictures = find_pictures(settings);
  check_batches(settings, pictures.train->size());
  if (!pictures.lists.skipped.empty() && !options.quiet) {
    fmt::print(stderr, "{}\n", apps::describe_skipped(pictures.lists.skipped, pictures.lists.found));
  }
  if (options.profile) profile::enable(true);

  Settings seeded = settings;
  std::int64_t parameters = 0, per_epoch = 0;
  Shown shown;
  const apps::Run first_run{options.seed_list().front(), "", losses[0], folder.folder_of(losses[0]), {}};
  {
    std::string notice;
    Autoencoder first(seeded, pictures, losses[0], first_run.is_fresh(options),
                      &notice);  // finds wrong weights before anything is written
    if (!notice.empty() && !options.quiet) fmt::print(stderr, "{}\n", notice);
    parameters = first.network().parameter_count();
    per_epoch = first.steps_per_epoch();
    shown = shown_inputs(seeded, pictures, first);
  }
  folder.create();
  nlohmann::json facts = describe(pictures, settings, parameters);  // of the first seed
  folder.write_config(parser.config(), facts);
  std::vector<Outcome> outcomes;  // of the first seed
  apps::Comparison comparison{.app = kName, .losses = losses, .test_columns = {"test_mse", "test_psnr"}};
  comparison.prepare = [&](std::uint64_t seed) {
    if (seed == seeded.common.seed) return;
    seeded.common.seed = seed;
    pictures = find_pictures(seeded);
  };
  comparison.begin = [&](const apps::Run& run) {
    return std::make_unique<Autoencoder>(seeded, pictures, run.loss, run.is_fresh(options));
  };
  comparison.finish = [&](apps::Trainee& trainee, const apps::Run& run) {
    const Outcome outcome = outcome_of(static_cast<Autoencoder&>(trainee), run.loss.name, seeded, shown);
    apps::write_file_atomically(run.folder / "reconstructions.png", examples_picture(shown, {outcome}));
    if (outcomes.size() < losses.size()) outcomes.push_back(outcome);
  };
  const std::vector<apps::Run> runs = apps::compare_losses(comparison, options, folder);
  auto& skipped = pictures.lists.skipped;
  const auto damaged = apps::add_damaged(skipped, pictures.train.get(), pictures.test.get());
  if (!damaged.empty()) {
    facts["skipped"] = apps::skipped_to_json(skipped);
    folder.write_config(parser.config(), facts);
    if (!options.quiet) fmt::print(stderr, "{}\n", apps::describe_skipped(damaged, pictures.lists.found));
  }
  const std::int64_t steps = apps::total_steps(options, per_epoch);
  write_report(pictures, folder.path(), summary_of(settings, pictures, parameters, steps), runs, shown, outcomes,
               settings);
  if (options.profile) fmt::print("{}", profile::table());
  if (!options.quiet) fmt::print("{}", apps::final_table(runs, "test_mse").to_text());
  const std::string left_out = options.quiet ? apps::count_skipped(skipped) : "";
  fmt::print("report: {}{}\n", (folder.path() / "report.html").string(), left_out);
}

}  // namespace sg::image_autoencoder
