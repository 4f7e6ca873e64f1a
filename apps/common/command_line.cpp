// Command line.
#include "apps/common/command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <utility>

#include "apps/common/values.h"
#include "engine/error.h"
#include "engine/printable.h"

namespace sg::apps {

struct CommandLine::Parts {
  explicit Parts(const std::string& app, const std::string& description) : cli(description, app) {}

  CLI::App cli;
  std::vector<CLI::Option*> options;
};

CommandLine::CommandLine(const std::string& app, const std::string& description, std::function<std::string()> version)
    : parts_(std::make_unique<Parts>(app, description)) {
  parts_->cli.set_help_flag("--help,-h", "print this and stop");
  parts_->cli.set_version_flag("--version", std::move(version),
                               "print the version, and whose instructions and kernels are used, and stop");
  parts_->cli.get_formatter()->column_width(36);
}

CommandLine::~CommandLine() = default;

std::size_t CommandLine::add_option(const std::string& name, const std::string& heading, const std::string& help,
                                    const std::string& type, const std::string& shown,
                                    std::function<void(const std::string&)> read) {
  parts_->options.push_back(parts_->cli.add_option_function<std::string>(name, std::move(read), help)
                                ->type_name(type)
                                ->default_str(shown)
                                ->group(heading)
                                ->take_last());
  return parts_->options.size() - 1;
}

std::size_t CommandLine::add_flag(const std::string& name, const std::string& heading, const std::string& help,
                                  bool& value) {
  parts_->options.push_back(parts_->cli.add_flag(name, value, help)->group(heading));
  return parts_->options.size() - 1;
}

void CommandLine::add_positional(const std::string& name, const std::string& help, bool required,
                                 std::vector<std::string>& values) {
  parts_->cli.add_option(name, values, help)->required(required)->type_name("");
}

void CommandLine::set_type(std::size_t option, const std::string& type) { parts_->options[option]->type_name(type); }

void CommandLine::set_footer(const std::string& text) { parts_->cli.footer(text); }

void CommandLine::parse(const std::vector<std::string>& arguments) {
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  for (std::string& argument : reversed) {
    // CLI11 would take it for a list; all that may look so here is the name of a file.
    if (argument.starts_with('[') && argument.ends_with(']')) argument.insert(0, "./");
  }
  try {
    parts_->cli.parse(reversed);
  } catch (const CLI::Success& success) {
    parts_->cli.exit(success, std::cout, std::cerr);
    throw Finished{};
  } catch (const CLI::ParseError& error) {
    // A misspelt option comes before what may be missing because of it.
    const std::vector<std::string> extras = parts_->cli.remaining();
    if (extras.empty()) fail("command line: {}; --help lists the options", printable(error.what()));
    const std::string& extra = extras.front();
    std::vector<std::string> names{"--help", "--version"};
    for (std::size_t option = 0; option < parts_->options.size(); ++option) names.push_back(name_of(option));
    const std::string meant = nearest(extra.substr(0, extra.find('=')), names);
    fail("{}: no such option or argument{}; --help lists them", printable(extra),
         meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
  }
}

bool CommandLine::given(std::size_t option) const { return parts_->options[option]->count() > 0; }

std::string CommandLine::name_of(std::size_t option) const { return parts_->options[option]->get_name(); }

}  // namespace sg::apps
