#!/usr/bin/env bash
# Builds mlc and converts a small trained model with it: plan first, then the conversion.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }
show() {
  printf '$ %s\n' "$*"
  "$@"
}

say "1. Packages for building"
scripts/setup.sh build

say "2. Build (Release, into build/release)"
mkdir -p build
cmake --preset release -DMLC_TESTS=OFF >build/demo-configure.log 2>&1 || {
  cat build/demo-configure.log
  exit 1
}
cmake --build build/release --target mlc

model=tests/data/kjv-llama
out=build/demo/kjv-llama-q4f16_1
mlc=build/release/mlc

say "3. The plan: every param and where its bytes will lie, from headers alone"
show "$mlc" convert_weight "$model" --quantization q4f16_1 -o "$out" --dry-run

say "4. The conversion"
show "$mlc" convert_weight "$model" --quantization q4f16_1 -o "$out" --overwrite

say "5. What was written"
show ls -l "$out"
(cd "$out" && sha256sum -- *)

say "Done: built mlc, planned and converted $model (5.5 M params, bf16) to q4f16_1 in $out"
