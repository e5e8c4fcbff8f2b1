# Three keys more, and nothing else.
mlc gen_config gpt2 --quantization q4f16_1 --quiet --dry-run >today
mlc gen_config gpt2 --quantization q4f16_1 --quiet --dry-run --legacy >legacy
diff today legacy || true
