// Table: a user's own points and values, with whatever derivatives come along, from a CSV file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/dtype.h"

namespace sg::regression {

/// What the file holds, in f64. Derivatives of order 1 and 2 stand row-major as in losses/route.h: [rows, d] and [rows,
/// d d].
struct Table {
  std::int64_t inputs = 0;
  std::int64_t rows = 0;
  std::vector<double> points;          // [rows, inputs]
  std::vector<double> derivatives[3];  // u, first, second; absent components are 0, an order without any is empty
  std::vector<bool> present[3];        // which components the file has, one flag each
  bool has_all(int order) const;
  bool has_any(int order) const;
};

/// Reads a header line `x1,..,xd,u[,u_x1..][,u_x1x1..]` and then numbers, separated by commas; the columns may come in
/// any order after that of the points, a mixed derivative may have either name. Throws with the line and what is wrong
/// there, also for a number that is too large for `dtype`.
Table read_table(const std::string& path, Dtype dtype = f64);

/// The largest number to train on in this type: the squares of as many as a table may have add up to a finite sum.
double largest_number(Dtype dtype);

/// The name of a derivative's column, by its order and its component: u, u_x2, u_x1x2.
std::string column_name(int order, std::int64_t component, std::int64_t inputs);

/// How many of the table's different points fall together with another one in f32.
std::int64_t merged_points(const Table& table);

/// The CRC-32C of the file's bytes, as eight hexadecimal digits.
std::string checksum_of(const std::string& path);

}  // namespace sg::regression
