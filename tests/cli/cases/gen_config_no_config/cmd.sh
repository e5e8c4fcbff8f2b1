mlc gen_config --quantization q0f16 -o out
