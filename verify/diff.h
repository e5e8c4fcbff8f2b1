// Front door of `mlc diff`: where two model folders differ, and by how much.
//
//   Diff diff = run_diff({.a = "dist/q4f16_1", .b = "dist/q4f16_1-search"}, reporter);
//   if (!diff.equal()) ...
//
// What counts is what the model is, not how its files are written: params are compared wherever
// they lie, whatever the shards' sizes and order, and by the values that a runtime computes where
// their schemes differ; JSON files by their keys. Folders are equal when nothing is left.
// Files that `mlc` can make again (index files, mlc-verify-reference.json) and names that begin
// with a dot are not compared. Of two packages, also which layers and kernels differ, and how many
// bytes an update from a to b fetches. Error(kUsage): no such folder; kBadInput: no model, damaged.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/reporter.h"
#include "verify/finding.h"
#include "verify/json_leaves.h"

namespace mlc {

struct DiffOptions {
  std::string a, b;  // folders; or packages: PKG, PKG:TAG, or a tar of one
  unsigned threads = 0;
  std::uint64_t max_memory = std::uint64_t{256} << 20;
};

// One side.
struct DiffSide {
  std::string path;
  std::string model_type;    // of mlc-chat-config.json; empty: it has none
  std::string quantization;  // likewise
  std::uint64_t params = 0;
  std::uint64_t shards = 0;
  std::uint64_t bytes = 0;  // of the shards
};

// How a folder holds a param.
struct ParamSide {
  std::string form;                 // "q4f16_1", "float16"
  std::vector<std::int64_t> shape;  // of the param, not of its words
};

struct ParamDifference {
  const FindingRule* rule = nullptr;
  std::string name;               // "model.layers.0.mlp.down_proj.weight"
  std::optional<ParamSide> a, b;  // nothing: it is not there
  // Of the same shape: the values that a runtime computes, a as the reference. Values that are
  // not finite on both sides are left out of the sums.
  bool compared = false;
  std::uint64_t elements = 0;
  std::uint64_t different = 0;   // of the elements
  std::uint64_t not_finite = 0;  // different ones, of which one or both are NaN or infinite
  double square_error = 0;       // sum (a - b)^2
  double square_a = 0;           // sum a^2
  double relative_mse = 0;       // their quotient
  double max_error = 0;          // |a - b|
  std::vector<std::int64_t> max_error_at = {};
  double a_value = 0;  // there
  double b_value = 0;
  // Of the same form: stored numbers. Words of codes are 0 where nothing is packed.
  bool same_form = false;
  std::uint64_t words = 0;
  std::uint64_t different_words = 0;
  std::uint64_t scales = 0;
  std::uint64_t different_scales = 0;
};

struct FileDifference {
  const FindingRule* rule = nullptr;
  std::string name;                       // "tokenizer.model", with / for folders in folders
  std::optional<std::uint64_t> a, b;      // bytes; nothing: it is not there
  std::optional<std::uint64_t> first_at;  // the first byte that differs; nothing for JSON
  ValueDifferences keys = {};             // of JSON
};

// Of two packages.
struct LayerDifference {
  std::string name;
  std::optional<std::uint64_t> a, b;  // bytes; nothing: it is not there
};
struct PackageDifference {
  std::string a, b;  // digests of the manifests
  std::vector<LayerDifference> layers;
  std::uint64_t equal_layers = 0;
  std::string kernels_a, kernels_b;  // digests of the kernel bundles; empty: none
  // What is fetched by who has all of a: exactly the blobs of b that a has not.
  std::uint64_t fetch_blobs = 0;
  std::uint64_t fetch_bytes = 0;

  bool equal() const { return layers.empty() && kernels_a == kernels_b; }
};

struct Diff {
  DiffSide a, b;
  std::vector<ParamDifference> params;  // in the order of a, then those that only b has
  std::uint64_t equal_params = 0;
  ValueDifferences config;            // mlc-chat-config.json
  ValueDifferences tokenizer;         // tokenizer.json
  std::vector<FileDifference> files;  // all others, by name
  std::uint64_t files_compared = 0;
  std::optional<PackageDifference> package;
  double seconds = 0;

  bool equal() const {
    return params.empty() && config.count == 0 && tokenizer.count == 0 && files.empty() &&
           (!package || package->equal());
  }
};

Diff run_diff(const DiffOptions& options, Reporter& reporter);

// What differences are called, ordered by id.
std::span<const FindingRule> diff_rules();

struct DiffReport {
  bool all = false;    // every row, else the first kShown of each table
  bool brief = false;  // only the last line
  static constexpr std::size_t kShown = 20;
};
std::string diff_text(const Diff& diff, const DiffReport& report);
Json diff_json(const Diff& diff);

}  // namespace mlc
