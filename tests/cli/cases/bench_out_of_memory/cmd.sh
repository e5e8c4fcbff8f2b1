# Said before anything is made: what is needed, and what there is.
mlc bench --synthetic llama3_1_70b --quantization q0f32 --device cpu
