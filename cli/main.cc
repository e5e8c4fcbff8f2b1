#include <cstdio>

int main() {
  std::puts("mlc " MLC_VERSION);
  return 0;
}
