"""Files: pictures in, listings of folders, texts written whole."""
