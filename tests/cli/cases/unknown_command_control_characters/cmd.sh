mlc $'bad\e[31m\n'
