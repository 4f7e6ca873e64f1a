// Json.
#include "nn/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "engine/error.h"

namespace sg::nn {

nlohmann::json parse_json(std::string_view text, std::string_view who) {
  using Event = nlohmann::json::parse_event_t;
  constexpr int deepest = 16;
  std::vector<std::set<std::string>> names;  // of each object that is open
  const auto check = [&](int depth, Event event, nlohmann::json& value) {
    if (depth > deepest) fail("{}: bad JSON: nested more than {} deep", who, deepest);
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key && !names.back().insert(value.get<std::string>()).second) {
      fail("{}: bad JSON: the name {} comes twice", who, quote_json(value.get<std::string>()));
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::exception& error) {
    fail("{}: bad JSON: {}", who, error.what());
  }
}

std::string quote_json(std::string_view text) {
  // A name that is no UTF-8 has to show in a message, too.
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sg::nn
