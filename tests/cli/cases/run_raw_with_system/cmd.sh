mlc run model --raw --system "Be brief." --prompt x
