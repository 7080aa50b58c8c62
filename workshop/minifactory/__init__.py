"""minifactory: a small factory of rendered products, good and defective, with exact masks."""
