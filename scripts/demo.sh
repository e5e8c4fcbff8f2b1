#!/usr/bin/env bash
# Builds mlc, converts a small trained model with it (plan first, then the conversion), lets the result speak,
# and makes a signed package of it.
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

say "6. The config and the tokenizer"
show "$mlc" gen_config "$model" --quantization q4f16_1 --conv-template LM -o "$out"

say "7. The model goes on from \"In the beginning God\", on every device that is here"
show "$mlc" devices --no-bandwidth
for device in $("$mlc" devices --no-bandwidth | sed -nE 's/^((cpu|vulkan|opencl)(:[0-9]+)?): .*/\1/p'); do
  show "$mlc" run "$out" --device "$device" --raw --prompt "In the beginning God" --seed 1 --max-tokens 60
done

say "8. A signed package of it, with the kernels for GPUs, and back"
rm -rf build/demo/package build/demo/unpacked build/demo/key.pem build/demo/key.pem.pub
show "$mlc" sign --new-key build/demo/key.pem
show "$mlc" package "$out" -o build/demo/package --version 1.0.0 --kernels own --sign-key build/demo/key.pem
show "$mlc" inspect build/demo/package
show "$mlc" verify build/demo/package --key build/demo/key.pem.pub --level files,params,weights
show "$mlc" unpack build/demo/package -o build/demo/unpacked
show diff -r "$out" build/demo/unpacked

say "Done: built mlc, converted $model (5.5 M params, bf16) to q4f16_1 in $out, ran it, packaged and checked it"
