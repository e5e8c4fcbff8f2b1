mlc inspect nowhere
