// Reductions over a work-group, to every lane, in a fixed order. With SUBGROUP: the subgroups'
// own, then over their results in shared memory, unless SINGLE (the work-group is one subgroup: no
// barrier, which matters where a barrier is a switch of threads). Without: a tree in shared memory;
// LANES is a power of two.
#ifdef SUBGROUP

layout(constant_id = 17) const uint SINGLE = 0;
shared uint parts[LANES];  // one per subgroup, of which there are no more

#define REDUCE(T, NAME, SUBGROUP_OP, PACK, UNPACK, BOTH)                     \
  T NAME(T v) {                                                              \
    v = SUBGROUP_OP(v);                                                      \
    if (SINGLE == 0u) {                                                      \
      barrier();                                                             \
      if (subgroupElect()) parts[gl_SubgroupID] = PACK(v);                   \
      barrier();                                                             \
      v = UNPACK(parts[0]);                                                  \
      for (uint i = 1u; i < gl_NumSubgroups; i++) {                          \
        T o = UNPACK(parts[i]);                                              \
        v = BOTH;                                                            \
      }                                                                      \
    }                                                                        \
    return v;                                                                \
  }

#else

shared uint parts[LANES];

#define REDUCE(T, NAME, SUBGROUP_OP, PACK, UNPACK, BOTH)                     \
  T NAME(T v) {                                                              \
    uint lane = gl_LocalInvocationID.x;                                      \
    barrier();                                                               \
    parts[lane] = PACK(v);                                                   \
    barrier();                                                               \
    for (uint step = LANES / 2u; step > 0u; step /= 2u) {                    \
      if (lane < step) {                                                     \
        T o = UNPACK(parts[lane + step]);                                    \
        v = BOTH;                                                            \
        parts[lane] = PACK(v);                                               \
      }                                                                      \
      barrier();                                                             \
    }                                                                        \
    return UNPACK(parts[0]);                                                 \
  }

#endif

REDUCE(float, group_add, subgroupAdd, floatBitsToUint, uintBitsToFloat, v + o)
REDUCE(float, group_max, subgroupMax, floatBitsToUint, uintBitsToFloat, max(v, o))
REDUCE(uint, group_umax, subgroupMax, , , max(v, o))
REDUCE(uint, group_umin, subgroupMin, , , min(v, o))
