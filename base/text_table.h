// A list of rows that all have the same members, shown as an aligned table or as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace mlc {

struct TableColumn {
  std::string_view key;    // in JSON
  std::string_view title;  // above the column; empty: the column is in JSON only
  bool right = false;      // numbers: aligned to the right
};

class TextTable {
 public:
  explicit TextTable(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}

  // One value per column.
  void add(std::vector<Json> row) { rows_.push_back(std::move(row)); }
  std::size_t size() const { return rows_.size(); }

  // A line of titles and one line per row. Text is shown printable; lists are joined with ", ",
  // true and false are "yes" and "no", null is "-".
  std::string text() const;
  // A list of objects, one per row, the members in the order of the columns.
  Json json() const;

 private:
  std::vector<TableColumn> columns_;
  std::vector<std::vector<Json>> rows_;
};

}  // namespace mlc
