// The report: acceleration, tables, charts, and a page that needs nothing from outside.
#include <stdlib.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "apps/common/chart_style.h"
#include "apps/common/files.h"
#include "apps/common/gnuplot.h"
#include "apps/common/report.h"
#include "data/image_io.h"
#include "engine/error.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using namespace sg::apps;
using tests::TemporaryFolder;

namespace {

/// test_mse = scale / step at every tenth step of a hundred; a step takes a tenth of a second.
RunCurve curve(const std::string& name, double scale) {
  RunCurve run{name, {{"test_mse"}, {}}};
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
  const RunCurve l2 = curve("l2", 1), fast = curve("h1", 0.25), slow = curve("h2", 2);
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
  CHECK(count(page, "<svg") == 3 + 2 + 1);
  CHECK(count(page, "<figure>") == count(page, "</figure>"));
  const TemporaryFolder folder;
  report.write(folder.path());
  CHECK(read_file(folder / "report.html", 1 << 24).size() > 10000);
}

TEST_CASE("a chart is drawn by gnuplot where it is there, and without it as well", "[report]") {
  const Chart chart = curves_chart({curve("l2", 1), curve("h1", 0.25)}, "test_mse", "error");
  if (std::system("command -v gnuplot >/dev/null") == 0) {
    const std::string drawn = gnuplot_svg(chart);
    CHECK(drawn.ends_with("</svg>\n\n"));
    CHECK(count(drawn, "<svg") == 1);
    CHECK(drawn.find("black") == std::string::npos);
    CHECK(drawn.find("l2") != std::string::npos);
  }
  const std::string plain = plain_chart_svg(chart);
  CHECK(plain.find("</svg>") != std::string::npos);
  CHECK(count(plain, "nan") + count(plain, "inf") == 0);
  const std::string path = ::getenv("PATH") ? ::getenv("PATH") : "";
  ::setenv("PATH", "/nonexistent", 1);
  CHECK(gnuplot_svg(chart).empty());
  CHECK(chart_svg(chart) == plain);
  ::setenv("PATH", path.c_str(), 1);
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
      for (const std::string& svg : {chart_svg(chart), plain_chart_svg(chart)}) {
        CHECK(svg.find("</svg>") != std::string::npos);
        CHECK(svg.find("nan") == std::string::npos);
      }
    }
  }
}

TEST_CASE("a chart has round ticks that lie inside", "[report]") {
  CHECK(axis_ticks(0, 10, 5, false) == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(axis_ticks(0.01, 100, 6, true).size() == 5);
  for (const auto& [low, high] : {std::pair{0.5, 3.0}, {1e-9, 1e9}, {3.1, 3.2}, {1e-300, 1e-290}}) {
    for (const bool logarithmic : {false, true}) {
      const auto ticks = axis_ticks(low, high, 5, logarithmic);
      CHECK(ticks.size() >= 2);
      CHECK(ticks.size() < 20);
      for (const double tick : ticks) CHECK((tick >= low * 0.999999 && tick <= high * 1.000001));
    }
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
