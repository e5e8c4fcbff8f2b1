#include "quantize/thresholds.h"

#include <cmath>

#include <gtest/gtest.h>

namespace mlc {
namespace {

// Found by brute force over all float16 quotients; the margin is what the kernel's first guess
// allows for.
TEST(Thresholds, AreTheKnownOnes) {
  constexpr float kAway[] = {-6.50195f, -5.50195f, -4.50195f, -3.50098f, -2.50293f,
                             -1.50244f, -.502197f, .497925f,  1.495605f, 2.495117f,
                             3.495117f, 4.494141f, 5.494141f, 6.494141f};
  constexpr float kEven[] = {-6.49805f, -5.50195f, -4.49805f, -3.50098f, -2.49707f,
                             -1.50244f, -.497925f, .497925f,  1.504395f, 2.495117f,
                             3.504883f, 4.494141f, 5.505860f, 6.494141f};
  for (std::size_t k = 0; k < 14; k++) {
    EXPECT_NEAR(kHalfAwayThresholds.t[k], kAway[k], 1e-5) << k;
    EXPECT_NEAR(kHalfEvenThresholds.t[k], kEven[k], 1e-5) << k;
    float middle = static_cast<float>(k) - 6.5f;
    EXPECT_LT(std::fabs(kHalfAwayThresholds.t[k] - middle), 0.0059f);
    EXPECT_LT(std::fabs(kHalfEvenThresholds.t[k] - middle), 0.0059f);
  }
  EXPECT_TRUE(std::isinf(kHalfAwayThresholds.t[14]));
}

TEST(Thresholds, SplitAllQuotientsIntoCodes) {
  for (Rounding rounding : {Rounding::kHalfAway, Rounding::kHalfEven}) {
    const Thresholds& t =
        rounding == Rounding::kHalfAway ? kHalfAwayThresholds : kHalfEvenThresholds;
    for (int n = -0x4800; n <= 0x4800; n++) {  // float16 from -8 to 8
      float y = f16_to_f32(f16_from_order(n));
      int code = 0;
      while (y >= t.t[static_cast<std::size_t>(code)])
        code++;  // no float16 lies on a threshold, so exclusive ones do not differ here
      EXPECT_EQ(std::min(code_of_f16_quotient(f16_from_order(n), rounding), 14), code);
    }
  }
}

}  // namespace
}  // namespace mlc
