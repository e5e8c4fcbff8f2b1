// Diff as text and as JSON.
#include <cmath>

#include "base/error.h"
#include "base/text_table.h"
#include "base/units.h"
#include "verify/diff_parts.h"

namespace mlc {
namespace {

constexpr std::size_t kWidestValue = 48;  // two values and a key fit on a wide terminal

std::string count_text(std::uint64_t n, std::string_view thing, std::string_view things) {
  return fmt::format("{} {}", n, n == 1 ? thing : things);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string side_text(const DiffSide& side) {
  std::string model = side.model_type.empty()
                          ? std::string("no mlc-chat-config.json")
                          : printable(side.model_type) + " " + printable(side.quantization);
  return fmt::format("{}: {}, {} in {}, {}", printable(side.path, 1000), model,
                     count_text(side.params, "param", "params"),
                     count_text(side.shards, "shard", "shards"), bytes_text(side.bytes));
}

// A heading, the table's first rows, and how many more there are.
std::string section(const std::string& heading, const TextTable& table, std::uint64_t count) {
  std::string text = heading + "\n" + table.text();
  if (count > table.size()) text += fmt::format("and {} more\n", count - table.size());
  return text;
}

std::size_t shown(std::size_t rows, const DiffReport& report) {
  return report.all ? rows : std::min(rows, DiffReport::kShown);
}

std::string form_text(const std::optional<ParamSide>& form, bool with_shape) {
  if (!form) return "-";
  return with_shape ? form->form + " " + shape_text(form->shape) : form->form;
}

std::string share_text(bool known, std::uint64_t different, std::uint64_t all) {
  return !known || all == 0 ? "-" : fmt::format("{} of {}", different, all);
}

std::string error_text(double value) { return value == 0 ? "0" : fmt::format("{:.3e}", value); }

std::string params_text(const Diff& diff, const DiffReport& report) {
  TextTable table({{"name", "param"},
                   {"a", "a"},
                   {"b", "b"},
                   {"relative_mse", "relative MSE", true},
                   {"max_error", "largest", true},
                   {"max_error_at", "at"},
                   {"words", "words"},
                   {"scales", "scales"}});
  for (std::size_t i = 0; i < shown(diff.params.size(), report); i++) {
    const ParamDifference& d = diff.params[i];
    table.add({d.name, form_text(d.a, !d.compared), form_text(d.b, !d.compared),
               d.compared ? Json(error_text(d.relative_mse)) : Json(),
               d.compared ? Json(error_text(d.max_error)) : Json(),
               d.compared && !d.max_error_at.empty() ? Json(shape_text(d.max_error_at)) : Json(),
               share_text(d.same_form, d.different_words, d.words),
               share_text(d.same_form, d.different_scales, d.scales)});
  }
  return section(
      fmt::format("params: {} differ, {} are equal", diff.params.size(), diff.equal_params), table,
      diff.params.size());
}

std::string value_text(const std::optional<Json>& value) {
  return value ? printable(dump_json(*value, -1, false), kWidestValue) : "-";
}

void add_keys(TextTable& table, const std::string& file, const ValueDifferences& keys,
              const DiffReport& report) {
  for (std::size_t i = 0; i < shown(keys.kept.size(), report); i++)
    table.add({file, printable(keys.kept[i].path), value_text(keys.kept[i].a),
               value_text(keys.kept[i].b)});
}

std::string keys_text(std::string_view what, const ValueDifferences& keys,
                      const DiffReport& report) {
  TextTable table({{"file", ""}, {"path", "key"}, {"a", "a"}, {"b", "b"}});
  add_keys(table, {}, keys, report);
  return section(fmt::format("{}: {}", what, count_text(keys.count, "difference", "differences")),
                 table, keys.count);
}

std::string size_text(const std::optional<std::uint64_t>& size) {
  return size ? fmt::format("{} bytes", *size) : "-";
}

std::string files_text(const Diff& diff, const DiffReport& report) {
  TextTable files({{"name", "file"}, {"a", "a"}, {"b", "b"}, {"what", "differs"}});
  TextTable keys({{"file", "file"}, {"path", "key"}, {"a", "a"}, {"b", "b"}});
  for (std::size_t i = 0; i < shown(diff.files.size(), report); i++) {
    const FileDifference& file = diff.files[i];
    std::string what = "only in " + std::string(file.a ? "a" : "b");
    if (file.keys.count > 0)
      what = count_text(file.keys.count, "key", "keys");
    else if (file.first_at)
      what = fmt::format("from byte {}", *file.first_at);
    files.add({file.name, size_text(file.a), size_text(file.b), what});
    add_keys(keys, file.name, file.keys, report);
  }
  std::string text =
      section(fmt::format("files: {} of {} differ", diff.files.size(), diff.files_compared), files,
              diff.files.size());
  return keys.size() == 0 ? text : text + keys.text();
}

std::string package_text(const PackageDifference& package, const DiffReport& report) {
  TextTable table({{"name", "layer"}, {"a", "a"}, {"b", "b"}});
  for (std::size_t i = 0; i < shown(package.layers.size(), report); i++)
    table.add({printable(package.layers[i].name), size_text(package.layers[i].a),
               size_text(package.layers[i].b)});
  std::string text =
      fmt::format("layers: {} differ, {} are equal", package.layers.size(), package.equal_layers);
  text = package.layers.empty() ? text + "\n" : section(text, table, package.layers.size());
  auto kernels = [](const std::string& digest) { return digest.empty() ? "none" : digest; };
  if (package.kernels_a != package.kernels_b)
    text += fmt::format("kernels: {} in a, {} in b\n", printable(kernels(package.kernels_a)),
                        printable(kernels(package.kernels_b)));
  return text + fmt::format("update: who has a fetches {} of {} bytes for b\n",
                            count_text(package.fetch_blobs, "blob", "blobs"), package.fetch_bytes);
}

std::string conclusion(const Diff& diff) {
  if (diff.equal())
    return fmt::format("equal: {}, {}\n", count_text(diff.equal_params, "param", "params"),
                       count_text(diff.files_compared, "file", "files"));
  std::string what;
  auto add = [&](std::uint64_t n, std::string_view thing, std::string_view things) {
    if (n > 0) what += (what.empty() ? "" : ", ") + count_text(n, thing, things);
  };
  add(diff.params.size(), "param", "params");
  add(diff.config.count, "config key", "config keys");
  add(diff.tokenizer.count, "tokenizer entry", "tokenizer entries");
  add(diff.files.size(), "other file", "other files");
  if (diff.package) {
    add(diff.package->layers.size(), "layer", "layers");
    add(diff.package->kernels_a != diff.package->kernels_b ? 1 : 0, "kernel bundle", "");
  }
  return "different: " + what + "\n";
}

Json side_json(const DiffSide& side) {
  return Json::object()
      .set("path", side.path)
      .set("model_type", side.model_type)
      .set("quantization", side.quantization)
      .set("params", side.params)
      .set("shards", side.shards)
      .set("bytes", side.bytes);
}

Json form_json(const std::optional<ParamSide>& form) {
  if (!form) return {};
  Json shape = Json::array();
  for (std::int64_t n : form->shape)
    shape.push(n);
  return Json::object().set("form", form->form).set("shape", std::move(shape));
}

// JSON has no infinity: null.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json param_json(const ParamDifference& d) {
  Json json = Json::object()
                  .set("id", d.rule->id)
                  .set("name", d.name)
                  .set("a", form_json(d.a))
                  .set("b", form_json(d.b));
  if (d.compared) {
    Json at = Json::array();
    for (std::int64_t i : d.max_error_at)
      at.push(i);
    json.set("elements", d.elements)
        .set("different", d.different)
        .set("not_finite", d.not_finite)
        .set("relative_mse", number(d.relative_mse))
        .set("max_error", number(d.max_error))
        .set("max_error_at", std::move(at))
        .set("a_value", number(d.a_value))
        .set("b_value", number(d.b_value));
  }
  if (d.same_form)
    json.set("words", d.words)
        .set("different_words", d.different_words)
        .set("scales", d.scales)
        .set("different_scales", d.different_scales);
  return json;
}

Json keys_json(std::string_view id, const ValueDifferences& keys) {
  Json list = Json::array();
  for (const ValueDifference& key : keys.kept) {
    Json row = Json::object().set("id", id).set("path", key.path);
    if (key.a) row.set("a", *key.a);
    if (key.b) row.set("b", *key.b);
    list.push(std::move(row));
  }
  return Json::object().set("count", keys.count).set("differences", std::move(list));
}

Json file_json(const FileDifference& file) {
  auto size = [](const std::optional<std::uint64_t>& n) { return n ? Json(*n) : Json(); };
  return Json::object()
      .set("id", file.rule->id)
      .set("name", file.name)
      .set("a_bytes", size(file.a))
      .set("b_bytes", size(file.b))
      .set("first_difference_at", size(file.first_at))
      .set("keys", keys_json(file.rule->id, file.keys));
}

Json package_json(const PackageDifference& package) {
  auto size = [](const std::optional<std::uint64_t>& n) { return n ? Json(*n) : Json(); };
  auto digest = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  Json layers = Json::array();
  for (const LayerDifference& layer : package.layers)
    layers.push(Json::object()
                    .set("id", "D41")
                    .set("name", layer.name)
                    .set("a_bytes", size(layer.a))
                    .set("b_bytes", size(layer.b)));
  return Json::object()
      .set("a", package.a)
      .set("b", package.b)
      .set("layers", std::move(layers))
      .set("equal_layers", package.equal_layers)
      .set("a_kernels", digest(package.kernels_a))
      .set("b_kernels", digest(package.kernels_b))
      .set("fetch_blobs", package.fetch_blobs)
      .set("fetch_bytes", package.fetch_bytes);
}

}  // namespace

std::string diff_text(const Diff& diff, const DiffReport& report) {
  if (report.brief) return conclusion(diff);
  std::string text = "a  " + side_text(diff.a) + "\nb  " + side_text(diff.b) + "\n";
  if (diff.package) text += package_text(*diff.package, report);
  if (!diff.params.empty()) text += params_text(diff, report);
  if (diff.config.count > 0) text += keys_text("mlc-chat-config.json", diff.config, report);
  if (diff.tokenizer.count > 0) text += keys_text("tokenizer.json", diff.tokenizer, report);
  if (!diff.files.empty()) text += files_text(diff, report);
  return text + conclusion(diff);
}

Json diff_json(const Diff& diff) {
  Json params = Json::array();
  for (const ParamDifference& d : diff.params)
    params.push(param_json(d));
  Json files = Json::array();
  for (const FileDifference& file : diff.files)
    files.push(file_json(file));
  return Json::object()
      .set("schema", 1)
      .set("a", side_json(diff.a))
      .set("b", side_json(diff.b))
      .set("equal", diff.equal())
      .set("equal_params", diff.equal_params)
      .set("params", std::move(params))
      .set("config", keys_json("D21", diff.config))
      .set("tokenizer", keys_json("D22", diff.tokenizer))
      .set("files_compared", diff.files_compared)
      .set("files", std::move(files))
      .set("package", diff.package ? package_json(*diff.package) : Json());
}

}  // namespace mlc
