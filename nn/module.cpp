// Module: slots, the walk over the modules, and state in and out.
#include "nn/module.h"

#include <cxxabi.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <memory>
#include <set>
#include <typeinfo>

#include "engine/node.h"
#include "engine/transforms.h"
#include "nn/json.h"

namespace sg::nn {
namespace {

/// At most this many names stand in one error.
constexpr std::size_t names_in_error = 6;

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), names_in_error); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > names_in_error) text += fmt::format(" and {} more", names.size() - names_in_error);
  return text;
}

/// The slots that are trained, or those that are not, each once.
template <class Pointer>
std::vector<std::pair<std::string, Pointer>> named_among(const std::vector<std::pair<std::string, Pointer>>& slots,
                                                         bool trainable) {
  std::vector<std::pair<std::string, Pointer>> result;
  std::set<const Slot*> seen;
  for (const auto& named : slots) {
    if (named.second->trainable() == trainable && seen.insert(named.second).second) result.push_back(named);
  }
  return result;
}

template <class Pointer>
std::vector<Pointer> among(const std::vector<std::pair<std::string, Pointer>>& slots, bool trainable) {
  std::vector<Pointer> result;
  for (const auto& [name, slot] : named_among(slots, trainable)) result.push_back(slot);
  return result;
}

/// `Linear` of sg::nn::Linear.
std::string class_name(const Module& module) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable(
      abi::__cxa_demangle(typeid(module).name(), nullptr, nullptr, &status), std::free);
  std::string name = status == 0 ? readable.get() : typeid(module).name();
  constexpr std::string_view home = "sg::nn::";
  for (std::size_t at = name.find(home); at != std::string::npos; at = name.find(home)) name.erase(at, home.size());
  return name;
}

}  // namespace

Slot::Slot(Shape shape, init::Rule rule, Dtype dtype, bool trainable)
    : shape_(shape), rule_(std::move(rule)), dtype_(dtype), trainable_(trainable) {}

const Tensor& Slot::value() const {
  if (!value_.defined()) fail("{}: the slot holds nothing yet: initialise the network or load its state", name_);
  if (!update_.defined() || !is_abandoned(update_)) return value_;
  auto version = before_.rbegin();
  while (version->update.defined() && is_abandoned(version->update)) ++version;
  return version->value;
}

void Slot::set(const Tensor& value) {
  if (value.shape() != shape_ || value.dtype() != dtype_) {
    fail("{}: got {} {}, needs {} {}", name_, name_of(value.dtype()), value.shape(), name_of(dtype_), shape_);
  }
  if (depends_on_slice(value)) {
    fail("{}: the new value depends on a slice of vmap or per_sample_grad, and would never be known", name_);
  }
  // A leaf of its own: who else holds the tensor shall not find derivatives in it.
  value_ = trainable_ ? value.eval().detach().requires_grad() : value;
  update_ = {};
  before_.clear();
}

void Slot::set_unless_abandoned(const Tensor& value, const Tensor& update) {
  std::vector<Version> before = before_;
  if (update_.defined() && is_abandoned(update_)) {
    while (before.back().update.defined() && is_abandoned(before.back().update)) before.pop_back();
  } else {
    if (!update_.defined() || update_.node()->value()) before.clear();
    before.push_back({Slot::value(), update_});
  }
  set(value);
  update_ = update;
  before_ = std::move(before);
}

void Slot::initialise(const init::Stream& stream) {
  set(rule_(shape_, dtype_, stream));
  is_provisional_ = false;
}

void Slot::to(Dtype dtype) {
  if (!is_floating(dtype)) fail("to: a network computes in f32 or f64, not in {}", name_of(dtype));
  if (!is_floating(dtype_) || dtype_ == dtype) return;
  dtype_ = dtype;
  if (!value_.defined()) return;
  const NoGrad no_grad;
  set(cast(value(), dtype).detach());
}

Tensor Module::forward(const Tensor&) { fail("forward: this module takes other arguments than one tensor"); }

