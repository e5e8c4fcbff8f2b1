mlc completion
