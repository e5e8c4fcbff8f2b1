#include <algorithm>

#include <fmt/format.h>

#include "verify/report.h"

namespace mlc {

std::string finding_list_text() {
  std::size_t widest = 0;
  for (const FindingRule* rule : finding_rules())
    widest = std::max(widest, rule->name.size());
  std::string text;
  for (const FindingRule* rule : finding_rules())
    text += fmt::format("{}  {:<7}  {:<{}}  {}\n", rule->id, name_of(rule->severity), rule->name,
                        widest, rule->what);
  return text;
}

Json finding_list_json() {
  Json rows = Json::array();
  for (const FindingRule* rule : finding_rules())
    rows.push(Json::object()
                  .set("id", rule->id)
                  .set("name", rule->name)
                  .set("severity", name_of(rule->severity))
                  .set("what", rule->what)
                  .set("to_do", rule->to_do));
  Json bounds = Json::array();
  for (const ThresholdRow& row : threshold_rows())
    bounds.push(Json::object()
                    .set("name", row.name)
                    .set("value", row.value)
                    .set("at_least", row.at_least)
                    .set("explains", row.explains));
  return Json::object().set("findings", std::move(rows)).set("thresholds", std::move(bounds));
}

}  // namespace mlc
