"""What measures tlstrail: a generator of archives, the peers, and the floor."""
