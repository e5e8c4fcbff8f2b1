// What the tests of verify's levels share: a folder of its own for each test, running levels, and
// kjv-llama converted as `mlc convert_weight` and `mlc gen_config` do it.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "convert/convert.h"
#include "genconfig/genconfig.h"
#include "verify/report.h"
#include "verify/verify.h"

namespace mlc {

inline const std::string kKjv = std::string(MLC_TEST_DATA) + "/data/kjv-llama";

// convert_weight and gen_config in one.
inline void write_model(const std::string& checkpoint, const std::string& quantization,
                        const std::string& conv_template, const std::string& folder,
                        const std::string& method = "rtn") {
  SilentReporter reporter;
  ConvertOptions options;
  options.config = checkpoint;
  options.quantization = quantization;
  options.output = folder;
  options.method = method;
  run_conversion(options, prepare_conversion(options, reporter), reporter);
  GenConfigOptions config;
  config.config = checkpoint;
  config.quantization = quantization;
  config.conv_template = conv_template;
  config.output = folder;
  write_generated_config(generate_config(config, reporter), folder);
}

class VerifyTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("mlc-verify-" + std::to_string(::getpid()));
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    model_ = (root_ / "model").string();
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string path(const std::string& name) const { return model_ + "/" + name; }
  std::string text(const std::string& name) const { return read_file(path(name), 1 << 30); }
  void write(const std::string& name, std::string_view bytes) const {
    std::ofstream file(path(name), std::ios::binary | std::ios::trunc);
    file << bytes;
    ASSERT_TRUE(file.flush()) << path(name);
  }
  void copy_model(const std::string& from) const {
    std::filesystem::remove_all(model_);
    std::filesystem::copy(from, model_, std::filesystem::copy_options::recursive);
  }

  // Runs levels; the ids of what they found, those of notes too, each once and in order.
  std::vector<std::string> verify(std::vector<Level> levels) {
    options_.model = model_;
    options_.levels = std::move(levels);
    report_ = std::make_unique<VerifyReport>();
    SilentReporter reporter;
    run_verify(options_, *report_, reporter);
    std::vector<std::string> ids;
    for (const Finding& finding : report_->findings.all())
      if (ids.empty() || ids.back() != finding.rule->id) ids.emplace_back(finding.rule->id);
    return ids;
  }

  const Finding& finding(std::string_view id) const {
    static const Finding kNone = {};
    for (const Finding& found : report_->findings.all())
      if (found.rule->id == id) return found;
    ADD_FAILURE() << "no finding " << id;
    return kNone;
  }

  std::filesystem::path root_;
  std::string model_;
  VerifyOptions options_;
  std::unique_ptr<VerifyReport> report_;
};

}  // namespace mlc