void Module::check_name(std::string_view name) const {
  if (!is_utf8(name)) fail("{}: the name {} is not UTF-8", class_name(*this), show_name(name));
  const auto is_name_of = [&](const Slot* slot) { return slot->name() == name; };
  if (std::any_of(parameters_.begin(), parameters_.end(), is_name_of) ||
      std::any_of(buffers_.begin(), buffers_.end(), is_name_of) ||
      std::any_of(children_.begin(), children_.end(), [&](const auto& child) { return child.first == name; })) {
    fail("{}: the name {} is registered twice", class_name(*this), show_name(name));
  }
}

void Module::check_registration(std::string_view name, const Slot& slot) const {
  check_name(name);
  for (const auto* list : {&parameters_, &buffers_}) {
    if (std::find(list->begin(), list->end(), &slot) == list->end()) continue;
    fail("{}: {} is registered already, as {}", class_name(*this), show_name(name), show_name(slot.name()));
  }
}

void Module::add_parameter(std::string name, Parameter& parameter) {
  check_registration(name, parameter);
  parameter.name_ = std::move(name);
  parameters_.push_back(&parameter);
}

void Module::add_buffer(std::string name, Buffer& buffer) {
  check_registration(name, buffer);
  buffer.name_ = std::move(name);
  buffers_.push_back(&buffer);
}

void Module::add_optional_buffer(std::string name, Buffer& buffer) {
  add_buffer(std::move(name), buffer);
  buffer.may_be_missing_ = true;
  buffer.is_provisional_ = true;
}

void Module::add_child(std::string name, Module& child) {
  assert(&child != this);
  check_name(name);
  children_.emplace_back(std::move(name), &child);
}

void Module::collect(const std::string& prefix, std::vector<std::pair<std::string, Slot*>>& slots) const {
  for (Slot* slot : parameters_) slots.emplace_back(prefix + slot->name(), slot);
  for (Slot* slot : buffers_) slots.emplace_back(prefix + slot->name(), slot);
  for (auto& [name, child] : children_) child->collect(prefix + name + ".", slots);
}

std::vector<std::pair<std::string, Slot*>> Module::named_slots() {
  std::vector<std::pair<std::string, Slot*>> slots;
  collect("", slots);
  return slots;
}

std::vector<std::pair<std::string, const Slot*>> Module::named_slots() const {
  std::vector<std::pair<std::string, Slot*>> slots;
  collect("", slots);
  return {slots.begin(), slots.end()};
}

std::vector<std::pair<std::string, Slot*>> Module::named_parameters() { return named_among(named_slots(), true); }
std::vector<std::pair<std::string, const Slot*>> Module::named_parameters() const {
  return named_among(named_slots(), true);
}

Slot& Module::slot(std::string_view name) {
  std::vector<std::string> known;
  for (auto& [full_name, slot] : named_slots()) {
    if (full_name == name) return *slot;
    known.push_back(full_name);
  }
  fail("slot: there is no {}; there are {}", name, join(known));
}

std::vector<std::pair<std::string, Module*>> Module::named_modules() {
  std::vector<std::pair<std::string, Module*>> modules{{"", this}};
  for (auto& [name, child] : children_) {
    for (auto& [below, module] : child->named_modules()) {
      modules.emplace_back(below.empty() ? name : name + "." + below, module);
    }
  }
  return modules;
}

std::string Module::summary() {
  std::vector<std::array<std::string, 4>> lines{{"name", "module", "slots", "parameters"}};
  for (auto& [name, module] : named_modules()) {
    std::string slots;
    std::int64_t count = 0;
    for (const auto* list : {&module->parameters_, &module->buffers_}) {
      for (const Slot* slot : *list) {
        slots += fmt::format("{}{} {}", slots.empty() ? "" : ", ", slot->name(), slot->shape());
        if (slot->trainable()) count += slot->size();
      }
    }
    lines.push_back({name.empty() ? "." : name, class_name(*module), slots, count ? std::to_string(count) : ""});
  }
  std::array<std::size_t, 4> widths{};
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}\n", line[0], widths[0], line[1], widths[1], line[2], widths[2],
                        line[3], widths[3]);
  }
  std::int64_t bytes = 0, buffer_elements = 0;
  for (const Slot* slot : parameters()) bytes += slot->size() * size_of(slot->dtype());
  for (const Slot* slot : buffers()) {
    bytes += slot->size() * size_of(slot->dtype());
    buffer_elements += slot->size();
  }
  return text +
         fmt::format("{} parameters, {} elements of buffers, {} bytes\n", parameter_count(), buffer_elements, bytes);
}

