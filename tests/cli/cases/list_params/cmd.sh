mlc convert_weight --list-params auto "$DATA/kjv-llama" | tail -n 12
mlc convert_weight --list-params llama "$DATA/kjv-llama/config.json" --quantization q4f16_1 | tail -n 6
mlc convert_weight --quantization q0f16 --list-params auto "$DATA/kjv-llama" --json | cut -c 1-400
