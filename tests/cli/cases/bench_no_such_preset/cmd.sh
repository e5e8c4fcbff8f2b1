mlc bench --synthetic llama3_8 --device cpu
