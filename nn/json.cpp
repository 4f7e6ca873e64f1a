// Json.
#include "nn/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "engine/error.h"
#include "engine/printable.h"

namespace sg::nn {
namespace {

constexpr std::size_t deepest = 16;

/// What the parser of the library says, without its own name and code.
std::string reason_of(const nlohmann::json::exception& error) {
  const std::string_view message = error.what();
  const std::size_t end = message.find("] ");
  return printable(end == std::string_view::npos ? message : message.substr(end + 2));
}

/// Goes over the text before values are made of it: a value of any depth would be taken apart by recursion, and of a
/// name that comes twice only one would be left.
class Check final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Check(std::string_view who) : who_(who) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (!names_.back().insert(name).second) {
      fail("{}: bad JSON: the name {} comes twice", who_, show_name(name));
    }
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) override {
    fail("{}: bad JSON: {}", who_, reason_of(error));
  }

 private:
  bool open() {
    if (names_.size() == deepest) {
      fail("{}: bad JSON: nested more than {} deep", who_, deepest);
    }
    names_.emplace_back();
    return true;
  }
  bool close() {
    names_.pop_back();
    return true;
  }

  std::string_view who_;
  std::vector<std::set<std::string>> names_;  // of each object that is open
};

}  // namespace

nlohmann::json parse_json(std::string_view text, std::string_view who) {
  if (const std::size_t place = text.find('\0'); place != std::string_view::npos) {
    fail("{}: bad JSON: a zero byte at byte {}", who, place);  // the library would take it for the end
  }
  try {
    Check check(who);
    nlohmann::json::sax_parse(text, &check);
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    fail("{}: bad JSON: {}", who, reason_of(error));
  }
}

bool is_utf8(std::string_view text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

std::string quote_json(std::string_view text) {
  // A name that is no UTF-8 has to show in a message, too.
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string show_name(std::string_view text) { return quote_json(printable(text)); }

std::string show_json(const nlohmann::json& value) {
  return printable(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace sg::nn
