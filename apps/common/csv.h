// CSV: the one reader of comma-separated files, and the files to which runs append their rows.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sg::apps {

/// Reads a file line by line: the header's names, then one row of cells after the other, without the spaces and quotes
/// around them. Cells are separated by commas, or by semicolons or tabs where the header has no comma. Blank lines are
/// passed over. Throws sg::Error as `path:line: what is wrong`.
class CsvReader {
 public:
  /// `whole_lines` leaves a last line out that has no end, which a run that was killed may have written half of.
  explicit CsvReader(std::filesystem::path path, bool whole_lines = false);

  /// The header's; empty when the file is.
  const std::vector<std::string>& names() const { return names_; }
  /// Reads the next row; false at the end. Throws for a row with more or fewer cells than there are names.
  bool next();
  const std::vector<std::string_view>& cells() const { return cells_; }
  /// The cell as a number, nothing for an empty one; throws for anything else.
  std::optional<double> number(std::size_t column) const;
  /// The same for a number that has to be there and finite.
  double finite_number(std::size_t column) const;

  /// Of the row just read, the header being line 1.
  std::int64_t line() const { return line_; }

 private:
  bool read_line();

  std::filesystem::path path_;
  std::ifstream file_;
  std::vector<std::string> names_;
  std::string text_;
  std::vector<std::string_view> cells_;
  std::int64_t line_ = 0;
  char separator_ = ',';
  bool whole_lines_;
};

/// Appends rows whose first cell is a step; each reaches the system when it is written.
class CsvAppender {
 public:
  /// Begins the file with the names, or, when `keep_steps` is given, goes on after the rows of steps up to it and drops
  /// the others. Throws FileError when the file cannot be written, sg::Error when it has other columns.
  CsvAppender(std::filesystem::path path, const std::vector<std::string>& names,
              std::optional<std::int64_t> keep_steps = {});
  /// A row without its end of line.
  void write(std::string row);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace sg::apps
