// Printable: text that came from a file or a command line, as it may be shown to a person.
#pragma once

#include <string>
#include <string_view>

namespace sg {

/// The text on one line, in which a terminal finds no commands: control characters (also those of UTF-8, U+0080 to
/// U+009F), line and paragraph separators and marks that change the direction of writing become spaces, bytes that are
/// no UTF-8 become `?`. What is longer than `longest` bytes is cut in its middle.
std::string printable(std::string_view text, std::size_t longest = 200);

/// Whether the text is UTF-8 (RFC 3629).
bool is_utf8(std::string_view text);

}  // namespace sg
