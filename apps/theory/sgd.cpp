// The experiment `sgd`: student and teacher by stochastic gradient descent on fresh samples (S7).
#include <algorithm>
#include <cmath>

#include "apps/common/progress.h"
#include "apps/common/run_app.h"
#include "apps/theory/drawing.h"
#include "apps/theory/experiments.h"
#include "apps/theory/runge_kutta.h"
#include "apps/theory/student.h"
#include "engine/autodiff.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace sg::theory {

namespace {

constexpr Loss losses[] = {Loss::l2, Loss::h1};
const char* title_of(Loss loss) { return loss == Loss::l2 ? "L2" : "H1"; }

/// A teacher [M, d] and as many students as seeds, [S, M, d], each in the region |w_j - w*_j| < |w*_j|.
struct Setting {
  std::string name, title;
  Tensor teacher, starts;
};

/// Random directions of length 1, or orthonormal ones.
Tensor random_rows(std::int64_t rows, std::int64_t d, bool orthonormal, std::uint64_t seed, std::uint64_t stream) {
  const Tensor normal = random_normal({rows, d}, 0, 1, seed, stream, f64);
  Tensors done;
  for (std::int64_t r = 0; r < rows; ++r) {
    Tensor row = slice(normal, 0, r, r + 1);
    for (int pass = 0; orthonormal && pass < 2; ++pass) {
      for (const Tensor& other : done) row = row - sum(row * other) * other;
    }
    done.push_back((row / sqrt(sum(square(row)))).eval().detach());
  }
  return concat(done, 0).eval().detach();
}

Setting make_setting(const Settings& settings, std::int64_t number, const std::string& name, const std::string& title,
                     std::int64_t nodes, bool orthonormal) {
  const std::uint64_t seed = settings.common.seed;
  const auto stream = [number](std::uint64_t part) { return stream_of({7, static_cast<std::uint64_t>(number), part}); };
  Setting setting{name, title, random_rows(nodes, settings.dimension, orthonormal, seed, stream(1)), {}};
  const Tensor away = random_rows(settings.seeds * nodes, settings.dimension, false, seed, stream(2));
  setting.starts = (setting.teacher + 0.7 * reshape(away, {settings.seeds, nodes, settings.dimension})).eval().detach();
  return setting;
}

/// |W - W*|^2 of each student: [S].
Tensor distances(const Tensor& w, const Tensor& teacher) { return sum(square(w - teacher), {1, 2}); }

struct Run {
  std::vector<double> times;
  std::vector<std::vector<double>> values;  // one list a student
};

Run descend(const Settings& settings, const Setting& setting, std::int64_t number, Loss loss) {
  const std::int64_t seeds = settings.seeds, d = settings.dimension,
                     every = std::max<std::int64_t>(1, settings.steps / 200);
  const Tensor teacher = broadcast_to(unsqueeze(setting.teacher, 0), setting.starts.shape()).eval().detach();
  Run run{{}, std::vector<std::vector<double>>(static_cast<std::size_t>(seeds))};
  apps::Progress progress(fmt::format("sgd {} {}", setting.name, name_of(loss)), 1, settings.steps,
                          settings.common.quiet);
  Tensor w = setting.starts;
  for (std::int64_t step = 0; step <= settings.steps; ++step) {
    if (apps::interrupted()) apps::stop_interrupted("theory", "");
    if (step % every == 0 || step == settings.steps) {
      const std::vector<double> now = distances(w, setting.teacher).to_vector<double>();
      run.times.push_back(static_cast<double>(step) * settings.lr);
      for (std::int64_t s = 0; s < seeds; ++s) run.values[s].push_back(now[s]);
      if (!std::all_of(now.begin(), now.end(), [](double value) { return value < 1e6; })) {
        throw apps::RunError(fmt::format(
            "sgd: {}, {}: |W - W*|² has grown to {:g} at step {}; a smaller --lr or a larger --batch-size is needed",
            setting.title, title_of(loss), *std::max_element(now.begin(), now.end()), step));
      }
    }
    if (step == settings.steps) break;
    // Both losses see the same samples.
    const Tensor x =
        random_normal({seeds, settings.batch_size, d}, 0, 1, settings.common.seed,
                      stream_of({7, static_cast<std::uint64_t>(number), 3, static_cast<std::uint64_t>(step)}), f64);
    w = (w - grad(sampled_loss(loss, w, teacher, x), w) * settings.lr).eval().detach();
    if (progress.due()) progress.step(1, step + 1, distances(w, setting.teacher).to_vector<double>()[0]);
  }
  progress.finish();
  return run;
}

Run flow(const Settings& settings, const Setting& setting, Loss loss) {
  const std::vector<double> times = even_times(settings.lr * static_cast<double>(settings.steps), 201);
  const Path path = integrate([&](const Tensor& w) { return -nodes_gradient(loss, w, setting.teacher); },
                              setting.starts, times, std::max(settings.tolerance, 1e-8));
  Run run{times, std::vector<std::vector<double>>(static_cast<std::size_t>(settings.seeds))};
  for (const Tensor& state : path.states) {
    const std::vector<double> now = distances(state, setting.teacher).to_vector<double>();
    for (std::size_t s = 0; s < now.size(); ++s) run.values[s].push_back(now[s]);
  }
  return run;
}

std::vector<double> quantiles(const Run& run, double part) {
  std::vector<double> result;
  for (std::size_t i = 0; i < run.times.size(); ++i) {
    std::vector<double> here;
    for (const auto& values : run.values) here.push_back(values[i]);
    result.push_back(quantile(here, part));
  }
  return result;
}

/// The median over the students of the time at which a part of the first distance is left; NaN when fewer than half get
/// there.
double median_time_to(const Run& run, double part) {
  std::vector<double> times;
  for (const auto& values : run.values) times.push_back(first_time_below(run.times, values, part * values.front()));
  return median_time(std::move(times));
}

void check_gradients(Section& section, const Settings& settings, const std::vector<Setting>& settings_list) {
  for (const Setting& setting : settings_list) {
    for (const Loss loss : losses) {
      const Tensor w = squeeze(slice(setting.starts, 0, 0, 1), 0).eval().detach();
      const Agreement agreement = gradient_agreement(loss, w, setting.teacher, 200, 500, settings.common.seed);
      section.at_most(fmt::format("{}, {}: sampled gradient off the closed form, in standard errors", setting.title,
                                  title_of(loss)),
                      5, agreement.score);
    }
  }
}

}  // namespace

