cd "$GOLDEN/gguf" || exit
mlc inspect u1-mix-q3_k_m.gguf
mlc inspect u1-pure-tq2_0.gguf --tree
# A type that can't be converted.
mlc inspect u1-pure-iq1_s.gguf | head -n 5
