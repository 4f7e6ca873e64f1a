// Every primitive and every function of ops.h: value, refusals, broadcast, empty and zero-dimensional inputs,
// derivatives to third order, f32 against f64.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "engine/primitive.h"
#include "tests/engine/primitive_cases.h"
#include "tests/paths.h"

using namespace sg;
using namespace sg::test;

namespace {

Tensors inputs_of(const PrimitiveCase& row, std::mt19937_64& generator) {
  Tensors inputs;
  for (const Shape& shape : row.shapes) inputs.push_back(uniform(generator, shape, row.low, row.high));
  return inputs;
}

Values expected(const PrimitiveCase& row, const Tensors& inputs, std::int64_t count) {
  std::vector<Values> values;
  for (const Tensor& x : inputs) values.push_back(x.to_vector<double>());
  if (row.plain) return row.plain(values);
  Values result;
  for (std::int64_t i = 0; i < count; ++i) {
    Values arguments;
    for (const Values& v : values) arguments.push_back(v[v.size() == 1 ? 0 : i]);
    result.push_back(row.formula(arguments));
  }
  return result;
}

void check_values(const Tensor& y, const Values& wanted, double tolerance) {
  const Values got = y.to_vector<double>();
  REQUIRE(got.size() == wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO("element " << i << ": " << got[i] << ", needs " << wanted[i]);
    CHECK(is_close(got[i], wanted[i], tolerance));
  }
}

std::vector<PrimitiveCase> all_cases() {
  std::vector<PrimitiveCase> all = primitive_cases();
  all.insert(all.end(), operation_cases().begin(), operation_cases().end());
  return all;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The first groups of all matches.
std::set<std::string> found_in(const std::string& text, const char* pattern) {
  const std::regex expression(pattern);
  std::set<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) names.insert((*at)[1]);
  return names;
}

/// What the classes in the engine's sources call themselves.
std::set<std::string> primitive_names() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_folder() / "engine")) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string text = text_of(entry.path());
    // The words that name() returns, or those of the constant that it returns.
    for (const std::string& body : found_in(text, R"re(string_view name\(\) const[^{;]*\{([^}]*)\})re")) {
      std::set<std::string> words = found_in(body, R"re("(\w+)")re");
      if (words.empty()) words = found_in(text, R"re(string_view operation = "(\w+)";)re");
      INFO(entry.path().string() << ":" << body);
      CHECK_FALSE(words.empty());
      names.merge(words);
    }
  }
  return names;
}

}  // namespace

TEST_CASE("every function of ops.h has a row, and every row is in ops.h or a primitive", "[primitives]") {
  const auto functions =
      found_in(text_of(source_folder() / "engine" / "ops.h"), R"(\n(?:Tensor|Tensors|Sorted) (\w+)\()");
  CHECK(functions.size() > 100);
  std::set<std::string> rows;
  for (const PrimitiveCase& row : all_cases()) rows.insert(row.name);
  for (const std::string& name : functions) {
    INFO(name);
    CHECK((name == "operator" || rows.count(name) == 1));
  }
  const std::set<std::string> primitives = primitive_names();
  for (const std::string& name : rows) {
    INFO(name);
    CHECK((functions.count(name) == 1 || primitives.count(name) == 1));
  }
}

TEST_CASE("empty tensors and single elements have results of the right shape", "[primitives]") {
  std::mt19937_64 generator(4);
  for (const PrimitiveCase& row : all_cases()) {
    INFO(row.name);
    for (const PrimitiveCase::Edge& edge : row.edges) {
      Tensors inputs;
      for (const Shape& shape : edge.shapes) inputs.push_back(uniform(generator, shape, row.low, row.high));
      const Tensor y = row.function(inputs);
      CHECK(y.shape() == edge.result);
      y.eval();
      const Tensors gradients = grad(sum(y), inputs, {}, Unused::zeros);
      eval(gradients);
      for (std::size_t i = 0; i < inputs.size(); ++i) CHECK(gradients[i].shape() == inputs[i].shape());
    }
  }
}

TEST_CASE("every primitive has a row, and every row a primitive", "[primitives]") {
  const std::set<std::string> primitives = primitive_names();
  CHECK(primitives.size() > 70);
  std::set<std::string> rows;
  for (const PrimitiveCase& row : primitive_cases()) rows.insert(row.name);
  CHECK(rows == primitives);
}

TEST_CASE("values agree with plain formulas, in f64 and in f32", "[primitives]") {
  std::mt19937_64 generator(1);
  for (const PrimitiveCase& row : all_cases()) {
    if (!row.formula && !row.plain) continue;
    INFO(row.name);
    const Tensors inputs = inputs_of(row, generator);
    const Tensor y = row.function(inputs);
    check_values(y, expected(row, inputs, y.size()), 1e-14);
    Tensors singles;
    for (const Tensor& x : inputs) singles.push_back(cast(x, f32));
    const Tensor single = row.function(singles);
    CHECK(single.dtype() == f32);
    check_values(single, expected(row, singles, y.size()), 1e-6);
  }
}

TEST_CASE("elementwise primitives broadcast, and take scalars and empty tensors", "[primitives]") {
  std::mt19937_64 generator(2);
  for (const PrimitiveCase& row : all_cases()) {
    if (!row.formula) continue;
    INFO(row.name);
    Tensors scalars, empties, mixed, mixed_values;
    for (std::size_t i = 0; i < row.shapes.size(); ++i) {
      scalars.push_back(uniform(generator, {}, row.low, row.high));
      empties.push_back(zeros({0, 3}, f64));
      const Shape shape = i % 2 == 0 ? Shape{2, 1, 3} : Shape{4, 1};
      mixed.push_back(uniform(generator, shape, row.low, row.high));
      mixed_values.push_back(row.shapes.size() == 1 ? mixed.back() : broadcast_to(mixed.back(), {2, 4, 3}));
    }
    const Tensor scalar = row.function(scalars);
    CHECK(scalar.shape() == Shape{});
    check_values(scalar, expected(row, scalars, 1), 1e-14);
    const Tensor empty = row.function(empties);
    CHECK(empty.shape() == Shape{0, 3});
    CHECK(empty.to_vector<double>().empty());
    const Tensor wide = row.function(mixed);
    CHECK(wide.shape() == mixed_values[0].shape());
    check_values(wide, expected(row, mixed_values, wide.size()), 1e-14);
    if (row.shapes.size() > 1) check_derivatives(row.function, mixed, 1, generator);
  }
}

TEST_CASE("wrong calls are refused with an Error that names the operation", "[primitives]") {
  for (const PrimitiveCase& row : all_cases()) {
    for (const auto& call : row.refused) {
      INFO(row.name);
      try {
        call();
        FAIL_CHECK("was not refused");
      } catch (const Error& error) {
        const std::string speaker = row.speaker.empty() ? row.name : row.speaker;
        INFO(error.what());
        CHECK(std::string(error.what()).rfind(speaker + ": ", 0) == 0);
      }
    }
  }
}

TEST_CASE("derivatives to third order", "[primitives]") {
  std::mt19937_64 generator(3);
  for (const PrimitiveCase& row : all_cases()) {
    INFO(row.name);
    check_derivatives(row.function, inputs_of(row, generator), 3, generator);
  }
}
