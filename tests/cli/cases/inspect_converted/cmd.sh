mlc convert_weight "$DATA/kjv-llama" --quantization q4f16_1 -o out --quiet >/dev/null
mlc inspect out --tree
mlc inspect out/params_shard_0.bin | tail -n 2
mlc inspect out/tensor-cache.json --json | cut -c 1-600
# Inspecting shows what the index says; that a shard is not so is a warning.
truncate -s 5 out/params_shard_0.bin
mlc inspect out --quiet | head -n 3
