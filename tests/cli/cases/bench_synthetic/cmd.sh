mlc bench --synthetic smollm_135m --quantization q4f16_1 --device cpu --prompt-tokens 2 --tokens 1 --runs 1 --quiet
