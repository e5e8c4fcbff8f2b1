// One decay for all rows.
#define NAME wkv5
#define DECAY(i) w[head * head_dim + (i)]
#include "wkv.clh"
