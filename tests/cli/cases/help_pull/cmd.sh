mlc help pull
