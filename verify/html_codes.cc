// How often each code occurs: of all quantized params together, and of each kind over its layers.
#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "verify/html_chart.h"
#include "verify/html_parts.h"
#include "verify/html_text.h"

namespace mlc {
namespace {

using Codes = std::vector<std::uint64_t>;

double total(const Codes& codes) {
  return static_cast<double>(std::accumulate(codes.begin(), codes.end(), std::uint64_t{0}));
}

std::string histogram(const Codes& codes, const std::string& label, int height, double most) {
  Plot plot(height, label);
  LinearAxis axis(most);
  std::vector<Tick> y_ticks, x_ticks;
  for (double value : axis.steps())
    y_ticks.push_back({axis.at(value), percent_text(value)});
  plot.y_ticks(y_ticks);
  auto count = static_cast<double>(codes.size());
  // At most 16 numbers fit under the bars.
  std::size_t every = std::max<std::size_t>(1, codes.size() / 8);
  double sum = std::max(1.0, total(codes));
  for (std::size_t code = 0; code < codes.size(); code++) {
    double x = static_cast<double>(code) / count, share = static_cast<double>(codes[code]) / sum;
    if (code % every == 0) x_ticks.push_back({x + 0.5 / count, fmt::format("{}", code)});
    std::string title =
        fmt::format("code {}: {} times, {}", code, codes[code], percent_text(share));
    if (codes[code] == 0)
      plot.bar(x + 0.15 / count, 0.7 / count, 8.0 / height, "code unused", title);
    else
      plot.bar(x + 0.08 / count, 0.84 / count, axis.at(share), "code bar", title);
  }
  plot.x_ticks(x_ticks);
  if (height > 100) plot.x_title("code");
  return plot.html();
}

// The largest share of a code.
double most_of(const Codes& codes) {
  if (codes.empty()) return 0;
  return static_cast<double>(*std::max_element(codes.begin(), codes.end())) /
         std::max(1.0, total(codes));
}

}  // namespace

std::string html_codes(const VerifyReport& report) {
  if (!report.weights || total(report.weights->codes) == 0) return {};
  const WeightsResult& weights = *report.weights;
  std::vector<std::pair<std::string, Codes>> kinds;
  std::map<std::string_view, std::size_t> places;
  for (const ParamNumbers& p : weights.params) {
    if (total(p.codes) == 0) continue;
    auto [place, is_new] = places.emplace(p.kind, kinds.size());
    if (is_new) kinds.emplace_back(p.kind, Codes(p.codes.size()));
    Codes& sum = kinds[place->second].second;
    sum.resize(std::max(sum.size(), p.codes.size()));
    for (std::size_t code = 0; code < p.codes.size(); code++)
      sum[code] += p.codes[code];
  }
  std::string text =
      "<section id=\"codes\">\n<h2>Codes</h2>\n<p class=\"soft\">How often each code of the "
      "quantized params occurs. A dashed mark stands where a code is not used at all.</p>\n";
  text += histogram(weights.codes, "how often each code occurs, all quantized params", 180,
                    most_of(weights.codes));
  double most = 0;
  std::vector<std::string> names;
  names.reserve(kinds.size());
  for (const auto& [kind, codes] : kinds) {
    most = std::max(most, most_of(codes));
    if (kind.find('*') != std::string::npos) names.push_back(kind);
  }
  // Those outside of layers keep their names.
  std::vector<std::string> in_layers = short_kinds(names);
  text += "<h3>By kind of param, all layers</h3>\n<div class=\"multiples\">\n";
  std::size_t next = 0;
  for (const auto& [kind, codes] : kinds) {
    std::string name =
        kind.find('*') != std::string::npos ? in_layers[next++] : short_kinds({kind})[0];
    text += fmt::format("<div><h4><code>{}</code></h4>{}</div>\n", html_text(name),
                        histogram(codes, "how often each code occurs in " + kind, 80, most));
  }
  return text + "</div>\n</section>\n";
}

}  // namespace mlc
