// The report: acceleration, tables, charts, and a page that needs nothing from outside.
#include <stdlib.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "apps/common/files.h"
#include "apps/common/report.h"
#include "data/image_io.h"
#include "engine/error.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using namespace sg::apps;
using tests::TemporaryFolder;

namespace {

/// test_mse = scale / step at every tenth step of a hundred; a step takes a tenth of a second.
Run curve(const std::string& name, double scale, std::uint64_t seed = 0) {
  Run run{seed, "", {name, name, name == "l2" ? 0.0 : 1.0}, {}, {{"test_mse"}, {}}};
  for (int step = 1; step <= 100; ++step) {
    run.metrics.rows.push_back(
        {step, step / 10, step * 0.1, 2 * scale / step, {step % 10 ? std::nullopt : std::optional(scale / step)}});
  }
  return run;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t place = text.find(part); place != std::string::npos; place = text.find(part, place + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("acceleration is by the first step at or below the other's last figure", "[report]") {
  const Run l2 = curve("l2", 1), fast = curve("h1", 0.25), slow = curve("h2", 2);
  const auto gain = acceleration(fast.metrics, l2.metrics, "test_mse");
  REQUIRE(gain);
  CHECK(gain->step == 30);  // 0.25 / 30 is the first measured figure below 1 / 100
  CHECK(std::abs(gain->fewer_steps - 100 / 30.0) < 1e-12);
  CHECK(std::abs(gain->fewer_seconds - 100 / 30.0) < 1e-12);
  CHECK_FALSE(acceleration(slow.metrics, l2.metrics, "test_mse"));
  CHECK(acceleration(l2.metrics, l2.metrics, "test_mse")->step == 100);
  CHECK_FALSE(acceleration(fast.metrics, Metrics{{"test_mse"}, {}}, "test_mse"));
}

TEST_CASE("the final table has a row a loss and says when an error is not reached", "[report]") {
  const Table table = final_table({curve("l2", 1), curve("h1", 0.25), curve("h2", 2)}, "test_mse");
  CHECK(table.header ==
        std::vector<std::string>{"loss", "steps", "seconds", "test_mse", "fewer steps", "fewer seconds"});
  CHECK(table.rows[0] == std::vector<std::string>{"l2", "100", "10.0", "0.01", "1", "1"});
  CHECK(table.rows[1] == std::vector<std::string>{"h1", "100", "10.0", "0.0025", "3.33×", "3.33×"});
  CHECK(table.rows[2][4] == "not reached");
  CHECK(final_table({curve("h1", 1)}, "test_mse").header.size() == 4);
  CHECK(table.to_text() ==
        "loss  steps  seconds  test_mse  fewer steps  fewer seconds\n"
        "----------------------------------------------------------\n"
        "l2      100     10.0      0.01            1              1\n"
        "h1      100     10.0    0.0025        3.33×          3.33×\n"
        "h2      100     10.0      0.02  not reached    not reached\n");
}

TEST_CASE("figures are shown with four digits", "[report]") {
  CHECK(show_figure(0.015812) == "0.01581");
  CHECK(show_figure(0) == "0");
  CHECK(show_figure(1.23456e-5) == "1.235e-05");
  CHECK(show_figure(22351110) == "2.235e+07");
  CHECK(show_figure(12345.6) == "12,346");
  CHECK(show_figure(std::numeric_limits<double>::quiet_NaN()) == "not a number");
}

TEST_CASE("a report is one page that needs nothing from outside and shows texts as they are", "[report]") {
  Report report("<script>alert(1)</script>", "a & b \"c\"");
  report.comparison({curve("l2", 1), curve("h1<b>", 0.25)}, "test_mse", "mean squared error");
  report.heading("Pictures");
  report.picture(data::encode_png({2, 2, 1, {0, 80, 160, 255}}), "two by two <i>");
  HeatMap map;
  map.title = "error <u>";
  map.rows = 2, map.columns = 3;
  map.values = {0, 1, 2, 3, 4, std::numeric_limits<double>::quiet_NaN()};
  report.heat_maps({map, map});
  Chart chart = curves_chart({curve("l2", 1)}, "test_mse", "'quotes' \"and\" <s> \\ $d0");
  chart.title = "title `system` @x";
  report.chart(chart);
  const std::string page = report.page();
  for (const char* forbidden : {"<script", "http:", "https:", "src=\"/", "@import", "<link", "<i>", "<b>", "<u>", "<s>",
                                "xlink", "<!DOCTYPE svg"}) {
    INFO(forbidden);
    CHECK(page.find(forbidden) == std::string::npos);
  }
  CHECK(page.find("&lt;script&gt;alert(1)&lt;/script&gt;") != std::string::npos);
  CHECK(page.find("a &amp; b &quot;c&quot;") != std::string::npos);
  CHECK(page.find("data:image/png;base64,iVBORw0KGgo") != std::string::npos);
  CHECK(count(page, "<svg") == count(page, "</svg>"));
  CHECK(count(page, "<svg") == 3 + 2 + 2 + 1);
  CHECK(count(page, "<figure>") == count(page, "</figure>"));
  const TemporaryFolder folder;
  report.write(folder.path());
  CHECK(read_file(folder / "report.html", 1 << 24).size() > 10000);
}

TEST_CASE("a chart is drawn by gnuplot, and a line says so where it is missing", "[report]") {
  const Chart chart = curves_chart({curve("l2", 1), curve("h1", 0.25)}, "test_mse", "error <b>");
  REQUIRE(std::system("command -v gnuplot >/dev/null") == 0);
  const std::string drawn = figure_svg(chart);
  CHECK(drawn.ends_with("</svg>\n\n"));
  CHECK(count(drawn, "<svg") == 1);
  CHECK(drawn.find("black") == std::string::npos);
  CHECK(drawn.find("l2") != std::string::npos);
  const HeatMap map{"cells", "x", "y", 2, 2, {1, 2, 3, std::numeric_limits<double>::quiet_NaN()}};
  CHECK(figure_svg(map).find("data:image/png") != std::string::npos);
  CHECK(figures_png({chart, map}, 2, 300, 200).starts_with("\x89PNG"));
  for (const char* label : {"u'", "u''", "'u", "'", "\"u\" \\", "`ls`", "@x $d0 {/Bold}"}) {
    INFO(label);
    Chart labelled = chart;
    labelled.title = labelled.x_label = labelled.y_label = label;
    CHECK(figure_svg(labelled).starts_with("<svg"));
    CHECK_FALSE(figures_png({labelled}, 1, 300, 200).empty());
  }
  CHECK_THROWS_AS(figure_svg(HeatMap{"cells", "x", "y", 2, 3, {1, 2}}), Error);
  const std::string path = ::getenv("PATH") ? ::getenv("PATH") : "";
  ::setenv("PATH", "/nonexistent", 1);
  const std::string missing = figure_svg(chart);
  CHECK(figures_png({chart}, 1, 300, 200).empty());
  ::setenv("PATH", path.c_str(), 1);
  CHECK(missing == "<p>Here a chart is missing (error &lt;b&gt;): it needs gnuplot, which is not installed.</p>");
}

TEST_CASE("several seeds give medians, quartiles and how many runs got there", "[report]") {
  // h1 has a quarter, a half and twice of L2's error at equal steps: two of three get to L2's end.
  std::vector<Run> runs;
  const double scales[] = {0.25, 0.5, 2};
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    runs.push_back(curve("l2", 1 + static_cast<double>(seed), seed));
    runs.push_back(curve("h1", scales[seed] * (1 + static_cast<double>(seed)), seed));
  }
  const Table table = final_table(runs, "test_mse");
  CHECK(table.header == std::vector<std::string>{"loss", "runs", "steps", "seconds", "test_mse", "reaches L2's end",
                                                 "fewer steps", "fewer seconds"});
  CHECK(table.rows[0] == std::vector<std::string>{"l2", "3", "100", "10.0", "0.02 (0.015 to 0.025)", "", "1", "1"});
  CHECK(table.rows[1][5] == "2 of 3");
  // Of never, 2 and 10 / 3 the lower quartile lies between never and 2: no number stands for that.
  CHECK(table.rows[1][6] == "2.00× (never to 2.67×)");
  const auto gain = set_acceleration(runs, by_loss(runs)[1], "test_mse");
  REQUIRE(gain);
  CHECK(std::abs(gain->steps.upper - (2 + 10 / 3.0) / 2) < 1e-12);
  std::vector<Run> two{runs[2], runs[3], runs[4], runs[5]};  // one of two gets there: no median of 1
  CHECK(set_acceleration(two, by_loss(two)[1], "test_mse")->steps.median == 0);
  const Chart chart = curves_chart(runs, "test_mse", "error");
  CHECK(std::count_if(chart.series.begin(), chart.series.end(), [](const Series& s) { return s.filled; }) == 2);
  CHECK(chart.series.size() == 6 + 2 + 2);  // runs, bands, medians
}

TEST_CASE("acceleration at every level is the ratio of the times to it", "[report]") {
  // Errors 1 / step and a quarter of it: at every level that both reach, a quarter of the steps.
  const Chart chart = acceleration_chart({curve("l2", 1), curve("h1", 0.25)}, "test_mse", "error");
  REQUIRE(chart.series.size() == 2);
  REQUIRE(chart.series[0].x.size() > 5);
  for (const double ratio : chart.series[0].y) CHECK(std::abs(ratio - 4) < 0.35);  // lines between evaluations
  CHECK(acceleration_chart({curve("h1", 1)}, "test_mse", "error").series.empty());
  std::vector<Run> orders{curve("l2", 1)};
  for (const double s : {-1.0, 0.5, 1.0, 2.0}) {
    orders.push_back(curve(fmt::format("hs{}", s), 1 / (2 + s)));
    orders.back().loss = {fmt::format("hs{}", s), "hs", s};
  }
  const auto by_order = order_chart(orders, "test_mse");
  REQUIRE(by_order);
  CHECK(by_order->series.back().x == std::vector<double>{-1, 0, 0.5, 1, 2});
  CHECK_FALSE(order_chart({curve("l2", 1), curve("h1", 0.25)}, "test_mse"));
}

TEST_CASE("the table of weights has the means of k and n - k", "[report]") {
  Options options;
  const std::vector<Loss> losses{{"l2", "l2", 0}, {"h1", "h1", 1}, {"h2", "h2", 2}};
  const Table table = weights_table(28, losses, options);
  CHECK(table.rows[0] == std::vector<std::string>{"0", "1", "1", "1"});
  CHECK(table.rows[1][2] == "19.38");
  CHECK(table.rows.back() == std::vector<std::string>{"14", "1", "10.87", "118.1"});
  options.hs_frequencies = "symmetric";
  options.hs_length = 2;
  CHECK(weights_table(28, losses, options).rows.back()[2] == "40.48");  // 1 + (2 pi)^2
}

TEST_CASE("charts of nothing, of one point and of what is no number are drawn", "[report]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  for (const bool logarithmic : {false, true}) {
    for (const Series& series : {Series{"empty", {}, {}}, Series{"point", {1}, {2}},
                                 Series{"bad", {1, 2, 3}, {nan, inf, -1}}, Series{"flat", {1, 2}, {3, 3}},
                                 Series{"tiny", {1, 2}, {1e-300, 1e-290}}, Series{"gap", {1, 2, 3}, {1, nan, 2}}}) {
      Chart chart;
      chart.log_y = logarithmic;
      chart.series = {series};
      INFO(series.name);
      const std::string svg = figure_svg(chart);
      CHECK(svg.find("</svg>") != std::string::npos);
      CHECK(svg.find("nan") == std::string::npos);
    }
  }
}

TEST_CASE("a logarithmic axis has round ticks that lie inside", "[report]") {
  CHECK(logarithmic_ticks(0.01, 100, 6).size() == 5);
  for (const auto& [low, high] : {std::pair{0.5, 3.0}, {1e-9, 1e9}, {3.1, 3.2}, {1e-300, 1e-290}}) {
    const auto ticks = logarithmic_ticks(low, high, 5);
    CHECK(ticks.size() >= 2);
    CHECK(ticks.size() < 20);
    for (const double tick : ticks) CHECK((tick >= low * 0.999999 && tick <= high * 1.000001));
  }
  CHECK(show_tick(1e-6) == "1e-6");
  CHECK(show_tick(250) == "250");
}

TEST_CASE("base64 has the standard's examples", "[report]") {  // RFC 4648, section 10
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foob") == "Zm9vYg==");
  CHECK(base64("foobar") == "Zm9vYmFy");
}
