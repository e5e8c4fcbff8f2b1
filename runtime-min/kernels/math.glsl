// exp, tanh and the normal distribution from +, * and /, because drivers' own may be off by more
// than a model forgives: the bound of exp is 3 + 2 |x| ulp, tanh and erf have none.

// exp(x) = 2^n exp(r), |r| <= ln(2) / 2, exp(r) by its series to r^7 (remainder 5e-9).
float exact_exp(float x) {
  float n = clamp(floor(x * 1.44269504 + 0.5), -160.0, 130.0);
  // ln 2 in two parts: the first has so few bits that n times it is exact.
  float r = (x - n * 0.693359375) + n * 2.12194440e-4;
  float p = 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  // 2^n in two steps, since n may be outside the exponents of one float.
  int e = int(n);
  int half_e = e >> 1;
  float y = p * uintBitsToFloat(uint(half_e + 127) << 23);
  y *= uintBitsToFloat(uint(e - half_e + 127) << 23);
  if (x > 88.8) return uintBitsToFloat(0x7F800000u);
  if (x < -104.0) return 0.0;
  return y;
}

float sigmoid(float x) { return 1.0 / (1.0 + exact_exp(-x)); }

// Near zero the quotient of its continued fraction (to x^9), else from exp.
float exact_tanh(float x) {
  float a = abs(x);
  float s = x * x;
  if (a < 0.6) return x * (945.0 + s * (105.0 + s)) / (945.0 + s * (420.0 + s * 15.0));
  float y = 1.0 - 2.0 / (exact_exp(2.0 * a) + 1.0);
  return x < 0.0 ? -y : y;
}

// erfc(z), z >= 0. Below 1 the series of erf to z^19; above, exp(-z^2) times a polynomial in
// 1 / (1 + z / 2) that was fitted to erfcx on [1, 10] (relative error 3e-7).
float exact_erfc(float z) {
  float s = z * z;
  if (z < 1.0) {
    float p = -1.0 / 6894720.0;
    p = p * s + 1.0 / 685440.0;
    p = p * s - 1.0 / 75600.0;
    p = p * s + 1.0 / 9360.0;
    p = p * s - 1.0 / 1320.0;
    p = p * s + 1.0 / 216.0;
    p = p * s - 1.0 / 42.0;
    p = p * s + 0.1;
    p = p * s - 1.0 / 3.0;
    p = p * s + 1.0;
    return 1.0 - 1.1283791670955126 * z * p;
  }
  float t = 1.0 / (1.0 + 0.5 * z);
  float p = 0.06982015073299408;
  p = p * t - 0.3159329891204834;
  p = p * t + 0.3579048216342926;
  p = p * t + 0.04497506469488144;
  p = p * t + 0.28425270318984985;
  p = p * t + 0.27577024698257446;
  p = p * t + 0.28267961740493774;
  p = p * t - 2.2754593373974785e-05;
  return z > 10.0 ? 0.0 : exact_exp(-s) * p;
}

// x / 2 (1 + erf(x / sqrt 2)), without the cancellation for x < 0.
float gelu(float x) {
  float tail = 0.5 * exact_erfc(abs(x) * 0.70710678118654752);
  return x * (x < 0.0 ? tail : 1.0 - tail);
}

float activate(uint kind, float x) {
  switch (kind) {
    case 0:
      return x * sigmoid(x);
    case 1:
      return gelu(x);
    case 2:
      // (1 + tanh(u)) / 2 is sigmoid(2 u).
      return x * sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x));
    case 3:
      return x > 0.0 || isnan(x) ? x : 0.0;
    case 4:
      return x > 0.0 || isnan(x) ? x * x : 0.0;
    case 5:
      return sigmoid(x);
    case 6:
      return exact_tanh(x);
    case 7:
      return exact_exp(x);
    case 9:
      return x * sigmoid(1.702 * x);
    case 10:
      return exact_exp(-exact_exp(x));
    default:
      return x;
  }
}

// float32 to float16, to the nearest, of two the even one: packHalf2x16 may round as it likes.
uint to_half(float x) {
  uint bits = floatBitsToUint(x);
  uint sign = (bits >> 16) & 0x8000u;
  uint magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return sign | 0x7E00u;
  if (magnitude >= 0x477FF000u) return sign | 0x7C00u;  // from 65520 on
  if (magnitude < 0x38800000u) {
    // Subnormal: a multiple of 2^-24, which the addition of 0.5 rounds to.
    float steps = uintBitsToFloat(magnitude) + 0.5;
    return sign | (floatBitsToUint(steps) - 0x3F000000u);
  }
  uint odd = (magnitude >> 13) & 1u;
  return sign | ((magnitude - 0x38000000u + 0xFFFu + odd) >> 13);
}

// An order of floats as unsigned integers: NaN is largest, both zeros are equal.
uint order_of(float x) {
  uint bits = floatBitsToUint(x);
  uint magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return 0xFFFFFFFFu;
  if (magnitude == 0u) return 0x80000000u;
  return (bits & 0x80000000u) != 0u ? ~bits : bits | 0x80000000u;
}
float from_order(uint key) {
  return uintBitsToFloat((key & 0x80000000u) != 0u ? key & 0x7FFFFFFFu : ~key);
}
