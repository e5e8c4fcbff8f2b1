// How far a correct kernel may be from the exact result. Derived, not measured; docs/design.md has
// the reasoning.
//
// The model of a device: a float32 operation gives the exact result times (1 + d), |d| <= u, or
// replaces a result or an operand below 2^-126 by zero (eta). u is 2^-23: Vulkan and OpenCL allow
// truncation; a device that rounds to nearest stays within half of it.
#pragma once

#include <cmath>

namespace mlc {

constexpr double kU = 0x1p-23;
constexpr double kEta = 0x1p-126;

// The bound of n roundings in a row: (1 + u)^n - 1 <= n u / (1 - n u) (Higham, "Accuracy and
// Stability", lemma 3.1). A sum of n products in any order is off by at most gamma(n) times the sum
// of the products' magnitudes.
inline double gamma(double n) { return n * kU / (1 - n * kU); }

// Relative error of exp(x): (3 + 2 |x|) ulp is what Vulkan demands ("Precision and Operation of
// SPIR-V Instructions"); OpenCL demands 3. One ulp is at most u of the value.
inline double exp_error(double x) { return (3 + 2 * std::fabs(x)) * kU; }

// Relative error of a division and of 1 / sqrt(x): 2.5 and 2 ulp in Vulkan, plus a rounding.
constexpr double kDivideError = 3.5 * kU;
constexpr double kRootError = 3.5 * kU;

// Absolute error of tanh(x). As 1 - 2 / (1 + e), e = exp(2 x): the derivative by ln e is
// 2 e / (1 + e)^2 <= 1/2, and (3 + 4 |x|) / 2 u of exp falls with it: at most 2.2 u altogether.
// Rounding 1 + e, dividing and subtracting add at most (1 + 3.5 + 1) u. A series is better.
constexpr double kTanhError = 8 * kU;

// Absolute error of erf(x): GLSL has none. Formula 7.1.26 of Abramowitz and Stegun is off by 1.5e-7
// (1.3 u), evaluated in float32 by less than 6 u more.
constexpr double kErfError = 8 * kU;

// sigmoid(x) = 1 / (1 + exp(-x)): the error of exp comes in at most in full.
inline double sigmoid_error(double x) { return exp_error(x) + kU + kDivideError; }

}  // namespace mlc
