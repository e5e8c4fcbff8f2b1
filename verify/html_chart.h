// What the charts of verify's page share: axes, a plot and rows of bars.
//
// A chart is as wide as its box, on a phone too, and its text keeps its size: positions along x are
// percentages, those along y are pixels, and a curve lies in a nested <svg> that alone is
// stretched. Labels stand outside the plot, in the padding of its box.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mlc {

struct Tick {
  double at = 0;  // 0 to 1
  std::string text;
};

// From zero to a little above `most`, in steps of 1, 2 or 5 times a power of ten.
class LinearAxis {
 public:
  explicit LinearAxis(double most);
  double at(double value) const { return value / end_; }
  std::vector<double> steps() const;

 private:
  double step_ = 1;
  double end_ = 1;
};

// Logarithmic. Values below (zero too) lie on its lower end, values above on its upper one.
class LogAxis {
 public:
  // Both positive and finite, and lowest <= highest.
  LogAxis(double lowest, double highest);
  // The axis of these values, as whole powers of ten; zeros and what is not finite don't count.
  static LogAxis of_decades(const std::vector<double>& values);
  double at(double value) const;
  // Powers of ten, not more than eight; with fewer than two of them also their doubles and fives.
  std::vector<Tick> ticks() const;
  double lowest() const { return lowest_; }
  double highest() const { return highest_; }

 private:
  double lowest_, highest_;
};

// A box with grid, marks and labels. `label` says for readers of the screen what it shows.
class Plot {
 public:
  Plot(int height, std::string label);
  void y_ticks(const std::vector<Tick>& ticks);
  void x_ticks(const std::vector<Tick>& ticks);
  void x_title(std::string_view text);
  // From the bottom; `x` and `width` are shares of the plot. `title` is shown on hover.
  void bar(double x, double width, double height, std::string_view css, std::string_view title);
  // One point after the other, evenly spaced, with a title each; `css` colours it.
  void curve(const std::vector<double>& heights, const std::vector<std::string>& titles,
             std::string_view css);
  void level(double height, std::string_view css);  // a line over the whole width
  std::string html() const;

 private:
  double pixels(double height) const { return (1 - height) * height_; }
  int height_;
  std::string label_;
  std::string below_, marks_;
};

// Rows of a label, a drawing and a value, side by side or, on a phone, the drawing below. All three
// are HTML already.
std::string chart_row(std::string_view label, std::string_view drawing, std::string_view value);
// The drawing of such a row: an <svg> as wide as its column.
std::string row_svg(int height, std::string_view label, std::string_view marks);

// A rectangle with a title; positions are shares of the width.
std::string rect_mark(double x, double width, double y, double height, std::string_view css,
                      std::string_view title);

}  // namespace mlc
