mlc inspect "$DATA/kjv-llama" --tree --json
