#include "base/text_table.h"

#include <algorithm>

#include "base/error.h"

namespace mlc {
namespace {

// Longer texts are cut: a table is read by people.
constexpr std::size_t kMaxCell = 1024;
constexpr std::size_t kMaxList = 60;

std::string cell(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::kNull:
      return "-";
    case Json::Kind::kBool:
      return value.as_bool("cell") ? "yes" : "no";
    case Json::Kind::kInt:
    case Json::Kind::kFloat:
      return value.number_text();
    case Json::Kind::kString:
      return printable(value.as_string("cell"), kMaxCell);
    case Json::Kind::kArray: {
      const std::vector<Json>& items = value.items("cell");
      bool shape =
          std::all_of(items.begin(), items.end(), [](const Json& i) { return i.is_int(); });
      std::string joined;
      for (const Json& item : items) {
        joined += joined.empty() ? "" : ", ";
        if (!shape && joined.size() > kMaxList) return joined + "...";
        joined += cell(item);
      }
      return shape && !items.empty() ? "[" + joined + "]" : joined;
    }
    case Json::Kind::kObject:
      break;
  }
  return dump_json(value);
}

// Columns on a terminal, for the characters that printable() lets through: bytes that continue a
// UTF-8 sequence take none. East Asian wide characters would take two; tensors have none.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

}  // namespace

std::string TextTable::text() const {
  std::vector<std::vector<std::string>> lines;
  lines.reserve(rows_.size() + 1);
  std::vector<std::string>& titles = lines.emplace_back();
  for (const TableColumn& column : columns_)
    titles.emplace_back(column.title);
  for (const std::vector<Json>& row : rows_) {
    std::vector<std::string>& line = lines.emplace_back();
    for (std::size_t c = 0; c < columns_.size(); c++)
      line.push_back(columns_[c].title.empty() ? std::string() : cell(row[c]));
  }
  std::vector<std::size_t> widths(columns_.size());
  for (const std::vector<std::string>& line : lines)
    for (std::size_t c = 0; c < line.size(); c++)
      widths[c] = std::max(widths[c], width_of(line[c]));

  std::string out;
  for (const std::vector<std::string>& line : lines) {
    std::string shown;
    for (std::size_t c = 0; c < line.size(); c++) {
      if (columns_[c].title.empty()) continue;
      if (!shown.empty()) shown += "  ";
      std::string pad(widths[c] - width_of(line[c]), ' ');
      shown += columns_[c].right ? pad + line[c] : line[c] + pad;
    }
    shown.erase(shown.find_last_not_of(' ') + 1);
    out += shown + '\n';
  }
  return out;
}

Json TextTable::json() const {
  Json list = Json::array();
  for (const std::vector<Json>& row : rows_) {
    Json object = Json::object();
    for (std::size_t c = 0; c < columns_.size(); c++)
      object.set(std::string(columns_[c].key), row[c]);
    list.push(std::move(object));
  }
  return list;
}

}  // namespace mlc
