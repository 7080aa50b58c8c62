"""Own pictures as a dataset: from folders of good and bad ones to the layout of MVTec AD."""
