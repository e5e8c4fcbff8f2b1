mlc run model --device cpu --raw --prompt x
