// A decay of its own for every row.
#define NAME wkv6
#define DECAY(i) w[at + (i)]
#include "wkv.clh"
