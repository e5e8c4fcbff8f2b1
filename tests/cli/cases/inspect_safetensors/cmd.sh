cd "$DATA" || exit
mlc inspect kjv-llama | head -n 12
mlc inspect kjv-llama/model.safetensors | tail -n 2
