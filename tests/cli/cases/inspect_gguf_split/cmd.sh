cd "$GOLDEN/gguf/split" || exit
mlc inspect u1-q2_k-00002-of-00003.gguf | head -n 12
mlc inspect u1-q2_k-00002-of-00003.gguf | tail -n 3
