head -c 5000 "$DATA/kjv-llama/model.safetensors" >model.safetensors
mlc inspect model.safetensors
