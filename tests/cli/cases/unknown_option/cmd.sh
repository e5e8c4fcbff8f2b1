mlc completion --hepl bash
