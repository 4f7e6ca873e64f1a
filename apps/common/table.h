// Table: figures in rows, for the terminal and for the report.
#pragma once

#include <string>
#include <vector>

namespace sg::apps {

struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;

  /// Columns of equal width; the first is aligned to the left, the others to the right.
  std::string to_text() const;
  std::string to_html() const;
};

/// The text with &, <, >, " and ' written so that HTML shows them.
std::string escape_html(const std::string& text);

/// 0.0158, 1.2e-05, 12,345.6: four significant digits, as people read them. A NaN is `not a number`.
std::string show_figure(double value);

/// Characters, not bytes.
std::size_t text_width(const std::string& utf8);

}  // namespace sg::apps
