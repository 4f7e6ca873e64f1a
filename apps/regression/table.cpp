// Table: reading points, values and derivatives from a CSV file.
#include "apps/regression/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <numeric>
#include <string_view>

#include "apps/common/csv.h"
#include "engine/crc32c.h"
#include "engine/error.h"
#include "engine/printable.h"

namespace sg::regression {

namespace {

constexpr std::int64_t most_inputs = 64;
constexpr std::int64_t most_numbers = 100'000'000;

/// Reads an `x` and a number from the front; 0 when it is not there.
std::int64_t take_input(std::string_view& text) {
  if (text.empty() || text.front() != 'x') return 0;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), number);
  if (error != std::errc() || number < 1 || number > most_inputs) return 0;
  text.remove_prefix(end - text.data());
  return number;
}

/// Where a column goes: the order of derivative (-1 for a coordinate) and the component.
struct Column {
  int order = -1;
  std::int64_t component = 0, mirrored = 0;
};

Column column_named(const std::string& path, std::string_view name, std::int64_t inputs) {
  std::string_view rest = name;
  if (const std::int64_t i = take_input(rest); i > 0 && rest.empty()) return {-1, i - 1, i - 1};
  if (name == "u") return {0, 0, 0};
  if (name.starts_with("u_")) {
    rest = name.substr(2);
    const std::int64_t i = take_input(rest);
    if (i > 0 && i <= inputs && rest.empty()) return {1, i - 1, i - 1};
    const std::int64_t j = take_input(rest);
    if (i > 0 && i <= inputs && j > 0 && j <= inputs && rest.empty()) {
      return {2, (i - 1) * inputs + j - 1, (j - 1) * inputs + i - 1};
    }
  }
  fail("{}:1: column `{}` is not known: needs x1..x{}, u, u_x1.. or u_x1x1..", path, printable(name, 80), inputs);
}

/// How many different points there are.
template <class Number>
std::int64_t distinct_points(const std::vector<Number>& points, std::int64_t inputs) {
  std::vector<std::int64_t> rows(points.size() / inputs);
  std::iota(rows.begin(), rows.end(), 0);
  const auto at = [&](std::int64_t row) { return points.begin() + row * inputs; };
  std::sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
    return std::lexicographical_compare(at(a), at(a) + inputs, at(b), at(b) + inputs);
  });
  const auto end = std::unique(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
    return std::equal(at(a), at(a) + inputs, at(b));
  });
  return end - rows.begin();
}

}  // namespace

bool Table::has_all(int order) const {
  return std::all_of(present[order].begin(), present[order].end(), [](bool b) { return b; });
}

bool Table::has_any(int order) const {
  return std::any_of(present[order].begin(), present[order].end(), [](bool b) { return b; });
}

double largest_number(Dtype dtype) {
  const double largest = dtype == f32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
  return 0.1 * std::sqrt(largest / most_numbers);  // a tenth, so that residuals may be larger than the values
}

std::string column_name(int order, std::int64_t component, std::int64_t inputs) {
  if (order == 0) return "u";
  if (order == 1) return fmt::format("u_x{}", component + 1);
  return fmt::format("u_x{}x{}", component / inputs + 1, component % inputs + 1);
}

std::int64_t merged_points(const Table& table) {
  const std::vector<float> rounded(table.points.begin(), table.points.end());
  return distinct_points(table.points, table.inputs) - distinct_points(rounded, table.inputs);
}

std::string checksum_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> piece(1 << 20);
  std::uint32_t checksum = 0;
  do {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    checksum = crc32c(checksum, piece.data(), static_cast<std::size_t>(file.gcount()));
  } while (file);
  if (!file.eof()) fail("{}: cannot be read", path);
  return fmt::format("{:08x}", checksum);
}

Table read_table(const std::string& path, Dtype dtype) {
  apps::CsvReader csv(path);
  const std::vector<std::string>& names = csv.names();
  if (names.empty()) fail("{}: is empty; needs a header line x1,..,xd,u,...", path);

  Table table;
  for (std::string_view name : names) {
    if (const std::int64_t i = take_input(name); i > 0 && name.empty()) table.inputs = std::max(table.inputs, i);
  }
  const std::int64_t d = table.inputs;
  if (d == 0) fail("{}:1: there is no column x1", path);
  std::vector<bool> coordinate(d);
  for (const int order : {0, 1, 2}) table.present[order].assign(order == 0 ? 1 : order == 1 ? d : d * d, false);
  std::vector<Column> columns;
  for (const std::string_view name : names) {
    const Column column = column_named(path, name, d);
    std::vector<bool>& seen = column.order < 0 ? coordinate : table.present[column.order];
    if (seen[column.component]) fail("{}:1: column `{}` comes twice", path, printable(name, 80));
    seen[column.component] = seen[column.mirrored] = true;
    columns.push_back(column);
  }
  for (std::int64_t i = 0; i < d; ++i) {
    if (!coordinate[i]) fail("{}:1: there is no column x{}", path, i + 1);
  }
  if (!table.present[0][0]) fail("{}:1: there is no column u", path);

  std::int64_t stored_numbers = d;
  for (const int order : {0, 1, 2}) {
    if (table.has_any(order)) stored_numbers += static_cast<std::int64_t>(table.present[order].size());
  }

  while (csv.next()) {
    if ((table.rows + 1) * stored_numbers > most_numbers) {
      fail("{}:{}: more than {} numbers", path, csv.line(), most_numbers);
    }
    const std::int64_t row = table.rows++;
    table.points.resize((row + 1) * d);
    for (const int order : {0, 1, 2}) {
      if (table.has_any(order)) table.derivatives[order].resize((row + 1) * table.present[order].size());
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const double value = csv.finite_number(i);
      if (std::abs(value) > largest_number(dtype)) {
        fail("{}:{}: column `{}`: {} is too large for {}, which takes up to {:.2g}: {}", path, csv.line(),
             printable(names[i], 80), value, name_of(dtype), largest_number(dtype),
             dtype == f32 ? fmt::format("--dtype f64 takes up to {:.2g}", largest_number(f64)) : "needs other units");
      }
      const Column& column = columns[i];
      if (column.order < 0) {
        table.points[row * d + column.component] = value;
      } else {
        std::vector<double>& values = table.derivatives[column.order];
        const auto components = static_cast<std::int64_t>(table.present[column.order].size());
        values[row * components + column.component] = values[row * components + column.mirrored] = value;
      }
    }
  }
  if (table.rows == 0) fail("{}: has a header and no rows", path);
  return table;
}

}  // namespace sg::regression