std::vector<Slot*> Module::parameters() { return among(named_slots(), true); }
std::vector<const Slot*> Module::parameters() const { return among(named_slots(), true); }
std::vector<Slot*> Module::buffers() { return among(named_slots(), false); }
std::vector<const Slot*> Module::buffers() const { return among(named_slots(), false); }

Tensors Module::parameter_values() const {
  Tensors values;
  for (const Slot* slot : parameters()) values.push_back(slot->value());
  return values;
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = 0;
  for (const Slot* slot : parameters()) count += slot->size();
  return count;
}

void Module::initialise(std::uint64_t seed) {
  std::uint64_t position = 0;
  for (auto& [name, slot] : named_slots()) slot->initialise({seed, position++});
}

NamedTensors Module::state() const {
  Tensors values;
  const auto slots = named_slots();
  for (auto& [name, slot] : slots) values.push_back(slot->value());
  sg::eval(values);
  NamedTensors state;
  for (std::size_t i = 0; i < slots.size(); ++i) state.emplace_back(slots[i].first, values[i].detach());
  return state;
}

void Module::load_state(const NamedTensors& state) {
  std::map<std::string_view, const Tensor*> given;
  std::vector<std::string> missing, unexpected, misshapen;
  for (auto& [name, tensor] : state) {
    if (!given.emplace(name, &tensor).second) fail("load_state: the name {} comes twice", name);
  }
  Tensors values;
  const auto slots = named_slots();
  std::uint64_t position = 0;
  for (auto& [name, slot] : slots) {
    const init::Stream stream{0, position++};
    const auto found = given.find(name);
    if (found == given.end()) {
      if (slot->may_be_missing_) {
        values.push_back(slot->is_provisional_ ? slot->rule_(slot->shape_, slot->dtype_, stream) : slot->value());
      } else {
        missing.push_back(name);
      }
      continue;
    }
    const Tensor& tensor = *found->second;
    given.erase(found);
    if (tensor.shape() != slot->shape()) {
      misshapen.push_back(fmt::format("{} is {}, needs {}", name, tensor.shape(), slot->shape()));
    } else if (is_floating(tensor.dtype()) != is_floating(slot->dtype())) {
      misshapen.push_back(fmt::format("{} is {}, needs {}", name, name_of(tensor.dtype()), name_of(slot->dtype())));
    } else {
      values.push_back(tensor.dtype() == slot->dtype() ? tensor : cast(tensor, slot->dtype()));
    }
  }
  for (auto& [name, tensor] : state) {
    if (given.contains(name)) unexpected.push_back(name);
  }
  std::vector<std::string> complaints;
  if (!missing.empty()) complaints.push_back("missing " + join(missing));
  if (!unexpected.empty()) complaints.push_back("unexpected " + join(unexpected));
  if (!misshapen.empty()) complaints.push_back("misshapen " + join(misshapen));
  if (!complaints.empty()) {
    std::string text = complaints[0];
    for (std::size_t i = 1; i < complaints.size(); ++i) text += "; " + complaints[i];
    fail("load_state: the tensors are not those of this network: {}", text);
  }
  sg::eval(values);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    slots[i].second->set(values[i].detach());
    slots[i].second->is_provisional_ = false;
  }
}

void Module::to(Dtype dtype) {
  for (auto& [name, slot] : named_slots()) slot->to(dtype);
}

void Module::train(bool on) {
  training_ = on;
  for (auto& [name, child] : children_) child->train(on);
}

NamedTensors with_prefix(const NamedTensors& tensors, std::string_view prefix) {
  NamedTensors result;
  for (auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) result.emplace_back(name.substr(prefix.size()), tensor);
  }
  return result;
}

NamedTensors add_prefix(std::string_view prefix, const NamedTensors& tensors) {
  NamedTensors result;
  for (auto& [name, tensor] : tensors) result.emplace_back(std::string(prefix) + name, tensor);
  return result;
}

const Tensor& find(const NamedTensors& tensors, std::string_view name, std::string_view who) {
  for (auto& [key, tensor] : tensors) {
    if (key == name) return tensor;
  }
  fail("{}: there is no tensor named {}", who, name);
}

}  // namespace sg::nn
