// The text and JSON of `mlc inspect`; the tree is in convert/inspect_tree.cc.
#include <algorithm>

#include "base/error.h"
#include "base/text_table.h"
#include "base/units.h"
#include "convert/inspect.h"
#include "convert/inspect_summary.h"

namespace mlc {
namespace {

constexpr std::size_t kMaxValue = 100;

std::string plain(const Json& value) {
  if (value.is_string()) return printable(value.as_string("value"), kMaxValue);
  if (const Json* count = value.find("count"))  // of an array of GGUF
    return fmt::format("{} x {}", count->number_text(), value.find("type")->as_string("type"));
  return printable(dump_json(value, -1, false), kMaxValue);
}

std::string facts_text(const Json& facts) {
  std::string text;
  for (const auto& [key, value] : facts.members("facts"))
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", printable(key), plain(value));
  return text;
}

Json shape_json(const std::vector<std::int64_t>& shape) {
  Json list = Json::array();
  for (std::int64_t d : shape)
    list.push(d);
  return list;
}

TextTable tensor_table(const Inspected& inspected) {
  TextTable table({{.key = "name", .title = "tensor"},
                   {.key = "dtype", .title = "dtype"},
                   {.key = "shape", .title = "shape"},
                   {.key = "nbytes", .title = "bytes", .right = true},
                   {.key = "file", .title = inspected.files.size() > 1 ? "file" : ""},
                   {.key = "offset", .title = ""}});
  for (const InspectedTensor& t : inspected.tensors)
    table.add(
        {t.name, t.dtype, shape_json(t.shape), t.nbytes, inspected.files[t.file].name, t.offset});
  return table;
}

TextTable file_table(const Inspected& inspected) {
  TextTable table(
      {{.key = "name", .title = "file"}, {.key = "nbytes", .title = "bytes", .right = true}});
  for (const Inspected::File& f : inspected.files)
    table.add({f.name, f.nbytes});
  return table;
}

std::string metadata_text(const Inspected& inspected) {
  TextTable table({{.key = "key", .title = "metadata"},
                   {.key = "value", .title = "value"},
                   {.key = "file", .title = inspected.files.size() > 1 ? "file" : ""}});
  for (const Inspected::Metadata& m : inspected.metadata)
    table.add({m.key, plain(m.value), m.file});
  return table.text();
}

}  // namespace

std::vector<DTypeTotals> totals_by_dtype(const Inspected& inspected) {
  std::vector<DTypeTotals> totals;
  for (const InspectedTensor& t : inspected.tensors) {
    auto row = std::find_if(totals.begin(), totals.end(),
                            [&](const DTypeTotals& d) { return d.dtype == t.dtype; });
    if (row == totals.end()) row = totals.insert(totals.end(), DTypeTotals{.dtype = t.dtype});
    row->add(t);
  }
  return totals;
}

std::string inspect_summary(const Inspected& inspected) {
  DTypeTotals all;
  for (const InspectedTensor& t : inspected.tensors)
    all.add(t);
  auto counted = [](std::size_t n, std::string_view noun) {
    return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
  };
  std::string text = fmt::format(
      "{}: {}, {}, {}, {} elements, {}\n", printable(inspected.path, 1024), inspected.format,
      counted(inspected.files.size(), "file"), counted(inspected.tensors.size(), "tensor"),
      all.elements, bytes_text(all.nbytes));
  for (const auto& [name, facts] : inspected.facts)
    text += fmt::format("  {:<14} {}\n", name, facts_text(facts));
  for (const DTypeTotals& d : totals_by_dtype(inspected))
    text += fmt::format("  {:<14} {}, {} elements, {}\n", d.dtype, counted(d.tensors, "tensor"),
                        d.elements, bytes_text(d.nbytes));
  return text;
}

std::string inspect_text(const Inspected& inspected) {
  std::string text = inspect_summary(inspected);
  if (inspected.files.size() > 1) text += fmt::format("\n{}", file_table(inspected).text());
  if (!inspected.metadata.empty()) text += fmt::format("\n{}", metadata_text(inspected));
  return text += fmt::format("\n{}", tensor_table(inspected).text());
}

Json inspect_json(const Inspected& inspected) {
  Json out = Json::object();
  out.set("path", inspected.path).set("format", inspected.format);
  for (const char* name : {"model", "quantization", "adapter"})
    out.set(name, Json());
  for (const auto& [name, facts] : inspected.facts)
    out.set(name, facts);
  DTypeTotals all;
  Json dtypes = Json::array();
  for (const DTypeTotals& d : totals_by_dtype(inspected)) {
    Json row = Json::object();
    row.set("dtype", d.dtype).set("tensors", std::uint64_t{d.tensors});
    row.set("elements", d.elements).set("nbytes", d.nbytes);
    dtypes.push(std::move(row));
  }
  for (const InspectedTensor& t : inspected.tensors)
    all.add(t);
  out.set("tensor_count", std::uint64_t{all.tensors});
  out.set("elements", all.elements).set("nbytes", all.nbytes);
  out.set("dtypes", std::move(dtypes)).set("files", file_table(inspected).json());
  Json metadata = Json::array();
  for (const Inspected::Metadata& m : inspected.metadata) {
    Json row = Json::object();
    row.set("file", m.file).set("key", m.key).set("value", m.value);
    metadata.push(std::move(row));
  }
  out.set("metadata", std::move(metadata)).set("tensors", tensor_table(inspected).json());
  Json warnings = Json::array();
  for (const std::string& warning : inspected.warnings)
    warnings.push(warning);
  return out.set("warnings", std::move(warnings));
}

}  // namespace mlc
