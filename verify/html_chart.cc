#include "verify/html_chart.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "verify/html_text.h"

namespace mlc {
namespace {

// Shares as percentages, pixels: two digits are finer than any screen, and make bytes equal
// everywhere.
std::string coordinate(double value) { return fmt::format("{:.2f}", value); }

std::string_view anchor(double at) { return at < 0.02 ? "start" : at > 0.98 ? "end" : "middle"; }

}  // namespace

LinearAxis::LinearAxis(double most) {
  if (!std::isfinite(most) || most <= 0) return;
  double power = std::pow(10, std::floor(std::log10(most / 4)));
  for (double factor : {1.0, 2.0, 5.0, 10.0}) {
    step_ = factor * power;
    if (most / step_ <= 4) break;
  }
  end_ = step_ * std::ceil(most / step_);
}

std::vector<double> LinearAxis::steps() const {
  std::vector<double> values;
  for (int i = 0; i * step_ <= end_ * 1.0001; i++)
    values.push_back(i * step_);
  return values;
}

// Away from the ends of what a double can hold, where a power of ten is 0 or infinite.
LogAxis::LogAxis(double lowest, double highest)
    : lowest_(std::clamp(lowest, 1e-300, 1e299)), highest_(std::clamp(highest, 1e-300, 1e300)) {
  if (highest_ <= lowest_) highest_ = 10 * lowest_;
}

LogAxis LogAxis::of_decades(const std::vector<double>& values) {
  double lowest = 0, highest = 0;
  for (double value : values) {
    if (!std::isfinite(value) || value <= 0) continue;
    lowest = lowest == 0 ? value : std::min(lowest, value);
    highest = std::max(highest, value);
  }
  if (lowest == 0) return {0.1, 1};
  return {std::pow(10, std::floor(std::log10(lowest))),
          std::pow(10, std::ceil(std::log10(highest)))};
}

double LogAxis::at(double value) const {
  if (!(value > lowest_)) return 0;
  return std::min(1.0, std::log(value / lowest_) / std::log(highest_ / lowest_));
}

std::vector<Tick> LogAxis::ticks() const {
  // A little outside counts as inside: powers of ten are not exact.
  int first = static_cast<int>(std::ceil(std::log10(lowest_) - 1e-9));
  int last = static_cast<int>(std::floor(std::log10(highest_) + 1e-9));
  int every = std::max(1, (last - first + 7) / 8);
  std::vector<Tick> ticks;
  auto add = [&](double value) {
    if (value >= lowest_ * 0.999999 && value <= highest_ * 1.000001)
      ticks.push_back({at(value), number_text(value)});
  };
  bool fine = last - first < 2;
  for (int power = fine ? first - 1 : first; power <= last; power += every)
    for (double factor : {1.0, 2.0, 5.0})
      if (factor == 1.0 || fine) add(factor * std::pow(10, power));
  return ticks;
}

Plot::Plot(int height, std::string label) : height_(height), label_(std::move(label)) {}

void Plot::y_ticks(const std::vector<Tick>& ticks) {
  for (const Tick& tick : ticks)
    below_ += fmt::format(
        "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{0}\" y2=\"{0}\"/>"
        "<text x=\"-8\" y=\"{0}\" dy=\"4\" text-anchor=\"end\">{1}</text>",
        coordinate(pixels(tick.at)), html_text(tick.text));
}

void Plot::x_ticks(const std::vector<Tick>& ticks) {
  for (const Tick& tick : ticks)
    below_ +=
        fmt::format("<text x=\"{}%\" y=\"{}\" text-anchor=\"{}\">{}</text>",
                    coordinate(100 * tick.at), height_ + 18, anchor(tick.at), html_text(tick.text));
}

void Plot::x_title(std::string_view text) {
  below_ += fmt::format("<text x=\"50%\" y=\"{}\" text-anchor=\"middle\">{}</text>", height_ + 36,
                        html_text(text));
}

void Plot::bar(double x, double width, double height, std::string_view css,
               std::string_view title) {
  marks_ += rect_mark(x, width, pixels(height), height * height_, css, title);
}

void Plot::curve(const std::vector<double>& heights, const std::vector<std::string>& titles,
                 std::string_view css) {
  if (heights.empty()) return;
  auto count = static_cast<double>(heights.size());
  // A point stands in the middle of its share of the width.
  std::string points, targets;
  for (std::size_t i = 0; i < heights.size(); i++) {
    points += fmt::format("{}{},{}", i == 0 ? "" : " ",
                          coordinate(1000 * (static_cast<double>(i) + 0.5) / count),
                          coordinate(pixels(heights[i])));
    targets +=
        rect_mark(static_cast<double>(i) / count, 1 / count, 0, height_, "target", titles[i]);
  }
  // One point alone is drawn as a dot: a line needs two.
  marks_ += fmt::format(
      "<svg width=\"100%\" height=\"{0}\" viewBox=\"0 0 1000 {0}\" preserveAspectRatio=\"none\">"
      "<polyline class=\"{1}\" points=\"{2}{3}\"/></svg>{4}",
      height_, css, points, heights.size() == 1 ? " " + points : "", targets);
}

void Plot::level(double height, std::string_view css) {
  marks_ += fmt::format("<line class=\"{0}\" x1=\"0\" x2=\"100%\" y1=\"{1}\" y2=\"{1}\"/>", css,
                        coordinate(pixels(height)));
}

std::string Plot::html() const {
  return fmt::format(
      "<div class=\"plot\"><svg role=\"img\" aria-label=\"{}\" width=\"100%\" height=\"{}\">{}{}"
      "</svg></div>\n",
      html_text(label_), height_, below_, marks_);
}

std::string chart_row(std::string_view label, std::string_view drawing, std::string_view value) {
  return fmt::format(
      "<div class=\"row\"><div class=\"label\">{}</div><div class=\"drawing\">{}</div>"
      "<div class=\"value\">{}</div></div>\n",
      label, drawing, value);
}

std::string row_svg(int height, std::string_view label, std::string_view marks) {
  return fmt::format("<svg role=\"img\" aria-label=\"{}\" width=\"100%\" height=\"{}\">{}</svg>",
                     html_text(label), height, marks);
}

std::string rect_mark(double x, double width, double y, double height, std::string_view css,
                      std::string_view title) {
  return fmt::format(
      "<rect class=\"{}\" x=\"{}%\" width=\"{}%\" y=\"{}\" height=\"{}\"><title>{}</title></rect>",
      css, coordinate(100 * x), coordinate(100 * width), coordinate(y), coordinate(height),
      html_text(title));
}

}  // namespace mlc
