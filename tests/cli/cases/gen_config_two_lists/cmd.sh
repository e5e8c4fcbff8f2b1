mlc gen_config --list-models --list-presets
