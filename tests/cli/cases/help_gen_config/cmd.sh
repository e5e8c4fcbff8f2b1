mlc gen_config --help
