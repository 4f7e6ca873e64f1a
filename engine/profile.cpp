// Profile: time, calls, operations and bytes by primitive.
#include "engine/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/context.h"

namespace sg::profile {

struct Totals {
  std::map<std::string, Row, std::less<>> rows;
  std::vector<std::string> notes;
};

namespace {

Totals& totals() {
  auto& kept = context().profile;
  if (!kept) kept = std::make_shared<Totals>();
  return *kept;
}

}  // namespace

void enable(bool on) {
  if (on && !enabled()) totals() = {};
  context().profiling = on;
}
bool enabled() { return context().profiling; }

std::vector<Row> rows() {
  std::vector<Row> result;
  for (const auto& [name, row] : totals().rows) result.push_back(row);
  std::stable_sort(result.begin(), result.end(), [](const Row& a, const Row& b) { return a.seconds > b.seconds; });
  return result;
}

std::string table() {
  double total = 0;
  for (const Row& row : rows()) total += row.seconds;
  std::string text =
      fmt::format("{:>10} {:>6} {:>9} {:>9} {:>8}  {}\n", "seconds", "share", "calls", "GFLOP/s", "GB/s", "primitive");
  for (const Row& row : rows()) {
    text += fmt::format("{:>10.4f} {:>5.1f}% {:>9} {:>9.1f} {:>8.1f}  {}\n", row.seconds,
                        total > 0 ? 100 * row.seconds / total : 0.0, row.calls, row.flops / row.seconds * 1e-9,
                        row.bytes / row.seconds * 1e-9, row.primitive);
  }
  text += fmt::format("{:>10.4f} 100.0%  in all\n", total);
  for (const std::string& noted : totals().notes) text += noted;
  return text;
}

Timer::Timer(std::string_view primitive, double flops, double bytes)
    : primitive_(primitive), flops_(flops), bytes_(bytes), start_(std::chrono::steady_clock::now()) {}

Timer::~Timer() {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  add(primitive_, seconds, flops_, bytes_);
}

void add(std::string_view primitive, double seconds, double flops, double bytes) {
  auto& rows = totals().rows;
  auto found = rows.find(primitive);
  if (found == rows.end()) found = rows.emplace(std::string(primitive), Row{std::string(primitive)}).first;
  Row& row = found->second;
  row.calls += 1;
  row.seconds += seconds;
  row.flops += flops;
  row.bytes += bytes;
}

void note(const std::string& text) {
  std::vector<std::string>& notes = totals().notes;
  if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.push_back(text);
}

}  // namespace sg::profile
