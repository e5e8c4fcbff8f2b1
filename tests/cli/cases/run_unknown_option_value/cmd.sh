mlc run model --device cpu --kv-cache f8
