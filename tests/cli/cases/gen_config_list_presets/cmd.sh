mlc gen_config --list-presets
