// What both attention kernels share: the buffers, and which positions a row sees.
layout(constant_id = 0) const uint KV_FORMAT = 0;
layout(constant_id = 1) const uint HEAD_DIM = 64;
layout(constant_id = 2) const uint KV_HEADS = 1;
layout(constant_id = 3) const uint Q_HEADS = 1;
layout(push_constant) uniform Words {
  uint rows, q_stride, q_offset, y_stride, y_offset, capacity, sink, window;
  float scale, softcap;
} p;
layout(binding = 0) readonly buffer State { uvec4 state[]; };
layout(binding = 1) readonly buffer Q { float q[]; };
layout(binding = 2) readonly buffer K { uint k_cache[]; };
layout(binding = 3) readonly buffer V { uint v_cache[]; };
layout(binding = 4) buffer Y { float y[]; };

const uint PAIRS = HEAD_DIM / 2u;
#define kMinusInfinity uintBitsToFloat(0xFF800000u)

// The positions seen, numbered from 0: those of the sink, then those of the window.
struct Seen {
  uint sinks, begin, count;
};
Seen seen_from(uint position) {
  Seen s;
  s.sinks = min(p.sink, position + 1u);
  s.begin = s.sinks;
  if (p.window != 0u && position + 1u > p.window) s.begin = max(s.begin, position + 1u - p.window);
  s.count = s.sinks + (position + 1u - s.begin);
  return s;
}
// Where the n-th of them lies in the cache.
uint place_of(Seen s, uint n) {
  if (n < s.sinks) return n;
  return p.sink + (s.begin + (n - s.sinks) - p.sink) % (p.capacity - p.sink);
}
float capped(float score) {
  return p.softcap == 0.0 ? score : p.softcap * exact_tanh(score / p.softcap);
}
vec2 k_pair(uint i) {
  if (KV_FORMAT == 0u) return unpackHalf2x16(k_cache[i]);
  return vec2(uintBitsToFloat(k_cache[2u * i]), uintBitsToFloat(k_cache[2u * i + 1u]));
}
vec2 v_pair(uint i) {
  if (KV_FORMAT == 0u) return unpackHalf2x16(v_cache[i]);
  return vec2(uintBitsToFloat(v_cache[2u * i]), uintBitsToFloat(v_cache[2u * i + 1u]));
}
