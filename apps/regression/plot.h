// Plot: line plots and heat maps with scales, drawn into a picture.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sg::regression {

struct Color {
  std::uint8_t red = 0, green = 0, blue = 0;
};

/// A picture of 8-bit RGB pixels, row by row from the top, white to begin with.
class Canvas {
 public:
  Canvas(int width, int height);
  int width() const { return width_; }
  int height() const { return height_; }
  const std::vector<std::uint8_t>& pixels() const { return pixels_; }  // [height, width, 3]

  void blend(int x, int y, Color color, double opacity = 1);
  void fill(int x, int y, int width, int height, Color color);
  /// A line between two points, its edges smoothed; what lies outside of the clip is left out.
  void line(double x0, double y0, double x1, double y1, Color color, double thickness = 2);
  /// Text whose upper left corner is at (x, y); ASCII only, each unit of `scale` makes the letters 7 pixels taller.
  void text(int x, int y, std::string_view words, Color color = {40, 40, 40}, int scale = 2);
  static int text_width(std::string_view words, int scale = 2);
  void set_clip(int x, int y, int width, int height);
  void clear_clip();

 private:
  int width_, height_;
  int clip_left_ = 0, clip_top_ = 0, clip_right_, clip_bottom_;
  std::vector<std::uint8_t> pixels_;
};

/// One curve of a panel; values that are not finite interrupt it.
struct Curve {
  std::string name;
  std::vector<double> y;
  Color color;
  double thickness = 2;
  std::vector<double> x;  // empty: the panel's
};

/// Curves over one axis.
struct Panel {
  std::string title;
  std::vector<double> x;  // of the curves that have none of their own
  std::vector<Curve> curves;
  std::vector<double> marks;  // places on the x axis with a vertical line
  bool logarithmic = false;   // the y axis; values that are not positive are left out
};

/// Panels one below the other.
Canvas draw_panels(const std::vector<Panel>& panels, int width = 1000, int panel_height = 300);

/// Values on a grid, seen from above.
struct HeatMap {
  std::string title;
  int columns = 0, rows = 0;
  std::vector<double> values;      // [rows, columns]; row 0 is drawn at the bottom
  double x_first = 0, x_last = 1;  // what the edges stand for
  double y_first = 0, y_last = 1;
  double low = 0, high = 1;  // the ends of the scale; equal ends are spread a little
  bool diverging = false;    // blue, white, red; otherwise dark to bright
  bool logarithmic = false;  // colours by the logarithm
  std::string x_label = "x", y_label = "y";
};

/// The smallest and the largest finite value.
std::pair<double, double> finite_range(const std::vector<double>& values);

/// Rows of maps side by side, each with its scale; a map without values leaves its place empty.
Canvas draw_maps(const std::vector<std::vector<HeatMap>>& rows, int side = 360);

/// Round numbers between low and high, about `count` of them.
std::vector<double> ticks(double low, double high, int count);

}  // namespace sg::regression
