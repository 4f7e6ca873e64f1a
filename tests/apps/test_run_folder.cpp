// Run folders, the files in them, and metrics.csv.
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/metrics.h"
#include "apps/common/progress.h"
#include "apps/common/run_folder.h"
#include "engine/error.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using namespace sg::apps;
using Catch::Matchers::ContainsSubstring;
using tests::error_of;
using tests::TemporaryFolder;

namespace {

namespace fs = std::filesystem;

Options out(const fs::path& path, bool overwrite = false) {
  Options options;
  options.out = path.string();
  options.overwrite = overwrite;
  return options;
}

const std::vector<Loss> one{{"l2", "l2", 0}};
const std::vector<Loss> two{{"l2", "l2", 0}, {"hs1.5", "hs", 1.5}};

std::string contents(const fs::path& path) { return read_file(path, 1 << 20); }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("a run folder is made only when it is asked for, and with all its parents", "[run_folder]") {
  const TemporaryFolder place;
  RunFolder folder("sample", out(place / "a/b/run"), two);
  CHECK_FALSE(fs::exists(place / "a"));
  folder.create();
  folder.keep();
  CHECK(fs::is_directory(place / "a/b/run/l2"));
  CHECK(fs::is_directory(place / "a/b/run/hs1.5"));
  CHECK(folder.folder_of(two[1]) == place / "a/b/run/hs1.5");
  CHECK(RunFolder("sample", out(place / "single"), one).folder_of(one[0]) == place / "single");
}

TEST_CASE("several seeds have folders of their own above those of the losses", "[run_folder]") {
  const TemporaryFolder place;
  Options options = out(place / "run");
  options.seeds = {0, 7};
  RunFolder folder("sample", options, two);
  folder.create();
  folder.keep();
  CHECK(fs::is_directory(place / "run/seed0/l2"));
  CHECK(folder.folder_of(two[1], 7) == place / "run/seed7/hs1.5");
  options.out = (place / "other").string();
  CHECK(RunFolder("sample", options, one).folder_of(one[0], 7) == place / "other/seed7");
  options.seeds = {7};
  CHECK(RunFolder("sample", options, two).folder_of(two[0], 7) == place / "other/l2");
}

TEST_CASE("without an --out the folder's name has the application and the time", "[run_folder]") {
  const std::string name = RunFolder("sample", Options{}, one).path().string();
  CHECK(name.find("/runs/sample-20") != std::string::npos);
}

TEST_CASE("a folder that is not kept leaves nothing behind", "[run_folder]") {
  const TemporaryFolder place;
  {
    RunFolder folder("sample", out(place / "a/b/run/"), two);
    folder.create();
    std::ofstream(folder.path() / "l2/metrics.csv") << "text";
  }
  CHECK(names_in(place.path()).empty());
  fs::create_directory(place / "empty");
  {
    RunFolder folder("sample", out(place / "empty"), two);
    folder.create();
  }
  CHECK(names_in(place.path()) == std::vector<std::string>{"empty"});
  CHECK(names_in(place / "empty").empty());
}

TEST_CASE("a folder that holds a run, or something else, is refused", "[run_folder]") {
  const TemporaryFolder place;
  place.write("run/config.json", "{}");
  place.write("run/l2/metrics.csv", "old");
  place.write("other/diary.txt", "mine");
  place.write("file", "text");
  CHECK(error_of([&] { RunFolder("sample", out(place / "run"), one); }).find("holds a run already") !=
        std::string::npos);
  CHECK(error_of([&] { RunFolder("sample", out(place / "other"), one); }).find("holds other files") !=
        std::string::npos);
  CHECK(error_of([&] { RunFolder("sample", out(place / "other", true), one); }).find("holds other files") !=
        std::string::npos);
  CHECK(error_of([&] { RunFolder("sample", out(place / "file"), one); }).find("not a folder") != std::string::npos);
  CHECK(error_of([&] { RunFolder("sample", out(place / "file/below"), one); }).find("not a folder") !=
        std::string::npos);
  CHECK(contents(place / "run/l2/metrics.csv") == "old");

  place.write("run/notes/diary.md", "mine");
  CHECK(error_of([&] {
          RunFolder("sample", out(place / "run", true), one);
        }).find("run/notes/diary.md is not a run's file") != std::string::npos);
  CHECK(contents(place / "run/notes/diary.md") == "mine");
  fs::remove_all(place / "run/notes");

  RunFolder replaced("sample", out(place / "run", true), two);
  CHECK(fs::exists(place / "run/config.json"));
  replaced.create();
  replaced.keep();
  CHECK(names_in(place / "run") == std::vector<std::string>{"hs1.5", "l2"});
  CHECK(names_in(place / "run/l2").empty());

  Options resume;
  resume.resume = (place / "run").string();
  CHECK(RunFolder("sample", resume, two).path() == place / "run");
}

TEST_CASE("runs that begin in the same second have folders of their own", "[run_folder]") {
  const TemporaryFolder place;
  const fs::path before = fs::current_path();
  fs::current_path(place.path());
  {
    RunFolder first("sample", {}, one), second("sample", {}, one);
    first.create();
    second.create();
    CHECK(first.path() != second.path());
    CHECK(fs::is_directory(first.path()));
    CHECK(fs::is_directory(second.path()));
  }
  CHECK(fs::is_empty(place.path()));
  fs::current_path(before);
}

TEST_CASE("one run at a time writes into a folder", "[run_folder]") {
  const TemporaryFolder place;
  const fs::path run = place / "run";
  {
    RunFolder first("sample", out(run), one), second("sample", out(run), one);
    first.create();
    CHECK_THROWS_WITH(second.create(),
                      ContainsSubstring("--out: another program is writing its run into " + run.string()));
    first.keep();
    std::ofstream(run / "config.json") << "{}";
  }
  Options resumed;
  resumed.resume = run.string();
  RunFolder first("sample", resumed, one), second("sample", resumed, one);
  first.create();
  CHECK_THROWS_WITH(second.create(), ContainsSubstring("--resume: another program"));
}

TEST_CASE("what --overwrite would remove is a run's alone, and nothing that the new one reads", "[run_folder]") {
  const TemporaryFolder place;
  const fs::path run = place / "run";
  fs::create_directories(run / "seed0/l2");
  for (const char* name : {"config.json", "report.html", "seed0/l2/metrics.csv", "seed0/l2/model.safetensors",
                           "seed0/l2/checkpoint.previous.safetensors", "seed0/l2/samples-000200.png"}) {
    std::ofstream(run / name) << "x";
  }
  RunFolder("sample", out(run, true), one);
  Options options = out(run, true);
  options.inputs = {{"--init", (run / "seed0/l2/model.safetensors").string()}};
  CHECK_THROWS_WITH(RunFolder("sample", options, one),
                    ContainsSubstring("--overwrite: --init " + options.inputs[0].second));
  for (const char* name : {"notes.txt", "table.csv", "seed0/thesis.html", "seed0/l2/photo.png"}) {
    std::ofstream(run / name) << "x";
    CHECK_THROWS_WITH(RunFolder("sample", out(run, true), one),
                      ContainsSubstring((run / name).string() + " is not a run's file"));
    fs::remove(run / name);
  }
}

TEST_CASE("a run that goes on keeps its config.json until it has begun, and its data", "[run_folder]") {
  const TemporaryFolder place;
  const fs::path run = place / "run";
  {
    RunFolder folder("sample", out(run), one);
    folder.create();
    folder.write_config({{"steps", 5}}, {{"train_count", 8}, {"data_checksum", "0badcafe"}});
    folder.keep();
  }
  const std::string before = contents(run / "config.json");
  Options resumed;
  resumed.resume = run.string();
  const auto go_on = [&](const char* checksum, bool keep) {
    RunFolder folder("sample", resumed, one);
    folder.create();
    folder.write_config({{"steps", 1}}, {{"train_count", 8}, {"data_checksum", checksum}});
    if (keep) folder.keep();
  };
  go_on("0badcafe", false);
  CHECK(contents(run / "config.json") == before);
  CHECK_THROWS_WITH(go_on("12345678", true), ContainsSubstring("data_checksum was \"0badcafe\" and is \"12345678\""));
  CHECK(contents(run / "config.json") == before);
  go_on("0badcafe", true);
  CHECK(contents(run / "config.json") != before);
}

TEST_CASE("config.json holds options, program and what the application adds", "[run_folder]") {
  const TemporaryFolder place;
  RunFolder folder("sample", out(place / "run"), one);
  folder.create();
  folder.keep();
  folder.write_config({{"lr", 0.1}, {"seed", 3}},
                      {{"train_count", 8000}, {"parameters", 5}, {"note", "\xff not UTF-8"}});
  const auto config = nlohmann::json::parse(contents(place / "run/config.json"));
  CHECK(config["app"] == "sample");
  CHECK(config["version"] == SOBOGRAD_VERSION);
  CHECK(config["lr"] == 0.1);
  CHECK(config["train_count"] == 8000);
  CHECK(config["out"] == (place / "run").string());
}

TEST_CASE("writing a file replaces the old one as a whole and leaves no other behind", "[files]") {
  const TemporaryFolder place;
  write_file_atomically(place / "x", "one");
  write_file_atomically(place / "x", "two, longer");
  CHECK(contents(place / "x") == "two, longer");
  CHECK(names_in(place.path()) == std::vector<std::string>{"x"});
  try {
    write_file_atomically(place / "none/x", "text");
    FAIL("a missing folder was not noticed");
  } catch (const FileError& error) {
    CHECK(std::string(error.what()).find((place / "none/x").string()) != std::string::npos);
  }
}

TEST_CASE("when no room is left the old file stays whole and the message names the file", "[files]") {
  const TemporaryFolder place;
  write_file_atomically(place / "x", "old");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    write_file_atomically(place / "x", std::string(5000, 'n'));
  } catch (const FileError& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  CHECK(message.starts_with((place / "x").string()));
  CHECK(contents(place / "x") == "old");
  CHECK(names_in(place.path()) == std::vector<std::string>{"x"});
}

TEST_CASE("metrics have their header, empty cells and nine or seventeen digits", "[metrics]") {
  const TemporaryFolder place;
  const MetricsRow row{10, 1, 2.5, 1.0 / 3, {std::nullopt, 0.1}};
  {
    MetricsWriter writer(place / "metrics.csv", {"test_mse", "test_psnr"}, f32);
    writer.write(row);
    writer.write({20, 2, 3, std::nullopt, {}});
    CHECK(contents(place / "metrics.csv") ==
          "step,epoch,seconds,train_loss,test_mse,test_psnr\n10,1,2.5,0.333333333,,0.1\n20,2,3,,,\n");
  }
  MetricsWriter(place / "wide.csv", {"test_mse", "test_psnr"}, f64).write(row);
  CHECK(contents(place / "wide.csv").find("0.33333333333333331,,0.10000000000000001\n") != std::string::npos);
}

TEST_CASE("resumed metrics lose the rows after the checkpoint and a half-written line", "[metrics]") {
  const TemporaryFolder place;
  const std::string header = "step,epoch,seconds,train_loss,test_mse\n";
  place.write("metrics.csv", header + "10,1,1,0.5,\n20,1,2,0.4,0.1\n30,2,3,0.3,\n40,2,4,0.");
  MetricsWriter writer(place / "metrics.csv", {"test_mse"}, f32, 20);
  writer.write({30, 2, 9, 0.25, {}});
  CHECK(contents(place / "metrics.csv") == header + "10,1,1,0.5,\n20,1,2,0.4,0.1\n30,2,9,0.25,\n");
  CHECK(error_of([&] { MetricsWriter(place / "metrics.csv", {"test_psnr"}, f32, 20); }).find("its columns are") !=
        std::string::npos);
}

TEST_CASE("metrics are read as they were written, and what is wrong in them is named by its line", "[metrics]") {
  const TemporaryFolder place;
  {
    MetricsWriter writer(place / "metrics.csv", {"test_mse"}, f64);
    for (int step = 1; step < 50; ++step) {
      writer.write(
          {step, step / 10, step * 0.1, std::exp(-step), {step % 5 ? std::nullopt : std::optional(1.0 / step)}});
    }
    writer.write({50, 5, 5, std::numeric_limits<double>::quiet_NaN(), {}});
  }
  const Metrics metrics = read_metrics(place / "metrics.csv");
  REQUIRE(metrics.rows.size() == 50);
  CHECK(metrics.column("test_mse") == 0);
  CHECK(error_of([&] { metrics.column("none"); }) != "");
  for (int step = 1; step < 50; ++step) {
    const MetricsRow& row = metrics.rows[static_cast<std::size_t>(step - 1)];
    CHECK(row.step == step);
    CHECK(row.train_loss == std::exp(-step));
    CHECK(row.tests[0] == (step % 5 ? std::nullopt : std::optional(1.0 / step)));
  }
  CHECK(std::isnan(*metrics.rows.back().train_loss));
  const std::string header = "step,epoch,seconds,train_loss,test_mse\n";
  place.write("bad.csv", header + "1,1,1,0.5,\n2,1,1\n");
  CHECK(error_of([&] { read_metrics(place / "bad.csv"); }).find("bad.csv:3: 3 cells for 5 columns") !=
        std::string::npos);
  place.write("bad.csv", header + "1,1,1,x,\n");
  CHECK(error_of([&] {
          read_metrics(place / "bad.csv");
        }).find("bad.csv:2: column `train_loss`: `x` is not a number") != std::string::npos);
  place.write("bad.csv", "");
  CHECK(error_of([&] { read_metrics(place / "bad.csv"); }).find("no header") != std::string::npos);
}

TEST_CASE("the CSV reader takes quotes, spaces and every end of line, and leaves half a line out", "[metrics]") {
  const TemporaryFolder place;
  place.write("x.csv",
              "\xef\xbb\xbf"
              "a, \"b\" ,c\r\n1,\"two, or 2\",+3\r\n\n 4 ,,5e-1\n6,7");
  CsvReader csv(place / "x.csv", true);
  CHECK(csv.names() == std::vector<std::string>{"a", "b", "c"});
  REQUIRE(csv.next());
  CHECK(csv.cells()[1] == "two, or 2");
  CHECK(csv.finite_number(2) == 3);
  REQUIRE(csv.next());
  CHECK(csv.line() == 4);
  CHECK_FALSE(csv.number(1));
  CHECK(csv.number(2) == 0.5);
  CHECK_FALSE(csv.next());
  CsvReader all(place / "x.csv");
  all.next(), all.next();
  CHECK(error_of([&] { all.next(); }).find("x.csv:5: 2 cells for 3 columns") != std::string::npos);
}

TEST_CASE("times are shown as people write them", "[progress]") {
  CHECK(show_duration(0.4) == "0 s");
  CHECK(show_duration(59.7) == "1:00");
  CHECK(show_duration(3723) == "1:02:03");
  CHECK(show_duration(std::numeric_limits<double>::infinity()) == "?");
  CHECK(show_duration(std::numeric_limits<double>::quiet_NaN()) == "?");
}

TEST_CASE("a CSV's cells are separated by commas, semicolons or tabs, and its numbers are what double makes of them") {
  const TemporaryFolder place;
  for (const char separator : {',', ';', '\t'}) {
    std::string text = "a,b,c\n1e-400,-1.5,+2\n1e999,+-0.5,x\n";
    std::replace(text.begin(), text.end(), ',', separator);
    write_file_atomically(place / "x.csv", text);
    CsvReader csv(place / "x.csv");
    REQUIRE(csv.names() == std::vector<std::string>{"a", "b", "c"});
    REQUIRE(csv.next());
    CHECK(csv.finite_number(0) == 0);
    CHECK(csv.finite_number(1) == -1.5);
    CHECK(csv.finite_number(2) == 2);
    REQUIRE(csv.next());
    for (const std::size_t column : {0, 1, 2}) CHECK_THROWS_AS(csv.finite_number(column), Error);
  }
}
