// Json.
#include "nn/json.h"

#include <charconv>
#include <set>

#include "engine/error.h"

namespace sg::nn::json {
namespace {

constexpr int deepest = 16;

class Parser {
 public:
  Parser(std::string_view text, std::string_view who) : text_(text), who_(who) {}

  Value document() {
    Value value = parse_value(0);
    skip_space();
    if (position_ != text_.size()) complain("more text after the value");
    return value;
  }

 private:
  [[noreturn]] void complain(std::string_view what) const { fail("{}: bad JSON at byte {}: {}", who_, position_, what); }

  /// The next character, or 0 at the end (a 0 in the text is refused wherever this is used).
  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }

  void skip_space() {
    while (position_ < text_.size() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) ++position_;
  }

  bool accept(char wanted) {
    if (position_ >= text_.size() || text_[position_] != wanted) return false;
    ++position_;
    return true;
  }

  void expect_word(std::string_view word) {
    if (text_.substr(position_, word.size()) != word) complain("not a value");
    position_ += word.size();
  }

  Value parse_value(int depth) {
    if (depth > deepest) complain("nested too deeply");
    skip_space();
    switch (peek()) {
      case '{': return {parse_object(depth)};
      case '[': return {parse_array(depth)};
      case '"': return {parse_string()};
      case 't': expect_word("true"); return {true};
      case 'f': expect_word("false"); return {false};
      case 'n': expect_word("null"); return {nullptr};
      default: return parse_number();
    }
  }

  Object parse_object(int depth) {
    Object object;
    std::set<std::string> names;
    accept('{');
    skip_space();
    if (accept('}')) return object;
    do {
      skip_space();
      if (peek() != '"') complain("a name in quotes is needed");
      std::string name = parse_string();
      if (!names.insert(name).second) complain("the name " + quote(name) + " comes twice");
      skip_space();
      if (!accept(':')) complain("':' is needed");
      object.emplace_back(std::move(name), parse_value(depth + 1));
      skip_space();
    } while (accept(','));
    if (!accept('}')) complain("',' or '}' is needed");
    return object;
  }

  Array parse_array(int depth) {
    Array array;
    accept('[');
    skip_space();
    if (accept(']')) return array;
    do {
      array.push_back(parse_value(depth + 1));
      skip_space();
    } while (accept(','));
    if (!accept(']')) complain("',' or ']' is needed");
    return array;
  }

  Value parse_number() {
    const std::size_t begin = position_;
    const auto digits = [&] {
      const std::size_t first = position_;
      while (peek() >= '0' && peek() <= '9') ++position_;
      if (position_ == first) complain("not a value");
    };
    accept('-');
    if (!accept('0')) digits();
    bool whole = true;
    if (accept('.')) {
      whole = false;
      digits();
    }
    if (accept('e') || accept('E')) {
      whole = false;
      if (!accept('+')) accept('-');
      digits();
    }
    const char* first = text_.data() + begin;
    const char* last = text_.data() + position_;
    if (whole) {
      std::int64_t integer = 0;
      if (std::from_chars(first, last, integer).ec == std::errc()) return {integer};
    }
    double number = 0;
    if (std::from_chars(first, last, number).ec != std::errc()) complain("a number out of range");
    return {number};
  }

  unsigned hexadecimal() {
    unsigned code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) complain("four hexadecimal digits are needed");
      code = code * 16 + static_cast<unsigned>(digit);
      ++position_;
    }
    return code;
  }

  static void append_utf8(std::string& text, unsigned code) {
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else if (code < 0x800) {
      text += static_cast<char>(0xC0 | code >> 6);
      text += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      text += static_cast<char>(0xE0 | code >> 12);
      text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      text += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      text += static_cast<char>(0xF0 | code >> 18);
      text += static_cast<char>(0x80 | (code >> 12 & 0x3F));
      text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      text += static_cast<char>(0x80 | (code & 0x3F));
    }
  }

  /// After the backslash.
  void parse_escape(std::string& result) {
    const char c = peek();
    ++position_;
    switch (c) {
      case '"': case '\\': case '/': result += c; return;
      case 'b': result += '\b'; return;
      case 'f': result += '\f'; return;
      case 'n': result += '\n'; return;
      case 'r': result += '\r'; return;
      case 't': result += '\t'; return;
      case 'u': break;
      default: complain("no such escape");
    }
    unsigned code = hexadecimal();
    if (code >= 0xDC00 && code < 0xE000) complain("half a surrogate pair");
    if (code >= 0xD800 && code < 0xDC00) {
      if (!accept('\\') || !accept('u')) complain("half a surrogate pair");
      const unsigned low = hexadecimal();
      if (low < 0xDC00 || low >= 0xE000) complain("half a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(result, code);
  }

  /// Copies one character of more than one byte.
  void copy_utf8(std::string& result) {
    const auto byte = [&](std::size_t i) { return position_ + i < text_.size() ? static_cast<unsigned char>(text_[position_ + i]) : 0u; };
    const unsigned first = byte(0);
    const std::size_t length = first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : first >= 0xF0 && first < 0xF5 ? 4 : 0;
    if (length == 0) complain("invalid UTF-8");
    unsigned code = first & (0xFFu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(i) & 0xC0u) != 0x80u) complain("invalid UTF-8");
      code = code << 6 | (byte(i) & 0x3Fu);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) complain("invalid UTF-8");
    result += text_.substr(position_, length);
    position_ += length;
  }

  std::string parse_string() {
    std::string result;
    accept('"');
    while (true) {
      if (position_ >= text_.size()) complain("the text ends within quotes");
      const auto c = static_cast<unsigned char>(text_[position_]);
      if (c == '"') break;
      if (c < 0x20) complain("a control character within quotes");
      if (c == '\\') {
        ++position_;
        parse_escape(result);
      } else if (c < 0x80) {
        result += static_cast<char>(c);
        ++position_;
      } else {
        copy_utf8(result);
      }
    }
    ++position_;
    return result;
  }

  std::string_view text_;
  std::string_view who_;
  std::size_t position_ = 0;
};

}  // namespace

const Value* Value::find(std::string_view name) const {
  const Object* object = get<Object>();
  if (!object) return nullptr;
  for (const auto& [key, value] : *object) {
    if (key == name) return &value;
  }
  return nullptr;
}

Value parse(std::string_view text, std::string_view who) { return Parser(text, who).document(); }

std::string quote(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      result += c;
    }
  }
  return result + "\"";
}

}  // namespace sg::nn::json
