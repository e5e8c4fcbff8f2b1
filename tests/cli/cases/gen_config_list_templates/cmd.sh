mlc gen_config --list-templates
