// What every kernel includes. Storage is 32-bit words, so that no 16-bit storage is needed. A
// work-group has LANES invocations; groups are folded into y where x is too small for them.
layout(local_size_x_id = 16) in;
layout(constant_id = 16) const uint LANES = 64;

uint group_index() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }
uint item_index() { return group_index() * LANES + gl_LocalInvocationID.x; }

float half_of(uint word, uint index) {
  return unpackHalf2x16(word >> ((index & 1u) * 16u)).x;
}
float bf16_of(uint word, uint index) {
  return uintBitsToFloat((index & 1u) != 0u ? word & 0xFFFF0000u : word << 16);
}

const uint kInactive = 0xFFFFFFFFu;