Section run_sgd(const Settings& settings) {
  Section section("sgd", "S7. SGD on samples",
                  {"setting", "loss", "step", "time", "median", "lower_quartile", "upper_quartile", "flow_median"});
  section.paragraph(
      fmt::format("Students learn from teachers by SGD on {} fresh Gaussian samples a step in {} dimensions. The "
                  "engine differentiates the network by its input, for J, and "
                  "the losses by the weights; the closed forms serve for comparison only. {} students at once, each "
                  "begins 0.7 from its teacher's rows.",
                  settings.batch_size, settings.dimension, settings.seeds));
  section.formula(
      "W ← W - lr ∇(L or L + J on the samples),   g(x) = Σ relu(w_j·x);   time = step × lr,   flow: dW/dt = -∇ in "
      "closed form");
  const std::vector<Setting> all{
      make_setting(settings, 1, "one", "K = 1", 1, true),
      make_setting(settings, 2, "orthonormal", fmt::format("K = {}, orthonormal teacher", settings.nodes),
                   settings.nodes, true),
      make_setting(settings, 3, "random", fmt::format("K = {}, random teacher", settings.nodes), settings.nodes,
                   false)};
  check_gradients(section, settings, all);
  std::vector<apps::Chart> charts;
  const double levels[] = {1e-1, 1e-2, 1e-4};
  apps::Table table{{"setting, part of |W - W*|² left", "L2, steps", "H1, steps", "acceleration", "of the flows"}, {}};
  std::int64_t number = 0;
  for (const Setting& setting : all) {
    ++number;
    apps::Chart chart{setting.title, "step", "|W - W*|²"};
    chart.log_y = true;
    Run runs[2], flows[2];
    for (const Loss loss : losses) {
      const int which = static_cast<int>(loss);
      const Run& run = runs[which] = descend(settings, setting, number, loss);
      flows[which] = flow(settings, setting, loss);
      const std::vector<double> middle = quantiles(run, 0.5), lower = quantiles(run, 0.25),
                                upper = quantiles(run, 0.75), smooth = quantiles(flows[which], 0.5);
      std::vector<double> steps, flow_steps;
      for (const double time : run.times) steps.push_back(time / settings.lr);
      for (const double time : flows[which].times) flow_steps.push_back(time / settings.lr);
      for (std::size_t i = 0; i < steps.size(); ++i) {
        // The flow's figure at this time, between its own times.
        const double place = run.times[i] / flows[which].times.back() * 200;
        const auto at = std::min<std::size_t>(static_cast<std::size_t>(place), 199);
        const double between = smooth[at] + (place - static_cast<double>(at)) * (smooth[at + 1] - smooth[at]);
        section.row(setting.name, name_of(loss), static_cast<std::int64_t>(std::llround(steps[i])), run.times[i],
                    middle[i], lower[i], upper[i], between);
      }
      const int colour = loss == Loss::l2 ? l2_colour : h1_colour;
      chart.series.push_back(line(title_of(loss), steps, middle, colour, loss == Loss::l2));
      chart.series.push_back(line("", steps, lower, colour, loss == Loss::l2, 0.35));
      chart.series.push_back(line("", steps, upper, colour, loss == Loss::l2, 0.35));
      chart.series.push_back(
          line(loss == Loss::h1 ? "flows" : "", flow_steps, smooth, soft_colour, loss == Loss::l2, 0.5));
    }
    charts.push_back(chart);
    for (const double level : levels) {
      const double plain = median_time_to(runs[0], level), sobolev = median_time_to(runs[1], level);
      const double flow_ratio = median_time_to(flows[0], level) / median_time_to(flows[1], level);
      const auto steps_of = [&](double time) {
        return std::isnan(time) ? std::string("not reached") : fmt::format("{:.0f}", time / settings.lr);
      };
      table.rows.push_back({fmt::format("{}, {}", setting.title, level), steps_of(plain), steps_of(sobolev),
                            std::isnan(plain / sobolev) ? "" : fmt::format("{:.2f}×", plain / sobolev),
                            std::isnan(flow_ratio) ? "" : fmt::format("{:.2f}×", flow_ratio)});
      if (level == 1e-2 && !std::isnan(plain / sobolev)) {
        section.at_least(setting.title + ": acceleration to 1% of |W - W*|²", 1, plain / sobolev);
        if (!std::isnan(flow_ratio)) {
          section.equal(setting.title + ": the same against the flows", flow_ratio, plain / sobolev, 0.2);
        }
      }
    }
  }
  section.charts(charts,
                 "Distance to the teacher, L2 dashed and H1 solid: median over the students with quartiles (thin); "
                 "grey: the flows of the closed forms");
  section.table(table, "Acceleration: how many times fewer steps H1 needs, medians over the students");
  return section;
}

}  // namespace sg::theory
