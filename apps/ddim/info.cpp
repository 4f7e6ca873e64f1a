// Info: a network's parts and its schedule.
#include <fmt/format.h>

#include "apps/common/table.h"
#include "apps/ddim/command.h"
#include "apps/ddim/model.h"

namespace sg::ddim {
namespace {

/// Parameters by the part of the network they belong to: init_conv, downs.0, ...
apps::Table parts_table(nn::Unet& network) {
  std::vector<std::pair<std::string, std::int64_t>> parts;
  for (const auto& [name, slot] : network.named_parameters()) {
    std::size_t end = name.find('.');
    if (name.starts_with("downs.") || name.starts_with("ups.")) end = name.find('.', name.find('.', end + 1) + 1);
    const std::string part = name.substr(0, end);
    if (parts.empty() || parts.back().first != part) parts.emplace_back(part, 0);
    parts.back().second += slot->size();
  }
  apps::Table table{{"part", "parameters"}, {}};
  for (const auto& [part, count] : parts) table.rows.push_back({part, fmt::format("{}", count)});
  table.rows.push_back({"all", fmt::format("{}", network.parameter_count())});
  return table;
}

apps::Table schedule_table(const ModelSettings& settings) {
  const nn::NoiseSchedule schedule(settings.schedule, settings.timesteps);
  apps::Table table{{"t", "beta", "signal", "noise", "signal to noise"}, {}};
  std::int64_t last = -1;
  for (int i = 0; i <= 10; ++i) {
    const std::int64_t t = (settings.timesteps - 1) * i / 10;
    if (t == last) continue;
    last = t;
    const double alpha = schedule.alpha_cumprod(t);
    table.rows.push_back({fmt::format("{}", t), apps::show_figure(schedule.beta(t)),
                          apps::show_figure(std::sqrt(alpha)), apps::show_figure(std::sqrt(1 - alpha)),
                          apps::show_figure(schedule.snr(t))});
  }
  return table;
}

}  // namespace

void info_command(const apps::Arguments& arguments) {
  std::string path;
  ModelSettings options;
  apps::OptionParser parser(
      fmt::format("{} info", kName),
      "Shows a network's parts and its schedule: of --model, or of the options when --model is 'none'.");
  parser.add(
      "--model", path,
      "run folder, or safetensors file with the network's options; none: the options alone; empty: the digits' own");
  add_model_options(parser, options);
  parser.parse(arguments);
  Model model;
  if (path == "none") {
    check_model(options);
    model.settings = options;
    model.network = std::make_unique<nn::Unet>(options.unet());
    model.from = "a new network";
  } else {
    model = load_model(path, parser, options, f32);
  }
  const ModelSettings& m = model.settings;
  fmt::print("{}\npictures {} x {} x {}, dim {}, mults {}, {} of a {} schedule of {} times\n\n", model.from, m.channels,
             m.size, m.size, m.dim, apps::show_value(m.mults), m.objective, m.schedule, m.timesteps);
  fmt::print("{}\n", parts_table(*model.network).to_text());
  fmt::print("{}", schedule_table(m).to_text());
  fmt::print("\nsides have to be multiples of {}; x at time t is signal x0 + noise e\n",
             model.network->side_multiple());
}

}  // namespace sg::ddim
