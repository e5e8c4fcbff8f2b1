// The functions of the kernels in plain float32.
#pragma once

#include <cmath>

#include "runtime-min/kernels/kernels.h"

namespace mlc {

inline float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

inline float activation_value(Activation activation, float x) {
  switch (activation) {
    case Activation::kSilu:
      return x * sigmoid(x);
    case Activation::kGelu:
      return 0.5f * x * (1.0f + std::erf(x * 0.70710678f));
    case Activation::kGeluTanh:
      return 0.5f * x * (1.0f + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
    case Activation::kRelu:
      return x > 0.0f ? x : 0.0f;
    case Activation::kRelu2:
      return x > 0.0f ? x * x : 0.0f;
    case Activation::kSigmoid:
      return sigmoid(x);
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kExp:
      return std::exp(x);
    case Activation::kIdentity:
      return x;
    case Activation::kQuickGelu:
      return x * sigmoid(1.702f * x);
    case Activation::kExpNegExp:
      return std::exp(-std::exp(x));
  }
  return 0;
}

// Logit soft-capping; 0 is off.
inline float softcapped(float x, float cap) { return cap == 0 ? x : cap * std::tanh(x / cap); }

}  // namespace mlc
