// Command line: options with texts as values, flags and arguments, read by CLI11, which no other file includes: its
// templates take long to compile.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sg::apps {

/// Thrown when there is nothing left to do (--help and --version have been printed): exit status 0.
struct Finished {};

/// Options are known by their number, in the order in which they were added.
class CommandLine {
 public:
  /// `version` makes what --version prints.
  CommandLine(const std::string& app, const std::string& description, std::function<std::string()> version);
  ~CommandLine();

  /// An option that hands its text to `read`; `shown` is the default that --help shows.
  std::size_t add_option(const std::string& name, const std::string& heading, const std::string& help,
                         const std::string& type, const std::string& shown,
                         std::function<void(const std::string&)> read);
  /// An option without a value that sets `value` to true.
  std::size_t add_flag(const std::string& name, const std::string& heading, const std::string& help, bool& value);
  /// The arguments without a name.
  void add_positional(const std::string& name, const std::string& help, bool required,
                      std::vector<std::string>& values);
  /// What --help calls the values of an option.
  void set_type(std::size_t option, const std::string& type);
  /// Text that --help prints at its end.
  void set_footer(const std::string& text);

  /// Throws sg::Error for what is wrong, and Finished after --help and --version.
  void parse(const std::vector<std::string>& arguments);
  bool given(std::size_t option) const;
  /// With its dashes.
  std::string name_of(std::size_t option) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace sg::apps
