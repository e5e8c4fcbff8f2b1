mlc completion bsh
