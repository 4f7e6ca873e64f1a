// Profile: time, calls, operations and bytes by primitive.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sg::profile {

/// Of the calling thread's evaluations. Off at first; turning it on starts from nothing.
void enable(bool on);
bool enabled();

struct Row {
  std::string primitive;  // or the names of those that were fused
  std::int64_t calls = 0;
  double seconds = 0;
  double flops = 0;
  double bytes = 0;
};
/// One row a primitive, the most expensive first.
std::vector<Row> rows();
/// Adds a row's figures, measured elsewhere.
void add(std::string_view primitive, double seconds, double flops, double bytes);
/// A text that the table ends with, once however often it is noted: the regions that ran.
void note(const std::string& text);
/// The rows as a table of text.
std::string table();

/// Times one step, from its making to its end.
class Timer {
 public:
  Timer(std::string_view primitive, double flops, double bytes);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  std::string_view primitive_;
  double flops_, bytes_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace sg::profile
