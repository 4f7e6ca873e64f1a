// Run folder: where a run puts its files, made only when there is something to keep.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "apps/common/files.h"
#include "apps/common/options.h"

namespace sg::apps {

/// One run's folder. The constructor only looks; `create` makes it; until `keep` is called the destructor removes all
/// that was made, so that bad input found later leaves nothing behind.
class RunFolder {
 public:
  /// Chooses --out, --resume's folder, or runs/<app>-<date>-<time>. Throws sg::Error when the place holds a run (and
  /// neither --resume nor --overwrite is given) or other files, is no folder, or cannot be written to, and when
  /// --overwrite would remove what is not a run's, or what this one reads. Several `losses` stand in subfolders of
  /// their names, several seeds in subfolders seed0, seed1, ... above these.
  RunFolder(const std::string& app, const Options& options, const std::vector<Loss>& losses);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// The folder of one loss's files, under one seed.
  std::filesystem::path folder_of(const Loss& loss, std::uint64_t seed) const;
  /// That of the first seed.
  std::filesystem::path folder_of(const Loss& loss) const { return folder_of(loss, seeds_.front()); }

  /// Makes the folder and its subfolders; with --overwrite removes what the old run had. Throws sg::Error when it
  /// cannot, and when another program is writing there.
  void create();
  /// From now on the folder stays. Called once the run has begun in earnest: its input has been read and found good.
  void keep() { kept_ = true; }

  /// Writes config.json: the options in force (`parser.config()`), app and version, then what the application adds,
  /// such as `train_count`, `test_count`, `sample_shape`, `parameters`, `data_checksum`. Throws sg::Error when a run
  /// that goes on has others of these than it began with; unless `keep` is called, its config.json is put back.
  void write_config(const nlohmann::json& options, const nlohmann::json& more);

 private:
  void look(const Options& options) const;
  void lock();
  /// Makes what is missing of the folder; whether its last part was.
  bool make(const std::filesystem::path& folder);

  std::string app_;
  std::filesystem::path path_;
  std::vector<std::uint64_t> seeds_;
  std::vector<std::filesystem::path> subfolders_;
  bool by_loss_;
  std::vector<std::filesystem::path> made_;  // folders that were not there before, outermost first
  std::string config_before_;                // of a run that goes on
  int lock_ = -1;                            // the open folder
  bool is_default_ = false;
  bool resumed_;
  bool overwrite_;
  bool created_ = false;
  bool kept_ = false;
};

/// Whether the folder has the config.json of a run: pictures in it and below are not the user's.
bool has_run_config(const std::filesystem::path& folder);

/// Whether the folder holds a run: a config.json and anything that a run writes beside it.
bool holds_run(const std::filesystem::path& folder);

}  // namespace sg::apps
