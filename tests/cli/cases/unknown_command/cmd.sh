mlc complition bash
